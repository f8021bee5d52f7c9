"""CQL as the Confluence test service answers it: what it finds, refuses, and sees late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from vector_pipeline_tests.simulators.confluence_client import Client, add_pages
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer


@pytest.fixture
def cloud() -> Iterator[ConfluenceServer]:
    with ConfluenceServer("cloud") as server:
        server.state.add_space("ENG", "Engineering")
        yield server


@pytest.fixture(params=["cloud", "data_center"])
def both(request: pytest.FixtureRequest) -> Iterator[ConfluenceServer]:
    with ConfluenceServer(request.param) as server:
        server.state.add_space("ENG", "Engineering")
        yield server


def test_dates_in_a_query_are_read_in_the_zone_of_the_account_and_cut_to_the_minute(both: ConfluenceServer) -> None:
    both.clock.advance(minutes=10, seconds=42)
    page = str(both.state.add_page("ENG", "page").id)  # 09:40:42 UTC
    client = Client(both)
    assert client.search('lastmodified >= "2026-03-02 09:40"') == [page]
    assert client.search('lastmodified > "2026-03-02 09:40"') == []
    assert client.search('lastmodified <= "2026-03-02 09:40" and lastmodified >= "2026/03/02 09:40"') == [page]
    both.accounts.ada.time_zone = "America/New_York"
    assert client.search('lastmodified >= "2026-03-02 09:40"') == []
    assert client.search('lastmodified >= "2026-03-02 04:40"') == [page]
    both.accounts.ada.time_zone = "Asia/Kolkata"
    assert client.search('lastmodified > "2026-03-02 15:09"') == [page]


def test_the_time_a_query_sees_may_differ_from_the_one_a_page_tells(both: ConfluenceServer) -> None:
    both.clock.advance(minutes=10)
    page = both.state.add_page("ENG", "page")
    both.state.index.time.offset = timedelta(minutes=-3)
    client = Client(both)
    assert client.search('title = page and lastmodified >= "2026-03-02 09:38"') == []
    assert client.search('title = page and lastmodified <= "2026-03-02 09:37"') == [str(page.id)]
    told = client.json(f"/rest/api/content/{page.id}", expand="history.lastUpdated")
    assert told["history"]["lastUpdated"]["when"] == "2026-03-02T09:40:00.000Z"


def test_the_subset_of_cql(both: ConfluenceServer) -> None:
    state, client = both.state, Client(both)
    state.add_space("~ada", "Ada", type="personal")
    mine = state.add_page("~ada", "mine", labels=["private"])
    post = state.add_blogpost("ENG", "news", "<p>released today</p>", labels=["news", "public"])
    page = state.add_page("ENG", "page")
    comment = state.comment(page, "<p>well</p>")
    file = state.attach(page, "notes.txt", b"x", "text/plain")
    assert client.search('space = "~ada" and label = private') == [str(mine.id)]
    assert client.search("space in (ENG) AND type in (blogpost, comment)") == [str(post.id), str(comment.id)]
    assert client.search(f"id in ({page.id}, {mine.id}, 1)") == [str(mine.id), str(page.id)]
    assert client.search("type = attachment") == [f"att{file.id}"]
    assert client.search(f"container = {page.id} and type != comment") == [f"att{file.id}"]
    assert client.search("label in (news, other) and not (label = private or title = page)") == [str(post.id)]
    assert client.search('space.type = personal and title ~ "min"') == [str(mine.id)]
    assert client.search('text ~ "released"') == [str(post.id)]
    assert (
        client.search("space not in (ENG) and type = page order by title desc")
        == [
            str(state.space("~ada").homepage_id),
            str(mine.id),
        ][::-1]
    )


@pytest.mark.parametrize(
    "cql",
    [
        "",
        "space =",
        "space = ENG and",
        "(type = page",
        "size > 3",
        'lastmodified > "yesterday"',
        "type = folder",
        "type = page order by size",
        'title = "open',
        "space = ENG; drop",
        "lastmodified ~ 2020",
    ],
)
def test_bad_queries_are_refused_each_flavour_in_its_way(both: ConfluenceServer, cql: str) -> None:
    client = Client(both)
    cloud = both.flavour == "cloud"
    content = client.get("/rest/api/content/search", cql=cql)
    assert content.status_code == (400 if cloud else 404)
    assert "Could not parse cql" in content.json()["message"]
    assert client.get("/rest/api/search", cql=cql).status_code == 400


def test_search_lags_behind_as_long_as_it_is_told_to(both: ConfluenceServer) -> None:
    both.faults.search_lag = timedelta(minutes=2)
    client = Client(both)
    page = both.state.add_page("ENG", "page")
    assert client.json(f"/rest/api/content/{page.id}")["title"] == "page"
    assert client.search("title = page") == []
    both.clock.advance(minutes=2)
    assert client.search("title = page") == [str(page.id)]
    both.state.purge(page)
    assert client.search("title = page") == []  # a hit that is gone is not shown


def test_archived_pages_and_spaces_are_searched_only_on_demand(both: ConfluenceServer) -> None:
    state, client = both.state, Client(both)
    state.add_space("OLD")
    old, page = state.add_page("OLD", "old"), state.add_page("ENG", "page")
    state.archive_space("OLD")
    state.archive(page)
    assert client.search(f"id in ({old.id}, {page.id})") == []
    assert client.search(f"id = {page.id}", cqlcontext='{"contentStatuses":["archived"]}') == [str(page.id)]
    hits = client.json("/rest/api/search", cql=f"id = {old.id}", includeArchivedSpaces="true")
    assert [hit["content"]["id"] for hit in hits["results"]] == [str(old.id)]


def test_searches_on_cloud_page_by_cursor_and_ignore_start(cloud: ConfluenceServer) -> None:
    pages = add_pages(cloud, 9)
    client = Client(cloud)
    cql = "type = page and title ~ Page order by created"
    assert client.follow("/rest/api/content/search", cql=cql, limit=4) == pages
    assert client.search(cql, start=100_001, limit=1) == [pages[0]]
    link = client.json("/rest/api/content/search", cql=cql, limit=4)["_links"]["next"]
    assert link.startswith("/rest/api/content/search?next=true&cursor=")
    cloud.search_links_past_end = True
    full = client.json("/rest/api/content/search", cql=cql, limit=9)
    past = client.session.get(cloud.url + full["_links"]["next"], timeout=60).json()
    assert past["results"] == []
    hits = client.json("/rest/api/search", cql=cql, limit=4)
    assert (hits["totalSize"], len(hits["results"])) == (9, 4)


def test_paging_faults_strike_as_often_as_they_are_told(cloud: ConfluenceServer) -> None:
    pages = add_pages(cloud, 6)
    client = Client(cloud)
    cql = "title ~ Page"
    cloud.faults.paging.empty_page = 1
    first = client.json("/rest/api/content/search", cql=cql, limit=2)
    assert first["results"] == []
    assert client.follow(first["_links"]["next"]) == pages
    cloud.faults.paging.repeated_token = 2
    assert client.follow("/rest/api/content/search", cql=cql, limit=2) == pages[:4] + pages[2:4] + pages[2:]
    cloud.faults.paging.cap = 3
    assert len(client.ids("/api/v2/pages", limit=250)) == 3
