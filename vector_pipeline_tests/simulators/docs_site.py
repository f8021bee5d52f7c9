"""A simulated documentation site on loopback: pages, theme, sitemap, robots.txt, true validators, faults, a log.

    pages = [Page("/", "Welcome", (Section("Start", ("Read on.",)),)), Page("/guide/", "Guide")]
    with DocsSite(pages) as site:                   # or DocsSite(generated=20_000), DocsSite(folder=built, at="/docs/")
        site.url, site.address("/guide/")           # "http://127.0.0.1:41234/", "http://127.0.0.1:41234/guide/"
        site.edit("/guide/", "Other words.")        # changes what a page says
        site.add("/new/", "New page", "A paragraph.")
        site.remove("/guide/")
        site.move("/new/", "/newer/")               # with a permanent redirect
        site.release()                              # every page's bytes change, what they say does not
        site.sitemap, site.robots = "gzip", "User-agent: *\\nDisallow: /private/"
        with site.failing(unavailable(retry_after=1), "!/robots.txt"):
            ...                                     # docs_site_faults has more of them
        site.log.count("/newer/", status=304)       # and what was asked, how often, how politely
        site.log.clear()

Validators are true: ETag is made from the bytes of a page, Last-Modified tells by the site's own clock when these bytes
were first served, and If-None-Match or If-Modified-Since gives 304 exactly when the bytes are the same.
"""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import Message
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote, unquote

from vector_pipeline_tests.simulators.docs_site_faults import Fault, Faults
from vector_pipeline_tests.simulators.docs_site_folder import BuiltFolder
from vector_pipeline_tests.simulators.docs_site_generated import GeneratedPages
from vector_pipeline_tests.simulators.docs_site_http import CONTROL, HttpSite, Reply, Request
from vector_pipeline_tests.simulators.docs_site_pages import BEGINNING, Page, Section, Theme, render
from vector_pipeline_tests.simulators.docs_site_sitemap import SitemapKind, sitemap_file, sitemap_path

_TICK = timedelta(minutes=1)
"""How far a change moves the site's clock on."""


class DocsSite:
    """A site that answers between `start` and `stop`, or within `with`. Attributes may be changed at any time.

    `theme` surrounds the pages. `sitemap` is "plain", "index" (parts of 5,000 pages), "gzip" or "none";
    `sitemap_lastmod` gives dates in it, `unlisted` paths are left out. `robots` is the text of robots.txt, None has one
    that allows all and names the sitemap, "" has none (404). `menu` says what navigation shows: "all" pages, those
    "near" in a generated site, or "none". `validators`: "both", "etag", "last-modified" or "none". `gzip` packs bodies
    for clients that take it. `canonical` lets each page name its own address as the canonical one.
    """

    def __init__(
        self,
        pages: Iterable[Page] = (),
        *,
        generated: int = 0,
        seed: int = 0,
        folder: Path | None = None,
        at: str = "/",
        public_url: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """`folder` with built HTML is served below the path `at`; in its files `public_url` becomes this address."""
        self.http = HttpSite(self._answer, host=host, port=port)
        self.url = self.http.url
        self.log = self.http.log
        self.faults = Faults()
        self.sitemap: SitemapKind = "none" if folder else "plain"
        self.sitemap_lastmod = True
        self.unlisted: set[str] = set()
        self.robots: str | None = "" if folder else None
        self.menu: Literal["all", "near", "none"] = "near" if generated else "all"
        self.validators: Literal["both", "etag", "last-modified", "none"] = "both"
        self.gzip = True
        self.canonical = False
        self.transform: Callable[[str, bytes], bytes] = lambda _path, body: body
        """Changes the files of a folder on their way out, by path and bytes."""
        self.controls: dict[str, Callable[[str], bytes]] = {}
        self._lock = threading.RLock()
        self._now = BEGINNING
        self._theme = Theme()
        self._generated = GeneratedPages(generated, seed)
        self._own: dict[str, Page] = {}
        self._gone: set[str] = set()
        self._aliases: dict[str, str] = {}
        self._redirects: dict[str, tuple[int, str]] = {}
        self._before: dict[str, str] = {}
        self._after: dict[str, str] = {}
        self._files: dict[str, Reply] = {}
        self._stamps: dict[str, tuple[str, datetime]] = {}
        self._listing: tuple[int, list[tuple[str, str]]] = (-1, [])
        self._revision = 0
        self._edits = 0
        self._folder = BuiltFolder(folder, at, public_url) if folder else None
        for page in pages:
            self.put(page)

    # ---- life

    def start(self) -> Self:
        """Answers from now on, at the same address as before."""
        self.http.start()
        return self

    def stop(self) -> None:
        """Refuses connections from now on."""
        self.http.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    # ---- what it says

    @property
    def theme(self) -> Theme:
        """What surrounds the pages; may be set."""
        return self._theme

    @theme.setter
    def theme(self, theme: Theme) -> None:
        with self._changing():
            self._theme = theme

    def address(self, path: str) -> str:
        """The URL of a path."""
        return self.url + quote(path.removeprefix("/"), safe="/%?=&~")

    def paths(self) -> list[str]:
        """The paths of all pages: for a folder those of its HTML files."""
        with self._lock:
            made = [path for path in self._generated.paths() if path not in self._gone and path not in self._own]
            built = [path for path in self._folder.paths() if path not in self._gone] if self._folder else []
            return sorted({*made, *self._own, *built})

    def page(self, path: str) -> Page:
        """The page at a path; KeyError where there is none."""
        with self._lock:
            found = self._page(path)
        if found is None:
            raise KeyError(path)
        return found

    def put(self, page: Page) -> Page:
        """Adds a page, or puts it in the place of the one at its path; gives it with its date."""
        with self._changing():
            page = replace(page, lastmod=self._now)
            self._own[page.path] = page
            self._gone.discard(page.path)
            self._redirects.pop(page.path, None)
            self._aliases |= dict.fromkeys(page.aliases, page.path)
        return page

    def add(self, path: str, title: str, *paragraphs: str, links: Iterable[tuple[str, str]] = ()) -> Page:
        """Adds a page with one section."""
        return self.put(Page(path, title, (Section(f"About {title}", paragraphs),), tuple(links)))

    def edit(self, path: str, text: str = "") -> Page:
        """Lets the first paragraph say something else: `text`, or a sentence that is nowhere else."""
        page = self.page(path)
        first, *others = page.sections or (Section("Text"),)
        self._edits += 1
        text = text or self._generated.sentence(self._edits)
        section = replace(first, paragraphs=(text, *first.paragraphs[1:]))
        return self.put(replace(page, sections=(section, *others)))

    def remove(self, path: str) -> None:
        """Takes a page away: 404 from now on, and in no navigation and sitemap."""
        with self._changing():
            self._own.pop(path, None)
            self._gone.add(path)
            self._aliases = {alias: target for alias, target in self._aliases.items() if target != path}

    def move(self, path: str, to: str, *, status: int = 301) -> Page:
        """Moves a page as it is, with a redirect from its old path."""
        with self._changing():
            page = self.put(replace(self.page(path), path=to))
            self.remove(path)
            self.redirect(path, to, status=status)
            origin = self._before.pop(path, path)
            self._before[to], self._after[origin] = origin, to
        return page

    def redirect(self, path: str, target: str, *, status: int = 301) -> None:
        """Lets a path redirect to a path or URL."""
        with self._changing():
            self._redirects[path] = status, target

    def serve(self, path: str, body: bytes, media_type: str = "text/html", **headers: str) -> None:
        """Any other file at a path (its query included); underscores in names of headers stand for dashes."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        with self._changing():
            self._files[path] = Reply(200, body, media_type, names)

    def release(self) -> None:
        """A new version of the site: the bytes of every page change, what they say does not."""
        self.theme = self.theme.released()

    @contextmanager
    def failing(
        self, fault: Fault, *paths: str, rate: float = 1.0, times: int | None = None, seed: int = 0
    ) -> Iterator[None]:
        """Within it a fault strikes requests to `paths`; see `Faults.add`."""
        undo = self.faults.add(fault, *paths, rate=rate, times=times, seed=seed)
        try:
            yield
        finally:
            undo()

    # ---- answers

    def _answer(self, request: Request) -> Reply:
        if request.path.startswith(CONTROL):
            control = self.controls.get(request.path.removeprefix(CONTROL))
            return Reply(200, control(request.query), "application/json") if control else Reply(404)
        with self._lock:
            reply = self._validated(request, self.good_reply(request))
        return self.faults.apply(request, reply)

    def good_reply(self, request: Request) -> Reply:
        """What a site with nothing wrong answers, without validators. Sites of another nature extend it."""
        path = unquote(request.path)
        file = self._files.get(f"{path}?{request.query}" if request.query else path)
        if file is not None:
            return file
        if path in self._redirects:
            status, target = self._redirects[path]
            return Reply(status, b"", headers={"Location": target})
        page = self._page(self._aliases.get(path, path)) or self._page(path.removesuffix("index.html"))
        if page is not None:
            canonical = page.canonical or (self.address(page.path) if self.canonical else "")
            return Reply(200, render(replace(page, canonical=canonical), self._theme, self._menu(page.path)))
        if self._page(f"{path}/") is not None:
            return Reply(301, b"", headers={"Location": f"{request.path}/"})
        found = self._listed_file(path)
        if found is None and self._folder is not None and path not in self._gone:
            found = self._folder.reply(path, self.url)
            if found is not None and found.status == 200:
                found = replace(found, body=self.transform(path, found.body))
        return found or Reply(404, b"<!doctype html><title>Not found</title><h1>There is no such page</h1>")

    def _validated(self, request: Request, reply: Reply) -> Reply:
        """The reply with its validators, or 304; packed for clients that take it."""
        if reply.status != 200 or reply.pieces is not None or "Content-Encoding" in reply.headers:
            return reply
        etag = f'"{hashlib.sha256(reply.body).hexdigest()[:20]}"'
        key = f"{request.path}?{request.query}"
        known, changed = self._stamps.get(key, ("", self._now))
        if known != etag:
            self._now = changed = self._now + _TICK
            self._stamps[key] = etag, changed
        headers = dict(reply.headers)
        if self.validators in ("both", "etag"):
            headers["ETag"] = etag
        if self.validators in ("both", "last-modified"):
            headers["Last-Modified"] = format_datetime(changed, usegmt=True)
        if _is_known(request.headers, headers.get("ETag", ""), changed if "Last-Modified" in headers else None):
            return Reply(304, b"", reply.media_type, headers)
        if self.gzip and "gzip" in request.headers.get("Accept-Encoding", "") and len(reply.body) > 200:
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            return replace(reply, body=gzip.compress(reply.body, 1, mtime=0), headers=headers)
        return replace(reply, headers=headers)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock:
            self._now += _TICK
            yield
            self._revision += 1

    def _page(self, path: str) -> Page | None:
        if path in self._own or path in self._gone:
            return self._own.get(path)
        number = self._generated.number(path)
        return None if number is None else self._generated.page(number)

    # ---- navigation, sitemap, robots.txt

    def _menu(self, path: str) -> list[tuple[str, str]]:
        if self.menu == "none":
            return []
        if self.menu == "near":
            return self._near(path)
        if self._listing[0] != self._revision:
            numbers = range(self._generated.count)
            made = {self._generated.path(number): self._generated.title(number) for number in numbers}
            kept = {made_path: title for made_path, title in made.items() if made_path not in self._gone}
            own = {page.path: page.title for page in self._own.values() if not page.hidden}
            self._listing = self._revision, sorted((kept | own).items())
        return self._listing[1]

    def _near(self, path: str) -> list[tuple[str, str]]:
        """The neighbours in the generated tree, wherever they moved; the start shows pages that were added too."""
        number = self._generated.number(self._before.get(path, path))
        shown: list[tuple[str, str]] = []
        for near in self._generated.near(number) if number is not None else ["/"]:
            made, own = self._generated.number(near), self._own.get(self._after.get(near, near))
            if own is not None:
                shown.append((own.path, own.title))
            elif near not in self._gone and made is not None:
                shown.append((near, self._generated.title(made)))
        if path == "/":
            added = [page for page in self._own.values() if page.path not in self._before and not page.hidden]
            shown += [(page.path, page.title) for page in added if self._generated.number(page.path) is None]
        return shown

    def _listed_file(self, path: str) -> Reply | None:
        """robots.txt, or the sitemap or a part of it."""
        if path == "/robots.txt" and self.robots != "":
            named = "" if self.sitemap == "none" else f"Sitemap: {self.address(sitemap_path(self.sitemap))}\n"
            text = f"User-agent: *\nDisallow:\n{named}" if self.robots is None else self.robots
            return Reply(200, text.encode(), "text/plain; charset=utf-8")
        return sitemap_file(path, self.sitemap, self.url, self._listed_pages)

    def _listed_pages(self) -> list[tuple[str, datetime | None]]:
        pages: list[tuple[str, datetime | None]] = []
        for path in self.paths():
            own = self._own.get(path)
            date = own.lastmod if own else BEGINNING
            if path not in self.unlisted:
                pages.append((self.address(path), date if self.sitemap_lastmod else None))
        return pages


def _is_known(headers: Message, etag: str, changed: datetime | None) -> bool:
    """Whether the client holds these bytes: RFC 9110, section 13.2.2; a date counts only without an ETag."""
    if "If-None-Match" in headers:
        held = [tag.strip().removeprefix("W/") for tag in headers["If-None-Match"].split(",")]
        return bool(etag) and (etag in held or "*" in held)
    if "If-Modified-Since" not in headers or changed is None:
        return False
    try:
        return changed <= parsedate_to_datetime(headers["If-Modified-Since"])
    except ValueError:
        return False
