"""What only Confluence Data Center does, as the test service does it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from atlassian import Confluence

from vector_pipeline_tests.simulators.atlassian_conditions import PERSONAL_ACCESS_TOKEN
from vector_pipeline_tests.simulators.confluence_client import Client, add_pages
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer


@pytest.fixture
def center() -> Iterator[ConfluenceServer]:
    with ConfluenceServer("data_center", context_path="/confluence") as server:
        server.state.add_space("ENG", "Engineering")
        yield server


def test_next_links_of_data_center_count_what_was_asked(center: ConfluenceServer) -> None:
    pages = add_pages(center, 9)
    center.faults.paging.cap = 3
    client = Client(center)
    page = client.json("/rest/api/content/search", cql="title ~ Page", limit=5)
    assert (page["limit"], page["size"]) == (3, 3)
    assert "start=5&limit=5" in page["_links"]["next"]
    assert client.search("title ~ Page", start=3, limit=5) == pages[3:6]
    center.wrong_start_in_links = False
    assert client.follow("/rest/api/content/search", cql="title ~ Page", limit=5) == pages
    center.faults.paging.rows_past_end = 1
    assert len(client.ids("/rest/api/space", start=5)) == 1
    assert client.ids("/rest/api/space", start=5) == []


def test_the_client_library_reads_data_center() -> None:
    with ConfluenceServer("data_center") as center:
        center.state.add_space("ENG", "Engineering")
        pages = add_pages(center, 7)
        # the library loses a context path in next links, so the site is at the root here
        client = Confluence(center.url, token=PERSONAL_ACCESS_TOKEN, cloud=False)  # type: ignore[no-untyped-call]
        hits = list(client.iter_cql("title ~ Page order by created", limit=3))
        assert [hit["content"]["id"] for hit in hits] == pages
        page = client.get_page_by_id(pages[0], expand="body.storage,version,ancestors")
        assert page["body"]["storage"]["value"] == "<p />"
        assert client.get_space("ENG")["name"] == "Engineering"
        assert client.get_page_labels(pages[0])["results"] == []


def test_the_scan_works_where_the_listing_is_off(center: ConfluenceServer) -> None:
    pages = add_pages(center, 7)
    home = str(center.state.space("ENG").homepage_id)
    center.content_listing_off = True
    client = Client(center)
    assert client.get("/rest/api/content", spaceKey="ENG").status_code == 403
    assert client.follow("/rest/api/content/scan", spaceKey="ENG", limit=3) == [home, *pages]
    assert client.get("/rest/api/content/scan", cursor="made-up").status_code == 400
    assert client.json(f"/rest/api/content/{pages[0]}")["id"] == pages[0]


def test_statuses_and_deletion_on_data_center(center: ConfluenceServer) -> None:
    client = Client(center)
    page = center.state.add_page("ENG", "page")
    home = str(center.state.space("ENG").homepage_id)
    address = f"{center.url}/rest/api/content/{page.id}"
    assert client.session.delete(address, timeout=60).status_code == 204
    assert client.ids("/rest/api/content", spaceKey="ENG") == [home]
    assert client.ids("/rest/api/content", spaceKey="ENG", status="any") == [home, str(page.id)]
    assert client.get("/rest/api/content", status="historical").status_code == 400
    assert client.get(f"/rest/api/content/{page.id}").status_code == 404
    assert client.json(f"/rest/api/content/{page.id}", status="trashed")["status"] == "trashed"
    assert client.session.delete(address, params={"status": "trashed"}, timeout=60).status_code == 204
    assert client.ids("/rest/api/content", spaceKey="ENG", status="any") == [home]


def test_searches_for_attachments_may_fail_beyond_the_first_page(center: ConfluenceServer) -> None:
    page = center.state.add_page("ENG", "page")
    for number in range(4):
        center.state.attach(page, f"{number}.txt", b"x", "text/plain")
    center.attachment_pages_refused = 1
    client = Client(center)
    assert len(client.search("type = attachment", limit=2)) == 2
    query = {"cql": "type = attachment", "limit": 2, "start": 2}
    assert client.get("/rest/api/content/search", **query).status_code == 400
    assert client.get("/rest/api/content/search", **query).status_code == 200


def test_data_center_tells_its_version_and_times_in_its_zone(center: ConfluenceServer) -> None:
    client = Client(center)
    assert client.json("/rest/api/server-information")["version"].startswith("10.2")
    center.time_zone = "Europe/Berlin"
    page = center.state.add_page("ENG", "page")
    told = client.json(f"/rest/api/content/{page.id}")["version"]["when"]
    assert told == "2026-03-02T10:30:00.000+01:00"
    assert "timeZone" not in client.json("/rest/api/user/current")
