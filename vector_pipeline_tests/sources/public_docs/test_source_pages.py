"""Which pages of a site become documents: files, editions, canonical links, duplicates, limits, odd pages."""

from __future__ import annotations

from typing import Any

import pytest

from vector_pipeline.sources.base import SourceError, SourceMisconfigured
from vector_pipeline_tests.conversion.pdf_files import make_pdf
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_faults import empty, unavailable
from vector_pipeline_tests.simulators.docs_site_pages import Page, Section
from vector_pipeline_tests.sources.public_docs.site_reading import page, paths


def test_a_document_says_what_the_page_says(opened: Any, site: DocsSite) -> None:
    site.put(Page("/c/", "Cherries", (Section("Stones", ("Each has one.",), code="x = 1\n"),), language="en"))
    document = opened(tags=("fruit",), access=("all",)).documents()["c/"]
    assert document.title == "Cherries"
    assert "Each has one." in document.text
    assert "Copyright" not in document.text
    assert document.uri == site.address("/c/")
    assert document.metadata["path"] == "c/"
    assert document.metadata["tags"] == ["fruit"]
    assert document.metadata["access"] == ["all"]
    assert "stones" in {anchor for _, anchor in document.metadata["anchors"]}


def test_files_and_plain_texts_are_documents_too(opened: Any, site: DocsSite) -> None:
    site.sitemap = "none"
    site.serve("/guide.pdf", make_pdf(["Pages of the printed guide."]), "application/pdf")
    site.serve("/notes.md", b"# Notes\n\nSome *notes*.", "text/plain")
    site.serve("/tool.zip", b"PK", "application/zip")
    site.serve("/data", b"{}", "application/json")
    links = tuple((name, name) for name in ("/guide.pdf", "/notes.md", "/tool.zip", "/data"))
    site.put(page("/", links=links))
    reading = opened()
    documents = reading.documents()
    assert set(documents) == {"", "a/", "b/", "guide.pdf", "notes.md"}
    assert "printed guide" in documents["guide.pdf"].text
    assert documents["notes.md"].title == "Notes"
    skipped = reading.scan().skipped
    assert skipped["kind"] == 2


def test_files_linked_from_pages_of_a_sitemap_are_found(opened: Any, site: DocsSite) -> None:
    site.serve("/guide.pdf", make_pdf(["Pages of the printed guide."]), "application/pdf")
    site.put(page("/a/", links=(("/guide.pdf", "print"), ("/unlisted/", "more"))))
    site.put(page("/unlisted/"))
    site.unlisted.add("/unlisted/")
    assert paths(opened().scan(), site) == {"", "a/", "b/", "guide.pdf"}
    assert paths(opened(files=False).scan(), site) == {"", "a/", "b/"}
    assert paths(opened(discover="both").scan(), site) == {"", "a/", "b/", "guide.pdf", "unlisted/"}


def test_copies_in_other_versions_are_left_out_unless_wanted(opened: Any, site: DocsSite) -> None:
    for version in ("latest", "v1.2", "v1.1"):
        for name in ("", "install/", "use/"):
            site.put(page(f"/{version}/{name}", f"How to {name or 'begin'} with it."))
    assert paths(opened().scan(), site) == {"", "a/", "b/", "latest/", "latest/install/", "latest/use/"}
    wanted = paths(opened(versions=("v1.*",)).scan(), site)
    assert {one for one in wanted if one[:1] == "v"} == {
        f"{version}/{name}" for version in ("v1.2", "v1.1") for name in ("", "install/", "use/")
    }
    assert opened().scan().skipped["another version"] == 6


def test_a_canonical_link_names_the_document(opened: Any, site: DocsSite) -> None:
    site.put(page("/print/", "All there is to say about /a/.", canonical=site.address("/a/")))
    assert paths(opened().scan(), site) == {"", "a/", "b/"}


def test_a_meta_refresh_is_a_redirect(opened: Any, site: DocsSite) -> None:
    site.put(page("/old/", refresh=site.address("/a/")))
    assert paths(opened().scan(), site) == {"", "a/", "b/"}


def test_links_are_followed_to_the_depth_of_the_settings(opened: Any, site: DocsSite) -> None:
    site.sitemap, site.menu = "none", "none"
    site.put(page("/", links=(("/a/", "a"),)))
    site.put(page("/a/", links=(("/b/", "b"),)))
    assert paths(opened(max_depth=1).scan(), site) == {"", "a/"}
    assert paths(opened(max_depth=2).scan(), site) == {"", "a/", "b/"}


def test_nofollow_is_obeyed_unless_robots_are_not(opened: Any, site: DocsSite) -> None:
    site.sitemap, site.menu = "none", "none"
    site.put(page("/", links=(("/a/", "a"),), robots="nofollow"))
    assert paths(opened().scan(), site) == {""}
    assert paths(opened(robots=False).scan(), site) == {"", "a/"}


def test_a_limit_of_pages_deletes_nothing(opened: Any, site: DocsSite) -> None:
    held = {site.address(path).encode(): "held" for path in ("/", "/a/", "/b/", "/elsewhere/")}
    listing = opened(max_pages=2).scan(versions=held)
    assert listing.complete
    assert paths(listing, site) == {"", "a/", "b/", "elsewhere/"}
    assert listing.skipped["beyond max_pages"] == 1


def test_single_page_applications_keep_their_start_page(opened: Any, site: DocsSite) -> None:
    def always(request: Any, reply: Any) -> Any:
        found = site.page("/")
        start = f"<title>App</title><main><h1>App</h1><p>{found.sections[0].paragraphs[0]}</p></main>".encode()
        return type(reply)(200, start)

    reading = opened(discover="crawl")
    with site.failing(always, "!/robots.txt"):
        assert paths(reading.scan(), site) == {""}
        site.edit("/", "Another start page.")
        listing = reading.scan(full=True, cursor={"site": "x"}, versions={site.url.encode(): "held"})
        assert paths(listing, site) == {""}
        assert not listing.failures


def test_robots_that_can_not_be_read_stop_the_visit(opened: Any, site: DocsSite) -> None:
    with site.failing(unavailable(), "/robots.txt"), pytest.raises(SourceError, match="robots"):
        opened().scan()
    assert site.log.count("/a/") == 0


def test_wrong_settings_are_told(opened: Any, site: DocsSite) -> None:
    with pytest.raises(SourceMisconfigured, match="no CSS selector"):
        opened(content_selectors=("[[",))
    site.sitemap, site.robots = "none", ""
    with pytest.raises(SourceMisconfigured, match="no sitemap"):
        opened(discover="sitemap").scan()


def test_a_sitemap_part_that_fails_deletes_nothing(opened: Any, site: DocsSite) -> None:
    site.sitemap = "index"
    reading = opened()
    first = reading.scan()
    held = dict(zip(first.items["native_id"].to_list(), first.items["version"].to_list(), strict=True))
    held[site.address("/lost/").encode()] = "held"
    with site.failing(empty(), "/sitemap-0.xml"):
        listing = reading.scan(full=True, cursor={"site": "x"}, versions=held)
    assert set(listing.items["native_id"].to_list()) == set(held)


def test_a_mark_that_nothing_leads_to_is_taken_away(opened: Any, site: DocsSite) -> None:
    site.sitemap = "none"
    reading = opened(sample=10)
    listing = reading.scan()
    assert reading.source.probe() == listing.version
    site.remove("/b/")
    assert reading.source.probe() != listing.version
    held = dict(zip(listing.items["native_id"].to_list(), listing.items["version"].to_list(), strict=True))
    after = reading.scan(versions=held)
    assert paths(after, site) == {"", "a/"}
    assert reading.source.probe() == after.version


def test_links_that_lead_nowhere_good_stop_nothing(opened: Any, site: DocsSite) -> None:
    site.sitemap = "none"
    site.redirect("/loop", "/pool")
    site.redirect("/pool", "/loop")
    site.redirect("/meta", "http://169.254.169.254/latest/meta-data")
    for day in range(1, 40):
        site.put(page(f"/cal/{day}/", links=((f"/cal/{day + 1}/", "next"),), hidden=True))
    names = ("/loop", "/meta", "/cal/1/", "http://[::1]/x", "javascript:alert(1)", "mailto:a@example.org")
    site.put(page("/a/", links=tuple((name, name) for name in names)))
    listing = opened(max_depth=5).scan()
    assert paths(listing, site) == {"", "a/", "b/", *(f"cal/{day}/" for day in range(1, 5))}
    assert listing.skipped["redirects in a circle"] == 2
    assert listing.skipped["redirects to another host"] == 1
    assert not listing.failures
    assert site.log.count("/cal/5/") == 0


def test_titles_with_control_characters_become_harmless(opened: Any, site: DocsSite) -> None:
    body = "<title>\x1b[31mRed\x07</title><main><h1>\x1b]0;Red</h1><p>Some words.</p></main>"
    site.serve("/odd.html", body.encode())
    site.sitemap = "none"
    site.put(page("/a/", links=(("/odd.html", "odd"),)))
    document = opened().documents()["odd.html"]
    assert document.title.isprintable()
    assert "\x1b" not in document.text


def test_dates_of_a_sitemap_that_change_with_every_build_are_not_believed_twice(opened: Any, site: DocsSite) -> None:
    for number in range(25):
        site.put(page(f"/p/{number}/"))
    reading = opened(sample=0)
    reading.scan()
    rebuilt(site)
    assert "sitemap" in reading.source.probe()
    version = reading.scan().version
    site.log.clear()
    rebuilt(site)
    assert reading.source.probe() == version
    reading.scan()
    assert site.log.count("/p/*") == 0
    site.put(page("/p/new/"))
    assert "sitemap" in reading.source.probe()


def rebuilt(site: DocsSite) -> None:
    """Every page is put again as it is, which gives it a new date."""
    for path in site.paths():
        site.put(site.page(path))


def test_a_site_that_sends_a_page_for_what_is_missing_gets_no_document_for_it(opened: Any, site: DocsSite) -> None:
    def sorry(request: Any, reply: Any) -> Any:
        text = f"<main><h1>Sorry</h1><p>We could not find {request.path} anywhere in this guide.</p></main>"
        return type(reply)(200, text.encode()) if reply.status == 404 else reply

    site.sitemap = "none"
    site.put(page("/a/", links=(("/dead/", "dead"),)))
    reading = opened()
    with site.failing(sorry, "!/robots.txt"):
        first = reading.scan()
        assert paths(first, site) == {"", "a/", "b/"}
        held = dict(zip(first.items["native_id"].to_list(), first.items["version"].to_list(), strict=True))
        site.put(page("/", links=(("/b/", "b"),)))
        site.remove("/b/")
        second = reading.scan(full=True, cursor={"site": "x"}, versions=held)
        assert [failure.reason for failure in second.failures] == ["answers like a page that does not exist"]
