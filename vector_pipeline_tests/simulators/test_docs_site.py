"""The simulated documentation sites: what they answer is what a good, a failing and a hostile site would answer."""

from __future__ import annotations

import gzip
import http.client
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from lxml import html

from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_faults import (
    Fault,
    captcha,
    cut_off,
    empty,
    maintenance,
    not_found,
    one_of,
    reset,
    sign_in,
    slow,
    unavailable,
    wrong_charset,
)
from vector_pipeline_tests.simulators.docs_site_pages import Page, Section, Theme
from vector_pipeline_tests.simulators.docs_site_server import DocsSiteProcess
from vector_pipeline_tests.simulators.docs_site_sitemap import SitemapKind
from vector_pipeline_tests.simulators.hostile_site import HostileSite, word_of

PAGES = [
    Page("/", "Welcome", (Section("Start here", ("Read <on> & on.",), "if a < b:\n    print('&amp;')"),)),
    Page("/guide/", "Guide", (Section("First steps", ("One.", "Two.")),), links=(("/api.html", "See the API"),)),
    Page("/api.html", "API", (Section("Calls"),), aliases=("/api-old.html",), robots="noindex", hidden=True),
]


class Answer:
    """What came back for one GET, without following redirects."""

    def __init__(self, url: str, method: str = "GET", **headers: str) -> None:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=100)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, f"{parts.path}{f'?{parts.query}' if parts.query else ''}", headers=names)
        answer = connection.getresponse()
        self.status, self.headers = answer.status, answer.headers
        try:
            self.body = answer.read()
        finally:
            connection.close()

    @property
    def text(self) -> str:
        return self.body.decode()


@pytest.fixture
def site() -> Iterator[DocsSite]:
    with DocsSite(PAGES) as running:
        yield running


def _get(site: DocsSite, path: str, **headers: str) -> Answer:
    return Answer(site.address(path), **headers)


def _words(answer: Answer) -> list[str]:
    """The words of the main content, without the marks that link to headings."""
    content = _find(answer, "//article | //*[@role='main']")[0]
    for mark in content.xpath(".//a[@class='headerlink']"):
        mark.drop_tree()
    return " ".join(content.itertext()).split()


def _find(answer: Answer, path: str) -> list[Any]:
    """What the XPath finds in the page."""
    tree: Any = html.fromstring(answer.body)
    found: list[Any] = tree.xpath(path)
    return found


def test_a_page_says_its_words_in_every_theme(site: DocsSite) -> None:
    for layout in ("material", "sphinx"):
        site.theme = Theme(layout=layout)
        for page in PAGES:
            assert _words(_get(site, page.path)) == page.words
    assert 'id="first-steps"' in _get(site, "/guide/").text
    assert "<pre><code>if a &lt; b:\n    print('&amp;amp;')\n</code></pre>" in _get(site, "/").text


def test_a_page_has_one_address_and_the_usual_others_lead_there(site: DocsSite) -> None:
    moved = _get(site, "/guide")
    assert (moved.status, moved.headers["Location"]) == (301, "/guide/")
    assert _get(site, "/guide/index.html").body == _get(site, "/guide/").body
    assert _get(site, "/api-old.html").body == _get(site, "/api.html").body
    assert _get(site, "/nowhere").status == 404


def test_the_menu_shows_all_pages_that_are_not_hidden(site: DocsSite) -> None:
    text = _get(site, "/guide/").text
    assert '<a href="/">Welcome</a>' in text
    assert ">API</a>" not in text
    site.add("/new/", "New page", "Words.")
    assert ">New page</a>" in _get(site, "/guide/").text


@pytest.mark.parametrize("validators", ["both", "etag", "last-modified"])
def test_validators_are_true(site: DocsSite, validators: str) -> None:
    site.menu = "none"
    site.validators = validators  # type: ignore[assignment]

    def again(first: Answer) -> Answer:
        held = {"If_None_Match": first.headers["ETag"], "If_Modified_Since": first.headers["Last-Modified"]}
        return _get(site, "/guide/", **{name: value for name, value in held.items() if value})

    first = _get(site, "/guide/")
    site.edit("/")
    unchanged = again(first)
    assert (unchanged.status, unchanged.body) == (304, b"")
    site.edit("/guide/", "Other words.")
    changed = again(first)
    assert changed.status == 200
    assert b"Other words." in changed.body
    assert again(changed).status == 304
    site.menu = "all"  # an attribute changes the bytes as well
    assert again(changed).status == 200


def test_a_site_without_validators_sends_everything_again(site: DocsSite) -> None:
    site.validators = "none"
    first = _get(site, "/guide/")
    assert first.headers["ETag"] is None
    assert _get(site, "/guide/", If_None_Match="*", If_Modified_Since="Sun, 01 Jan 2034 00:00:00 GMT").status == 200


def test_a_release_changes_every_byte_of_no_words(site: DocsSite) -> None:
    site.theme = Theme(layout="sphinx")
    before = {path: _get(site, path) for path in site.paths()}
    site.release()
    for path, old in before.items():
        new = _get(site, path, If_None_Match=old.headers["ETag"])
        assert new.status == 200
        assert new.body != old.body
        assert _words(new) == _words(old)


def test_bodies_are_packed_only_for_those_who_take_it(site: DocsSite) -> None:
    packed = _get(site, "/", Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == _get(site, "/").body
    head = Answer(site.address("/"), "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(_get(site, "/").body)


def test_pages_move_and_go(site: DocsSite) -> None:
    words = _words(_get(site, "/guide/"))
    site.move("/guide/", "/manual/")
    assert (_get(site, "/guide/").status, _get(site, "/guide/").headers["Location"]) == (301, "/manual/")
    assert _words(_get(site, "/manual/")) == words
    site.remove("/manual/")
    assert _get(site, "/manual/").status == 404
    site.put(PAGES[1])
    assert _get(site, "/guide/").status == 200
    assert site.paths() == ["/", "/api.html", "/guide/"]


@pytest.mark.parametrize("kind", ["plain", "gzip", "index"])
def test_the_sitemap_lists_every_page(kind: SitemapKind) -> None:
    with DocsSite(generated=6_000) as site:
        site.sitemap = kind
        site.unlisted = {"/topic-1/"}
        named = _get(site, "/robots.txt").text.split("Sitemap: ")[1].strip()
        body = Answer(named).body
        body = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
        if kind == "index":
            body = b"".join(Answer(part.split("</loc>")[0]).body for part in body.decode().split("<loc>")[1:])
        listed = {part.split("</loc>")[0] for part in body.decode().split("<loc>")[1:]}
        assert listed == {site.address(path) for path in site.paths()} - {site.address("/topic-1/")}
        assert len(listed) == 5_999


def test_a_generated_site_is_the_same_for_the_same_seed_and_all_of_it_is_linked() -> None:
    with (
        DocsSite(generated=50, seed=3) as site,
        DocsSite(generated=50, seed=3) as twin,
        DocsSite(generated=50) as other,
    ):
        reached, waiting = {"/"}, ["/"]
        while waiting:
            path = waiting.pop()
            page = _get(site, path)
            assert page.body == _get(twin, path).body
            links = _find(page, "//nav//a/@href")
            waiting += set(links) - reached
            reached |= set(links)
        assert reached == set(site.paths())
        assert _get(site, "/topic-1/").body != _get(other, "/topic-1/").body
        assert len({tuple(site.page(path).words) for path in reached}) == 50


def test_a_generated_site_stays_linked_when_pages_move_and_come() -> None:
    with DocsSite(generated=30) as site:
        site.move("/topic-2/", "/elsewhere/")
        site.move("/elsewhere/", "/again/")
        site.add("/new/", "New", "Words.")
        site.remove("/topic-3/")
        links = set(_find(_get(site, "/"), "//nav//a/@href"))
        assert {"/again/", "/new/"} <= links
        assert not {"/topic-2/", "/elsewhere/", "/topic-3/"} & links
        below = set(_find(_get(site, "/again/"), "//nav//a/@href"))
        assert "/" in below


def test_a_built_folder_is_served_as_a_web_server_does(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("Not below the folder.")
    tmp_path /= "built"
    (tmp_path / "a b").mkdir(parents=True)
    (tmp_path / "index.html").write_text("<link rel=canonical href='https://public.example/docs/'>Start")
    (tmp_path / "a b" / "index.html").write_text("Below")
    (tmp_path / "style.css").write_text("https://public.example/docs/")
    (tmp_path / "sitemap.xml.gz").write_bytes(gzip.compress(b"<loc>https://public.example/docs/a/</loc>"))
    with DocsSite(folder=tmp_path, at="/docs/", public_url="https://public.example/docs/") as site:
        start = _get(site, "/docs/")
        assert start.text == f"<link rel=canonical href='{site.url}docs/'>Start"
        assert _get(site, "/docs/", If_None_Match=start.headers["ETag"]).status == 304
        assert _get(site, "/docs").headers["Location"] == "/docs/"
        assert _get(site, "/docs/a%20b").headers["Location"] == "/docs/a%20b/"
        assert _get(site, "/docs/a%20b/index.html").text == "Below"
        assert _get(site, "/docs/style.css").headers["Content-Type"] == "text/css"
        assert gzip.decompress(_get(site, "/docs/sitemap.xml.gz").body) == f"<loc>{site.url}docs/a/</loc>".encode()
        assert [_get(site, path).status for path in ("/", "/docs/../secret.txt", "/docs/index.html/")] == [404] * 3
        assert site.paths() == ["/docs/", "/docs/a b/"]
        site.transform = lambda path, body: body + f"<!-- {path} -->".encode()
        assert _get(site, "/docs/", If_None_Match=start.headers["ETag"]).text.endswith("<!-- /docs/ -->")
        site.remove("/docs/a b/")
        assert _get(site, "/docs/a%20b/").status == 404


_SAME = [maintenance(), captcha(), empty()]


@pytest.mark.parametrize("fault", _SAME, ids=["maintenance", "captcha", "empty"])
def test_some_outages_look_like_good_answers(site: DocsSite, fault: Fault) -> None:
    good = _get(site, "/guide/")
    with site.failing(fault, "!/robots.txt"):
        answers = [_get(site, path) for path in ("/", "/guide/", "/no/such/page")]
        assert {answer.status for answer in answers} == {200}
        assert len({answer.body for answer in answers}) == 1
        assert answers[1].body != good.body
        assert "Sitemap" in _get(site, "/robots.txt").text
    assert _get(site, "/guide/").body == good.body


def test_a_maintenance_page_may_differ_at_each_request(site: DocsSite) -> None:
    with site.failing(maintenance(varying=True)):
        assert _get(site, "/").body != _get(site, "/").body


def test_outages_have_their_status(site: DocsSite) -> None:
    with site.failing(unavailable(retry_after=7)):
        assert (_get(site, "/").status, _get(site, "/").headers["Retry-After"]) == (503, "7")
    with site.failing(not_found(), "/guide/*"):
        assert (_get(site, "/guide/").status, _get(site, "/").status) == (404, 200)
    with site.failing(sign_in("/login")):
        assert _get(site, "/guide/").headers["Location"] == "/login?next=/guide/"
        assert b"type=password" in _get(site, "/login?next=/").body
    with site.failing(sign_in("https://sso.example/")):
        assert _get(site, "/").headers["Location"] == "https://sso.example/?next=/"
    with site.failing(wrong_charset("utf-16")):
        assert _get(site, "/").headers["Content-Type"] == "text/html; charset=utf-16"


def test_connections_break(site: DocsSite) -> None:
    with site.failing(reset()), pytest.raises(ConnectionResetError):
        _get(site, "/")
    with site.failing(cut_off()), pytest.raises(http.client.IncompleteRead):
        _get(site, "/")
    assert site.log.by_status()[0] == 1
    site.stop()
    with pytest.raises(ConnectionRefusedError):
        _get(site, "/")
    site.start()
    assert _get(site, "/").status == 200


def test_a_stopped_site_answers_no_client_that_is_still_connected(site: DocsSite) -> None:
    parts = urlsplit(site.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=100)
    connection.request("GET", "/")
    connection.getresponse().read()
    site.stop()

    def ask_again() -> None:
        connection.request("GET", "/")
        connection.getresponse()

    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask_again()
    connection.close()


def test_faults_strike_by_chance_and_so_many_times(site: DocsSite) -> None:
    with site.failing(unavailable(), times=2):
        assert [_get(site, "/").status for _ in range(4)] == [503, 503, 200, 200]

    def statuses() -> list[int]:
        with site.failing(one_of(unavailable(), not_found(), seed=1), rate=0.5, seed=4):
            return [_get(site, "/").status for _ in range(30)]

    first = statuses()
    assert set(first) == {200, 404, 503}
    assert statuses()[0] == first[0]
    assert statuses().count(200) == first.count(200)


def test_a_slow_answer_ends_when_the_site_stops() -> None:
    begun = time.monotonic()
    with DocsSite(PAGES) as site:
        site.faults.add(slow(200))
        asking = threading.Thread(target=lambda: _get(site, "/"), daemon=True)
        asking.start()
        deadline = time.monotonic() + 60
        while site.log.most_at_once == 0 and time.monotonic() < deadline:
            asking.join(0.01)
    asking.join(60)
    assert not asking.is_alive()
    assert time.monotonic() - begun < 150


def test_the_log_tells_what_was_asked_and_how_politely(site: DocsSite) -> None:
    etag = _get(site, "/guide/", User_Agent="ada/1").headers["ETag"]
    _get(site, "/guide/", If_None_Match=etag, User_Agent="ada/1")
    _get(site, "/nowhere?x=1", User_Agent="bob/2")
    assert [(line.path, line.query, line.status, line.conditional) for line in site.log.all()] == [
        ("/guide/", "", 200, False),
        ("/guide/", "", 304, True),
        ("/nowhere", "x=1", 404, False),
    ]
    assert site.log.count("/guide/*", conditional=True) == site.log.count(status=304) == 1
    assert site.log.by_path() == {"/guide/": 2, "/nowhere": 1}
    assert site.log.user_agents == {"ada/1", "bob/2"}
    assert site.log.most_at_once == 1
    assert 0 < site.log.shortest_gap < 60
    assert site.log.sent == len(_get(site, "/guide/").body) + len(_get(site, "/nowhere").body)
    site.log.clear()
    assert (site.log.count(), site.log.most_at_once) == (0, 0)


def test_requests_at_the_same_time_are_counted(site: DocsSite) -> None:
    everyone = threading.Barrier(4, timeout=60)

    def together(_request: object, reply: object) -> object:
        everyone.wait()
        return reply

    site.faults.add(together)  # type: ignore[arg-type]
    threads = [threading.Thread(target=_get, args=(site, "/")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert site.log.most_at_once == 4


def test_a_site_in_a_process_of_its_own_is_steered_and_counted() -> None:
    with DocsSiteProcess(300) as site:
        path = "topic-1/"
        first = Answer(site.url + path)
        assert Answer(site.url + path, If_None_Match=first.headers["ETag"]).status == 304
        counts = site.counts()
        assert (counts.requests, counts.conditional, counts.by_status) == (2, 1, {200: 1, 304: 1})
        site.release()
        assert Answer(site.url + path, If_None_Match=first.headers["ETag"]).status == 200
        edited = site.edit(3)
        assert len(set(edited)) == 3
        assert "Edit 1 says" in Answer(site.url + edited[0][1:]).text
        site.fail(503)
        assert Answer(site.url + path).status == 503
        site.recover()
        site.clear()
        assert site.counts().requests == 0


def test_the_command_says_what_it_can_do() -> None:
    module = "vector_pipeline_tests.simulators.docs_site_server"
    told = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True)
    assert "--pages" in told.stdout


def test_a_hostile_site_has_good_pages_between_its_traps() -> None:
    with HostileSite(canary="http://127.0.0.2:9/") as site:
        start = _get(site, "/")
        links = _find(start, "//article//a[not(@class)]/@href")
        assert set(links) == set(site.traps)
        for path in site.good[1:]:
            assert word_of(path) in _get(site, path).text
        listed = [part.split("</loc>")[0] for part in Answer(site.address("/sitemap-good.xml")).text.split("<loc>")[1:]]
        assert listed == [site.address(path) for path in site.good]
        assert "<!ENTITY" in _get(site, "/sitemap-laughs.xml").text


def test_traps_do_what_they_say() -> None:
    with HostileSite() as site:
        locations = {
            path: _get(site, path).headers["Location"] for path in site.traps if "redirects" in site.traps[path]
        }
        assert locations["/trap/metadata/"] == "http://169.254.169.254/latest/meta-data/"
        assert locations["/trap/chain/0/"] == "/trap/chain/1/"
        assert locations[locations["/trap/loop/"].replace("pool", "loop")] == "/trap/pool/"
        assert "/calendar/2025/1/" in _get(site, "/calendar/2024/12/").text
        assert _get(site, "/trap/links/").text.count("<a ") == 100_000
        assert "\x1b[2J" in _get(site, "/trap/title/").text
        assert "&l9;" in _get(site, "/trap/entities/").text
        inflated = zlib.decompressobj(31)
        bomb = _get(site, "/trap/bomb/", Accept_Encoding="gzip").body
        assert len(bomb) < 2_000_000
        assert len(inflated.decompress(bomb, 30_000_000)) == 30_000_000


@pytest.mark.parametrize("path", ["/trap/drip/", "/trap/huge/", "/trap/endless/"])
def test_endless_bodies_end_with_the_client_or_the_site(path: str) -> None:
    with HostileSite() as site:
        parts = urlsplit(site.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=100)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.read(20)
        if path == "/trap/huge/":
            assert answer.headers["Content-Length"] == "1000000000"
    answer.close()
    connection.close()
