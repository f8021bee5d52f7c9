"""What must not be taken for a deletion or stop a site: links that move, folders that fail, a broken robots.txt."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path
from typing import Any

import pytest

from vector_pipeline.sources.base import Listing, SourceError
from vector_pipeline.sources.public_docs.mirror import Mirror
from vector_pipeline.sources.public_docs.pacing import shared_pace
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_faults import (
    empty,
    maintenance,
    not_found,
    sign_in,
    status,
    unavailable,
)
from vector_pipeline_tests.sources.public_docs.site_reading import Reading, page, paths

FORM = b"<title>Sign in</title><h1>Sign in</h1><form>Your password: <input type=password name=p></form>"


def held(listing: Listing) -> dict[bytes, str]:
    return dict(zip(listing.items["native_id"].to_list(), listing.items["version"].to_list(), strict=True))


def whole(reading: Reading, versions: dict[bytes, str], **known: Any) -> Listing:
    """A scan that asks for every page again."""
    return reading.scan(full=True, cursor={"site": "x"}, versions=versions, **known)


@pytest.mark.parametrize(
    ("fault", "counted"),
    [
        (status(403), "it answers 403"),
        (status(401), "it answers 401"),
        (sign_in("https://login.example.org/"), "redirects to another host"),
        (lambda _, reply: type(reply)(200, FORM), "asks for a password"),
    ],
    ids=["forbidden", "unauthorized", "other host", "sign-in page"],
)
def test_a_link_that_was_never_a_page_of_ours_is_counted_and_not_quarantined(
    opened: Any, site: DocsSite, fault: Any, counted: str
) -> None:
    site.sitemap = "none"
    site.put(page("/a/", links=(("/members/", "for members"),)))
    reading = opened()
    with site.failing(fault, "/members/"):
        listing = reading.scan()
        assert paths(listing, site) == {"", "a/", "b/"}
        assert listing.skipped[counted] == 1
        assert not listing.failures
    site.put(page("/members/"))
    assert paths(whole(reading, held(listing)), site) == {"", "a/", "b/", "members/"}


def test_a_page_that_was_held_or_is_listed_stays_in_trouble(opened: Any, site: DocsSite) -> None:
    reading = opened()
    site.put(page("/listed/"))
    with site.failing(status(403), "/listed/"):
        first = reading.scan()
        assert [failure.reason for failure in first.failures] == ["it answers 403"]
    site.sitemap = "none"
    with site.failing(status(403), "/b/"):
        second = whole(reading, held(first))
        assert [failure.uri for failure in second.failures] == [site.address("/b/")]


def test_a_link_that_moved_to_a_page_not_read_yet_deletes_nothing(opened: Any, site: DocsSite) -> None:
    site.sitemap, site.menu = "none", "none"
    site.put(page("/", links=(("/a/", "a"), ("/b/", "b"))))
    site.put(page("/a/", links=(("/c/", "c"),)))
    site.put(page("/c/"))
    reading = opened(sample=0)
    first = reading.scan()
    assert paths(first, site) == {"", "a/", "b/", "c/"}
    site.put(page("/a/", "It says something else now.", links=()))
    site.put(page("/b/", links=(("/c/", "c"),)))
    due = {site.address("/a/").encode()}
    part = reading.scan(versions=held(first), due=due)
    assert part.complete
    assert paths(part, site) == {"", "a/", "b/", "c/"}, "only the page that was asked again has changed its links"
    site.put(page("/b/", links=()))
    last = whole(reading, held(part))
    assert paths(last, site) == {"", "a/", "b/"}
    assert last.reasons == {site.address("/c/").encode(): "no longer linked"}
    again = reading.scan(versions=held(part))
    assert paths(again, site) == {"", "a/", "b/"}, "after a brake, the next scan must say the same"


@pytest.mark.parametrize("fault", [unavailable(), sign_in("https://login.example.org/")], ids=["silent", "refused"])
def test_a_folder_that_fails_for_ever_stops_no_other_page(opened: Any, site: DocsSite, fault: Any) -> None:
    broken = [f"/broken/{number:02}/" for number in range(30)]
    for path in broken:
        site.put(page(path))
    reading = opened()
    first = reading.scan()
    site.edit("/b/", "Something new.")
    with site.failing(fault, "/broken/*"):
        after = whole(reading, held(first))
        assert {failure.uri for failure in after.failures} == set(map(site.address, broken))
        failed = {site.address(path).encode(): "unknown" for path in broken}
        due = reading.scan(versions=held(first), failed=failed, due=frozenset(failed))
        assert len(due.failures) == len(broken), "asking for nothing but these is no outage either"
    with site.failing(fault), pytest.raises(SourceError):
        whole(reading, held(first))


def test_a_short_outage_within_a_visit_is_not_believed_of_few_pages(opened: Any, site: DocsSite) -> None:
    for number in range(60):
        site.put(page(f"/p/{number:02}/"))
    reading = opened(concurrency=1)
    first = reading.scan()
    site.edit("/p/00/", "A true change, before which the site has said what it does not have.")
    down = {site.address(f"/p/2{number}/") for number in range(5)}
    out: list[str] = []

    def outage(request: Any, reply: Any) -> Any:
        out.extend([request.path] if site.address(request.path) in down else [])
        strikes = site.address(request.path) in down or (out and reply.status == 404)
        return maintenance(varying=True)(request, reply) if strikes else reply

    with site.failing(outage):
        after = whole(reading, held(first))
    changed = {native for native, version in held(after).items() if held(first)[native] != version}
    assert changed == {site.address("/p/00/").encode()}
    assert {failure.uri for failure in after.failures} == down


def test_a_robots_txt_that_breaks_keeps_the_sitemap_it_named(opened: Any, site: DocsSite) -> None:
    lists = "".join(f"<url><loc>{site.address(path)}</loc></url>" for path in ("/", "/a/", "/b/"))
    site.serve("/maps/all.xml", f"<urlset>{lists}</urlset>".encode(), "application/xml")
    site.sitemap, site.menu = "none", "none"
    site.robots = f"User-agent: *\nSitemap: {site.address('/maps/all.xml')}\n"
    reading = opened()
    first = reading.scan()
    assert paths(first, site) == {"", "a/", "b/"}
    site.robots = ""
    opened_again(reading)
    assert paths(whole(reading, held(first)), site) == {"", "a/", "b/"}


def test_a_sitemap_that_lists_nothing_any_more_brings_no_scan_after_scan(opened: Any, site: DocsSite) -> None:
    reading = opened(sample=0)
    first = reading.scan()
    with site.failing(lambda _, reply: type(reply)(200, b"<urlset></urlset>"), "/sitemap.xml"):
        assert reading.source.probe() == first.version
        assert paths(whole(reading, held(first)), site) == {"", "a/", "b/"}
        assert reading.source.probe() == first.version
    with site.failing(empty(), "/sitemap.xml"):
        assert reading.source.probe() == first.version


def test_a_redirected_sitemap_with_relative_parts_is_no_news_for_ever(opened: Any, site: DocsSite) -> None:
    index = b"<sitemapindex><sitemap><loc>part.xml</loc></sitemap></sitemapindex>"
    site.serve("/maps/index.xml", index, "application/xml")
    part = f"<urlset><url><loc>{site.address('/a/')}</loc></url></urlset>"
    site.serve("/maps/part.xml", part.encode(), "application/xml")
    site.sitemap, site.validators = "none", "none"
    site.redirect("/sitemap.xml", "/maps/index.xml")
    reading = opened(sample=0)
    first = reading.scan()
    assert paths(first, site) == {"", "a/"}
    assert reading.source.probe() == first.version


def test_a_probe_that_gets_no_turn_is_no_outage(opened: Any, site: DocsSite) -> None:
    reading = opened(max_depth=0, discover="crawl")
    first = reading.scan()
    assert paths(first, site) == {""}
    shared_pace(site.url.split("/")[2], reading.folder / "data" / "sites").turn(1000, 1000)  # others have the next ones
    site.log.clear()
    assert reading.source.probe() == first.version
    assert opened_again(reading).probe() == first.version
    assert site.log.count() == 0


def opened_again(reading: Reading) -> Any:
    """The source as a later process opens it, with the mirror it has."""
    reading.source.close()
    reading.source = type(reading.source)("guide", reading.settings, reading.folder / "data", reading.converter)
    return reading.source


def test_pages_that_never_answer_leave_the_sample_to_others(opened: Any, site: DocsSite) -> None:
    site.sitemap, site.menu = "none", "near"
    site.put(page("/", links=(("/a/", "a"), ("/b/", "b"))))
    reading = opened(sample=1, concurrency=1)
    reading.scan()
    site.log.clear()
    with site.failing(unavailable(), "/a/"):
        for _ in range(4):
            try:
                reading.source.probe()
            except SourceError:
                continue
    assert site.log.count("/b/") >= 1


def test_the_limit_of_pages_holds_from_visit_to_visit(opened: Any, site: DocsSite) -> None:
    site.put(page("/c/"))
    site.sitemap = "none"
    reading = opened(max_pages=2)
    first = reading.scan()
    second = reading.scan(versions=held(first))
    assert paths(first, site) == paths(second, site)
    assert len(paths(first, site)) == 2
    assert second.skipped["beyond max_pages"] == 2


def test_a_first_scan_that_found_nothing_asks_again_at_once(opened: Any, site: DocsSite) -> None:
    site.sitemap = "none"
    reading = opened()
    with site.failing(not_found(), "!/robots.txt"), pytest.raises(SourceError):
        reading.scan()
    assert paths(reading.scan(), site) == {"", "a/", "b/"}


def test_a_mirror_opened_by_two_at_once_is_made_once(tmp_path: Path) -> None:
    for round_ in range(20):
        folder, barrier = tmp_path / str(round_), threading.Barrier(2)
        folder.mkdir()
        mirrors = [Mirror(folder, "guide", "https://docs.example.org/", "guide") for _ in range(2)]
        troubles: list[str] = []

        def open_one(mirror: Mirror, barrier: threading.Barrier = barrier, told: list[str] = troubles) -> None:
            barrier.wait()
            try:
                mirror.remember(x="1")
            except SourceError as error:
                told.append(str(error))

        threads = [threading.Thread(target=open_one, args=(mirror,)) for mirror in mirrors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        mirrors[0].remember(y="2")
        assert mirrors[1].meta("y") == "2", troubles
        for mirror in mirrors:
            mirror.close()


def _hold(folder: Path, held: Any, release: Any) -> None:
    mirror = Mirror(folder, "guide", "https://docs.example.org/", "guide")
    with mirror.locked(5):
        held.set()
        release.wait(200)


def test_a_damaged_mirror_is_left_to_whoever_visits_the_site(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    visitor = context.Process(target=_hold, args=(tmp_path, held, release))
    visitor.start()
    try:
        assert held.wait(120)
        mirror = Mirror(tmp_path, "guide", "https://docs.example.org/", "guide")
        mirror.path.write_bytes(b"no database" * 1000)
        with pytest.raises(SourceError):
            mirror.meta("x")
        assert mirror.path.read_bytes().startswith(b"no database")
    finally:
        release.set()
        visitor.join(60)
    assert mirror.meta("x") == ""
    mirror.close()
