"""A random life of a documentation site: what its authors, its theme and its servers do from day to day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_faults import (
    Fault,
    captcha,
    cut_off,
    empty,
    maintenance,
    reset,
    sign_in,
    status,
    unavailable,
)
from vector_pipeline_tests.simulators.docs_site_pages import Page, Section
from vector_pipeline_tests.simulators.docs_site_sitemap import sitemap_path

FAULTS: list[Fault] = [
    captcha(),
    cut_off(),
    empty(),
    maintenance(),
    maintenance(varying=True),
    reset(),
    sign_in(),
    status(403),
    status(429),
    status(500),
    unavailable(),
]
"""Whatever of it comes, no page has changed and none is gone."""

_TOPICS = "anchor bridge canal dyke estuary ferry gate harbour island jetty key lock mole navy ocean pier quay".split()


class Life:
    """Random operations on a site; the same dice give the same life."""

    def __init__(self, site: DocsSite, dice: Random) -> None:
        self.site, self.dice = site, dice
        self._made = 0
        self._forbidden = ""
        self._operations: list[tuple[Callable[[], None], int]] = [
            (self._edit, 8),
            (self._add, 4),
            (self._remove, 2),
            (self._move, 4),
            (self._rename, 2),
            (self._hide, 2),
            (self._copy, 2),
            (self._print_version, 3),
            (self._other_spellings, 4),
            (self._refresh, 1),
            (self._circle, 1),
            (self._release, 3),
            (self._reorganize, 2),
            (self._forbid, 1),
            (self._serve, 2),
        ]
        site.put(Page("/", "Harbours", (Section("Welcome", ("All that is known of harbours.",)),)))
        for _ in range(10):
            self._add()

    def days(self, number: int) -> None:
        """So many operations."""
        operations, weights = zip(*self._operations, strict=True)
        for operation in self.dice.choices(operations, weights, k=number):
            operation()

    # ---- what authors do

    def _add(self) -> None:
        self._made += 1
        dice, number = self.dice, self._made
        topic = dice.choice(_TOPICS)
        folder = dice.choice(["", "guide/", "reference/", "guide/deep/"])
        path = f"/{folder}{topic}-{number}" + dice.choice(["/", ".html", "/"])
        names = dice.sample(_TOPICS, 3)
        sections = tuple(
            Section(
                f"The {name} of page {number}",
                tuple(self._sentence() for _ in range(dice.randint(1, 3))),
                f"def {name}():\n    return {number}" if dice.random() < 0.3 else "",
            )
            for name in names
        )
        self.site.put(Page(path, f"{topic.title()} {number}", sections))

    def _edit(self) -> None:
        page = self._some_page()
        place = self.dice.randrange(len(page.sections))
        section = page.sections[place]
        changed = replace(section, paragraphs=(*section.paragraphs[:-1], self._sentence()))
        self.site.put(replace(page, sections=(*page.sections[:place], changed, *page.sections[place + 1 :])))

    def _rename(self) -> None:
        self._made += 1
        self.site.put(replace(self._some_page(), title=f"Renamed {self._made}"))

    def _remove(self) -> None:
        if len(self._paths()) > 6:
            self.site.remove(self.dice.choice(self._paths()))

    def _move(self) -> None:
        """To a new address, with a redirect; some other page goes on linking to the old one."""
        self._made += 1
        old = self.dice.choice(self._paths())
        self.site.move(old, f"/moved/{self._made}/", status=self.dice.choice([301, 302, 307, 308]))
        self._link(old)

    def _hide(self) -> None:
        """Out of search engines, or back into them."""
        page = self._some_page()
        self.site.put(replace(page, robots="" if page.robots else "noindex"))

    def _copy(self) -> None:
        """The same text at another address, as a page of its own."""
        self._made += 1
        self.site.put(replace(self._some_page(), path=f"/copies/{self._made}/", aliases=(), canonical=""))

    def _print_version(self) -> None:
        """The same text at another address, which names the first as the canonical one."""
        page = self._some_page()
        if not page.path.startswith("/print/"):
            path = f"/print{page.path}"
            self.site.put(replace(page, path=path, aliases=(), canonical=page.path, hidden=True))
            self._link(path)

    def _other_spellings(self) -> None:
        """Links to a page as people write them."""
        page = self._some_page()
        folder = page.path.rpartition("/")[0]
        if page.path.endswith("/"):
            self.site.put(replace(page, aliases=(f"{page.path}index.html",)))
            self._link(f"{page.path}index.html")
            self._link(page.path.removesuffix("/"))
        self._link(f"{page.path}?utm_source=mail#section")
        self._link(f"{folder}/./{page.path.rpartition('/')[2]}")

    def _refresh(self) -> None:
        """A page with nothing but a leap to another."""
        self._made += 1
        path = f"/leap/{self._made}/"
        target = self.dice.choice(self._paths())
        self.site.put(Page(path, "Leap", (Section("Leap", ("You are sent on.",)),), refresh=target, hidden=True))
        self._link(path)

    def _circle(self) -> None:
        self._made += 1
        one, other = f"/circle/{self._made}/a/", f"/circle/{self._made}/b/"
        self.site.redirect(one, other)
        self.site.redirect(other, one)
        self._link(one)

    def _serve(self) -> None:
        """A text file, linked from a page."""
        self._made += 1
        path = f"/files/{self.dice.randrange(3)}.txt"
        self.site.serve(path, f"Notes on {self._sentence()}\n".encode(), "text/plain; charset=utf-8")
        self._link(path)

    # ---- what the site's builders do

    def _release(self) -> None:
        self.site.release()
        if self.dice.random() < 0.3:
            self.site.theme = replace(self.site.theme, layout=self.dice.choice(["material", "sphinx", "bare"]))

    def _reorganize(self) -> None:
        """Other validators, another form of sitemap, canonical links everywhere or nowhere."""
        self.site.validators = self.dice.choice(["both", "etag", "last-modified", "none"])
        self.site.canonical = self.dice.random() < 0.5
        self.site.sitemap_lastmod = self.dice.random() < 0.5
        if self.site.sitemap != "none":
            self.site.sitemap = self.dice.choice(["plain", "index", "gzip"])
        self._write_robots()

    def _forbid(self) -> None:
        """robots.txt forbids one page, or none any more."""
        self._forbidden = self.dice.choice(["", *self._paths()])
        self._write_robots()

    def _write_robots(self) -> None:
        kind = self.site.sitemap
        named = "" if kind == "none" else f"Sitemap: {self.site.address(sitemap_path(kind))}\n"
        self.site.robots = f"User-agent: *\nDisallow: {self._forbidden}\n{named}"

    # ---- parts

    def _paths(self) -> list[str]:
        return [path for path in self.site.paths() if path != "/"]

    def _some_page(self) -> Page:
        return self.site.page(self.dice.choice(self._paths()))

    def _link(self, target: str) -> None:
        """Links a path from the content of some page."""
        page = self.site.page(self.dice.choice(["/", *self._paths()]))
        links = dict.fromkeys([*page.links, (target, f"see {target.strip('/') or 'start'}")])
        self.site.put(replace(page, links=tuple(links)[-5:]))

    def _sentence(self) -> str:
        one, other = self.dice.sample(_TOPICS, 2)
        return (
            f"The {one} lies {self.dice.randrange(10_000)} metres from the {other}, as of survey {self.dice.random()}."
        )
