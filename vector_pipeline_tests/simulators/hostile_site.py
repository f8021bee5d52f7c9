"""A documentation site full of traps between good pages, each linked from a good start page.

    with HostileSite() as site:
        site.good       # paths of the good pages, each with a word that is nowhere else
        site.traps      # path of each trap: what it does
        site.log        # what was asked, as of any DocsSite

Nothing here is endless for the site itself: bodies are made while they are sent, and end when the site stops.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from html import escape

from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_http import Reply, Request
from vector_pipeline_tests.simulators.docs_site_pages import Page, Section

_MEGABYTE = 1_000_000
_CALENDAR = re.compile(r"/calendar/(\d{1,9})/(\d{1,2})/")
_CHAIN = re.compile(r"/trap/chain/(\d{1,9})/")
_MANY = re.compile(r"/many/(\d)/")
LINKS = 100_000
"""Links on the page with very many of them; they lead to ten pages."""
NESTED = 50_000
"""Elements within each other on the page that is nested too deeply."""

_REDIRECTS = {
    "/trap/metadata/": "http://169.254.169.254/latest/meta-data/",
    "/trap/ipv6/": "http://[::1]/",
    "/trap/mapped/": "http://[::ffff:127.0.0.1]/",
    "/trap/decimal/": "http://2130706433/",
    "/trap/file/": "file:///etc/passwd",
    "/trap/off-host/": "https://elsewhere.example/docs/",
    "/trap/loop/": "/trap/pool/",
    "/trap/pool/": "/trap/loop/",
    "/trap/self/": "/trap/self/",
}
_TRAPS = {
    **{path: f"redirects to {target}" for path, target in _REDIRECTS.items() if path != "/trap/pool/"},
    "/trap/chain/0/": "redirects without an end",
    "/trap/bomb/": "one gigabyte in a gzip body of one megabyte",
    "/trap/drip/": "a byte now and then, without an end",
    "/trap/huge/": "announces one gigabyte",
    "/trap/endless/": "sends without an end",
    "/trap/refresh/": "refreshes to another address each time",
    "/trap/title/": "scripts, terminal commands and control characters in its title",
    "/trap/nested/": "50,000 elements within each other",
    "/trap/links/": "100,000 links",
    "/trap/deeper/": "links to a folder below itself, at any depth",
    "/trap/canonical/": "says that its canonical address is at another host",
    "/trap/entities/": "an XHTML page that declares entities within entities",
    "/calendar/2024/1/": "a calendar without an end",
}


class HostileSite(DocsSite):
    """The site; its sitemap has a good part and one that declares entities within entities.

    `canary` is a URL that a further trap, /trap/canary/, redirects to: a server that must never be asked.
    """

    def __init__(self, *, good_pages: int = 8, canary: str = "", host: str = "127.0.0.1", port: int = 0) -> None:
        self.good = [f"/good-{number}/" for number in range(good_pages)]
        self._targets = {**_REDIRECTS, **({"/trap/canary/": canary} if canary else {})}
        self.traps = {**_TRAPS, **({"/trap/canary/": f"redirects to {canary}"} if canary else {})}
        links = tuple((path, f"Trap {number}") for number, path in enumerate(self.traps))
        super().__init__(
            [
                Page("/", "Start", (Section("Welcome", ("These pages are good, those are traps.",)),), links),
                *(Page(path, f"Good {path[6:-1]}", (Section("Word", (word_of(path),)),)) for path in self.good),
            ],
            host=host,
            port=port,
        )
        self.good.insert(0, "/")

    def good_reply(self, request: Request) -> Reply:
        """The trap at a path, else what the site says there."""
        path = request.path
        if path in self._targets:
            return Reply(302, headers={"Location": self._targets[path]})
        if found := _CHAIN.fullmatch(path):
            return Reply(302, headers={"Location": f"/trap/chain/{int(found[1]) + 1}/"})
        if found := _CALENDAR.fullmatch(path):
            return _calendar(int(found[1]), int(found[2]))
        if found := _MANY.fullmatch(path):
            return _page(f"One of many {found[1]}", f"<p>Number {found[1]} of the pages that many links lead to.</p>")
        if path.startswith("/trap/deeper/"):
            return _page("Deeper", "<p>It goes on <a href='deeper/'>below</a> and <a href='./x/../down/'>here</a>.</p>")
        if path == "/sitemap.xml":
            parts = "".join(
                f"<sitemap><loc>{self.url}sitemap-{name}.xml</loc></sitemap>" for name in ("good", "laughs")
            )
            return _xml(f"<sitemapindex>{parts}</sitemapindex>")
        if path == "/sitemap-good.xml":
            return _xml(
                f"<urlset>{''.join(f'<url><loc>{self.address(good)}</loc></url>' for good in self.good)}</urlset>"
            )
        if path == "/sitemap-laughs.xml":
            return _xml(_entities("urlset", "<url><loc>&l9;</loc></url>"))
        return self._trap(path, request.query) or super().good_reply(request)

    def _trap(self, path: str, query: str) -> Reply | None:
        match path:
            case "/trap/bomb/":
                return Reply(200, _bomb(), headers={"Content-Encoding": "gzip"})
            case "/trap/drip/":
                return Reply(200, pieces=self._drip())
            case "/trap/huge/":
                return Reply(200, pieces=_words(1_000), headers={"Content-Length": str(1_000 * _MEGABYTE)})
            case "/trap/endless/":
                return Reply(200, pieces=_words(1_000_000))
            case "/trap/refresh/":
                number = int(query.removeprefix("n=") or 0) + 1
                refresh = f"<meta http-equiv='refresh' content='0; url=/trap/refresh/?n={number}'>"
                return Reply(200, f"<!doctype html><title>Wait</title>{refresh}<p>Wait.</p>".encode())
            case "/trap/title/":
                title = "<script>alert(1)</script>\x1b]0;owned\x07\x1b[2J\x1b[31m red \u202egnp.exe \x00\x08\r end"
                return _page(title, "<p>Its title is bad, its text is good.</p><script>alert(2)</script>", raw=True)
            case "/trap/nested/":
                return _page(
                    "Nested", "<div><b>" * (NESTED // 2) + "The innermost word." + "</b></div>" * (NESTED // 2)
                )
            case "/trap/links/":
                links = (f"<a href='/many/{n % 10}/{'?page=' if n % 2 else '#part-'}{n}'>{n}</a>" for n in range(LINKS))
                return _page("Many links", "".join(links))
            case "/trap/canonical/":
                head = "<link rel='canonical' href='https://elsewhere.example/docs/'>"
                return _page("Elsewhere", "<p>A page that claims to be at another host.</p>", head=head)
            case "/trap/entities/":
                return Reply(200, _entities("html", "<body><p>&l9;</p></body>").encode(), "application/xhtml+xml")
        return None

    def _drip(self) -> Iterator[bytes]:
        yield b"<!doctype html><title>Slow</title><p>"
        while not self.http.stopping.wait(0.1):
            yield b"x"


def word_of(path: str) -> str:
    """The word that only the good page at this path has."""
    return f"treasure{path[6:-1]}"


def _page(title: str, body: str, *, head: str = "", raw: bool = False) -> Reply:
    shown = title if raw else escape(title)
    top = f"<!doctype html><html><head><title>{shown}</title>{head}</head>"
    return Reply(200, f"{top}<body><main><h1>{shown}</h1>{body}</main></body></html>".encode())


def _calendar(year: int, month: int) -> Reply:
    later, earlier = (
        (year, month + 1) if month < 12 else (year + 1, 1),
        (year, month - 1) if month > 1 else (year - 1, 12),
    )
    links = "".join(f"<a href='/calendar/{y}/{m}/'>{y}-{m}</a> " for y, m in (earlier, later))
    return _page(f"Calendar of {year}-{month}", f"<p>Nothing happens in month {month} of the year {year}.</p>{links}")


def _xml(text: str) -> Reply:
    return Reply(200, text.encode(), "application/xml")


def _entities(root: str, content: str) -> str:
    """A document of a kilobyte that says a word a thousand million times."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE {root} [<!ENTITY l0 "lol">{laughs}]><{root}>{content}</{root}>'


def _bomb() -> bytes:
    """A gzip body that is one gigabyte of spaces: one packed megabyte, again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    beginning = packer.compress(b"<!doctype html><p>") + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(b" " * _MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    return beginning + block * 1_000


def _words(megabytes: int) -> Iterator[bytes]:
    piece = b"<p>word word</p>" * (_MEGABYTE // 16)
    for _ in range(megabytes):
        yield piece
