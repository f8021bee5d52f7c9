"""The recorded behaviours of Confluence that a source must live with, one test each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from vector_pipeline.sources.atlassian.errors import SiteThrottled
from vector_pipeline.sources.base import SourceDenied
from vector_pipeline.sources.confluence.spaces import discover_spaces
from vector_pipeline_tests.simulators.atlassian_conditions import (
    BEARER,
    SCOPED_TOKEN,
    Account,
    Credential,
    rate_limited,
    server_error,
    throttled_as_403,
)
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.sources.confluence.site import FLAVOURS, following, settings_for


@pytest.fixture(params=FLAVOURS)
def both(request: pytest.FixtureRequest) -> Iterator[ConfluenceServer]:
    with ConfluenceServer(request.param) as server:
        server.state.add_space("ENG", "Engineering")
        yield server


@pytest.fixture
def cloud() -> Iterator[ConfluenceServer]:
    with ConfluenceServer("cloud") as server:
        server.state.add_space("ENG", "Engineering")
        yield server


@pytest.fixture
def data_center() -> Iterator[ConfluenceServer]:
    with ConfluenceServer("data_center") as server:
        server.state.add_space("ENG", "Engineering")
        yield server


def fill(server: ConfluenceServer, count: int) -> set[str]:
    """Makes so many pages; the titles of all pages of the space."""
    server.state.fill("ENG", count)
    return {"Engineering Home", *(f"Page {number}" for number in range(count))}


@pytest.mark.parametrize("through", ["site", "gateway"])
def test_lists_are_followed_by_their_links_also_through_the_gateway(cloud: ConfluenceServer, through: str) -> None:
    """Fact 21: next links begin with /wiki and hold a cursor that is not the last part of the query."""
    titles = fill(cloud, 300)
    url, secret = (cloud.gateway_url, SCOPED_TOKEN) if through == "gateway" else (cloud.url, "api-token-of-ada")
    with following(cloud, url=url, token=secret) as follower:
        follower.sync()
        assert follower.titles() == titles
        home = follower.document("Engineering Home")
        assert home.uri.startswith(f"{cloud.url}/spaces/ENG/pages/"), "people open the site, not the gateway"


def test_archived_pages_are_listed_by_default_and_left_out_unless_wanted(both: ConfluenceServer) -> None:
    """Fact 22: lists of pages hold archived ones too; what can't be seen looks as if it were not there."""
    page = both.state.add_page("ENG", "old")
    with following(both) as follower, following(both, archived_pages=True) as taking:
        follower.sync()
        taking.sync()
        both.state.archive(page)
        listing = follower.sync(census=True)
        assert listing.reasons == {str(page.id).encode(): "archived"}
        assert "old" not in follower.titles()
        taking.sync(census=True)
        assert taking.document("old").metadata["status"] == "archived"
        both.state.restrict(both.state.add_page("ENG", "secret"), groups=["others"])
        follower.sync()
        assert "secret" not in follower.titles()


def test_trashed_and_purged_pages_leave_with_the_reason_and_drafts_never_come(both: ConfluenceServer) -> None:
    """Fact 23: deleting puts a page into the trash, only purging removes it; drafts are content too."""
    state = both.state
    trashed, purged = state.add_page("ENG", "trashed"), state.add_page("ENG", "purged")
    edited = state.add_page("ENG", "edited", "<p>published</p>")
    state.add_page("ENG", "never published", draft=True)
    with following(both) as follower:
        follower.sync()
        state.save_draft(edited, "<p>unpublished</p>")
        state.trash(trashed)
        state.purge(purged)
        listing = follower.sync()
        assert listing.reasons == {
            str(trashed.id).encode(): "in the trash",
            str(purged.id).encode(): "deleted or no longer visible",
        }
        assert follower.titles() == {"Engineering Home", "edited"}
        assert follower.document("edited").text.strip() == "published"
        state.restore(trashed)
        follower.sync()
        assert "trashed" in follower.titles()


def test_searches_are_paged_by_cursor_and_may_end_with_an_empty_page(cloud: ConfluenceServer) -> None:
    """Fact 24: searches ignore `start`; a next link may lead to no rows."""
    titles = fill(cloud, 250)
    cloud.search_links_past_end = True
    for page in [c for c in cloud.state.contents.values() if c.type == "page"][:30]:
        cloud.state.comment(page, "<p>well</p>")
    cloud.faults.paging.empty_page, cloud.faults.paging.repeated_token = 2, 2
    with following(cloud, comments="documents") as follower:
        follower.sync()
        assert len(follower.documents) == len(titles) + 30
        assert not cloud.log.find("/rest/api/search")[0].query.get("start")


def test_pages_shorter_than_asked_for_are_not_the_end(both: ConfluenceServer) -> None:
    """Fact 25: the service clamps page sizes in silence."""
    titles = fill(both, 90)
    both.v1.sizes.plain, both.v1.sizes.with_body = 40, 7
    both.faults.paging.cap = 40
    with following(both) as follower:
        follower.sync()
        assert follower.titles() == titles
        assert not both.log.find(status=400)


def test_a_page_that_fails_as_storage_is_read_as_its_readers_see_it(both: ConfluenceServer) -> None:
    """Fact 26: one ancestor that can't be read fails a whole answer; a body may fail where the view works."""
    state = both.state
    draft = state.add_page("ENG", "draft", draft=True)
    state.add_page("ENG", "below a draft", "<p>words below</p>", parent=draft)
    odd = state.add_page("ENG", "odd", "<p>words of the odd page</p>")
    odd.storage_fails = True
    fill(both, 20)
    with following(both) as follower:
        follower.sync()
        assert follower.document("odd").text.strip() == "words of the odd page"
        assert follower.document("below a draft").text.strip() == "words below"
        assert not follower.failures
        asked = [query for one in both.log.all() for query in one.query.get("expand", [])]
        assert not any("ancestors.restrictions" in query for query in asked)


def test_no_more_is_expanded_than_allowed(both: ConfluenceServer) -> None:
    """Fact 27: at most eight expansions; the context of a query says which statuses it searches."""
    page = both.state.add_page("ENG", "page", labels=["one"])
    both.state.comment(page, "<p>well</p>", selection="page")
    both.state.attach(page, "a.md", b"# A\n")
    archived = both.state.add_page("ENG", "archived")
    both.state.archive(archived)
    with following(both, archived_pages=True) as follower:
        follower.sync()
        assert "archived" in follower.titles()
    for asked in both.log.all():
        for expand in asked.query.get("expand", []):
            assert len(expand.split(",")) <= 8, expand


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kolkata"])
@pytest.mark.parametrize("offset", [-3, 3])
def test_no_edit_is_lost_whatever_the_zone_the_minute_and_the_time_a_query_sees(
    both: ConfluenceServer, zone: str, offset: int
) -> None:
    """Fact 28: times in queries have minute precision and no zone, and are compared with another time than shown."""
    both.accounts.ada.time_zone = both.time_zone = zone
    both.state.index.time.offset = timedelta(minutes=offset)
    pages = [both.state.add_page("ENG", f"page {number}") for number in range(5)]
    with following(both) as follower:
        follower.sync()
        for number, page in enumerate(pages):
            both.clock.advance(seconds=11)
            both.state.edit(page, f"<p>text {number}</p>")
            listing = follower.sync()
            assert not listing.complete
            assert follower.fetched == [str(page.id).encode()], "all in the same minute, each fetched once"
        assert {follower.document(f"page {number}").text.strip() for number in range(5)} == {
            f"text {number}" for number in range(5)
        }
        assert not any("lastmodified >" in query for one in both.log.all() for query in one.query.get("cql", []))


@pytest.mark.parametrize("modified", [True, False])
def test_a_move_is_seen_though_the_version_stays(both: ConfluenceServer, modified: bool) -> None:
    """Fact 29: a move may leave the version's number, and perhaps the time of the last change, as it was."""
    state = both.state
    state.bumps.move_modified = modified
    there = state.add_page("ENG", "there")
    moved = state.add_page("ENG", "moved")
    below = state.add_page("ENG", "below", parent=moved)
    state.attach(below, "file.md", b"# File\n")
    with following(both) as follower:
        follower.sync()
        both.clock.advance(minutes=1)
        state.move(moved, parent=there)
        follower.sync(census=not modified)
        assert follower.document("below").metadata["breadcrumb"] == ["Engineering Home", "there", "moved"]
        assert follower.document("File").metadata["path"] == "ENG/Engineering Home/there/moved/below/file.md"
        assert set(follower.fetched) == {one.public_id.encode() for one in (moved, below, *state.below(below))}


def test_a_limited_run_keeps_what_it_has_and_the_next_one_goes_on(both: ConfluenceServer) -> None:
    """Fact 30: the site answers 429, with or without Retry-After."""
    fill(both, 5)
    both.faults.once(rate_limited(0), 2)
    both.faults.once(rate_limited(None), 2)
    with following(both) as follower:
        follower.sync()
        assert len(follower.documents) == 6
        both.state.edit(next(iter(both.state.contents.values())), "<p>new</p>")
        both.faults.always(rate_limited(3600))
        with pytest.raises(SiteThrottled):
            follower.sync()
        assert len(follower.documents) == 6


def test_an_expired_access_token_is_told_as_such(cloud: ConfluenceServer) -> None:
    """Fact 31: access tokens live for an hour."""
    cloud.accounts.grant(cloud.accounts.ada, Credential.BEARER, BEARER, lifetime=timedelta(hours=1))
    with following(cloud, url=cloud.gateway_url, email="", token=BEARER) as follower:
        follower.sync()
        cloud.clock.advance(minutes=61)
        with pytest.raises(SourceDenied, match=r"confluence/wiki\.ENG"):
            follower.source.probe()
        assert len(follower.documents) == 1


def test_an_archived_space_that_is_named_by_key_is_taken(both: ConfluenceServer) -> None:
    """Fact 32: searches leave archived spaces out unless told otherwise; a bad query is 404 on some paths."""
    both.state.add_page("ENG", "page", "<p>words</p>")
    both.state.archive_space("ENG")
    with following(both) as follower:
        follower.sync()
        assert follower.titles() == {"Engineering Home", "page"}
    with ConfluenceServer(both.flavour) as other:
        other.state.add_space("OLD")
        other.state.archive_space("OLD")
        with following(other, spaces=["*"]) as follower:
            assert discover_spaces("wiki", follower.source.settings) == []


def test_offsets_are_counted_from_what_arrived(data_center: ConfluenceServer) -> None:
    """Fact 33: the server caps pages, writes a wrong `start` into links, and may answer rows past the end."""
    titles = fill(data_center, 95)
    for number in range(30):
        data_center.state.add_space(f"S{number:02}")
    assert data_center.wrong_start_in_links
    data_center.faults.paging.cap = 20
    data_center.faults.paging.rows_past_end = 3
    with following(data_center, spaces=["S*", "ENG"]) as follower:
        follower.sync()
        assert follower.titles() == titles
        parts = discover_spaces("wiki", follower.source.settings)
        assert [part.key for part in parts] == ["ENG", *(f"S{number:02}" for number in range(30))]


def test_later_pages_of_attachments_are_asked_for_again(data_center: ConfluenceServer) -> None:
    """Fact 34: 403 may mean 429; a search for attachments is refused now and then beyond its first page."""
    page = data_center.state.add_page("ENG", "page")
    for number in range(60):
        data_center.state.attach(page, f"{number:02}.md", b"# File %d\n" % number)
    data_center.v1.sizes.plain = 25
    data_center.attachment_pages_refused = 2
    data_center.faults.once(throttled_as_403(), 2)
    with following(data_center) as follower:
        follower.sync()
        assert len(follower.documents) == 62
        assert data_center.attachment_pages_refused == 0


def test_a_site_without_the_list_of_content_is_scanned_or_searched(data_center: ConfluenceServer) -> None:
    """Fact 35: administrators may switch /rest/api/content off."""
    titles = fill(data_center, 30)
    data_center.content_listing_off = True
    with following(data_center) as follower:
        follower.sync()
        assert follower.titles() == titles
        assert data_center.log.count("/content/scan") > 0
    data_center.faults.paging.cap = 10
    for unknown in (404, 403):  # before version 7.18 there is no scan either
        data_center.faults.always(server_error(unknown), path="/content/scan")
        with following(data_center) as follower:
            follower.sync()
            assert follower.titles() == titles


def test_no_question_for_the_version_of_the_server_is_needed(data_center: ConfluenceServer) -> None:
    """Fact 36: /rest/api/server-information tells the version; nothing here depends on it."""
    with following(data_center) as follower:
        follower.sync()
        assert data_center.log.count("server-information") == 0


def test_what_one_account_may_not_read_is_not_there_for_it(both: ConfluenceServer) -> None:
    """Fact 22: what can't be seen is answered like what is not there."""
    page = both.state.add_page("ENG", "page")
    both.accounts.add(Account("other", "Other", groups={"others"}))
    with following(both) as follower:
        follower.sync()
        both.state.restrict(page, groups=["others"])
        listing = follower.sync(census=True)
        assert listing.reasons == {str(page.id).encode(): "deleted or no longer visible"}
    assert settings_for(both)["url"] == both.url
