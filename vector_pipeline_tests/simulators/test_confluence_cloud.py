"""Version 2 of the Confluence Cloud API as the test service answers it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from atlassian import ConfluenceV2

from vector_pipeline_tests.simulators.atlassian_conditions import API_TOKEN, EMAIL
from vector_pipeline_tests.simulators.confluence_client import Client, Json, add_pages
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


def _v2(server: ConfluenceServer) -> ConfluenceV2:
    with pytest.warns(DeprecationWarning, match="V1 methods"):
        return ConfluenceV2(server.url, username=EMAIL, password=API_TOKEN)


def test_the_client_library_pages_through_a_space_by_cursor(cloud: ConfluenceServer) -> None:
    pages = add_pages(cloud, 23)
    client = _v2(cloud)
    space = client.get_space_by_key("ENG")
    found: Any = client.get_pages(space_id=space["id"], limit=5, get_body=True)
    assert [page["id"] for page in found] == [space["homepageId"], *pages]
    assert cloud.log.count("/api/v2/pages") == 5


def test_next_links_come_in_the_body_and_in_the_header(cloud: ConfluenceServer) -> None:
    add_pages(cloud, 3)
    answer = Client(cloud).get("/api/v2/pages", limit=2)
    link = answer.json()["_links"]["next"]
    assert link.startswith("/wiki/api/v2/pages?cursor=")
    assert answer.json()["_links"]["base"] == cloud.url
    assert cloud.url.endswith("/wiki")
    assert answer.headers["Link"] == f'<{link}>; rel="next", <{cloud.url}>; rel="base"'
    assert link.endswith("limit=2")  # the cursor is not the last key
    last = Client(cloud).json("/api/v2/pages", limit=250)
    assert last["_links"] == {"base": cloud.url}


def test_a_cursor_holds_its_place_while_pages_come_and_go(cloud: ConfluenceServer) -> None:
    pages = add_pages(cloud, 6)
    client = Client(cloud)
    first = client.json("/api/v2/pages", limit=3)
    cloud.state.purge(int(first["results"][0]["id"]))
    cloud.state.purge(int(pages[2]))
    rest = client.session.get(cloud.origin + first["_links"]["next"], timeout=60).json()
    assert [row["id"] for row in rest["results"]] == pages[3:]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 251},
        {"limit": 0},
        {"limit": "x"},
        {"status": "draft"},
        {"body_format": "view"},
        {"sort": "size"},
        {"cursor": "made-up"},
        {"space_id": "ENG"},
    ],
)
def test_requests_out_of_range_are_refused(cloud: ConfluenceServer, query: Json) -> None:
    answer = Client(cloud).get("/api/v2/pages", **query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "INVALID_REQUEST_PARAMETER"


def test_lists_hold_current_and_archived_pages_unless_asked_otherwise(cloud: ConfluenceServer) -> None:
    state, client = cloud.state, Client(cloud)
    kept, archived, trashed = (state.add_page("ENG", title) for title in ("kept", "archived", "trashed"))
    draft = state.add_page("ENG", "draft", draft=True)
    state.archive(archived)
    state.trash(trashed)
    home = str(state.space("ENG").homepage_id)
    assert client.ids("/api/v2/pages") == [home, str(kept.id), str(archived.id)]
    assert client.ids("/api/v2/pages", status="trashed") == [str(trashed.id)]
    assert client.search("type = page and space = ENG") == [home, str(kept.id)]
    assert client.get(f"/api/v2/pages/{draft.id}").status_code == 404
    assert client.json(f"/api/v2/pages/{draft.id}", get_draft="true")["status"] == "draft"
    state.publish(draft)
    assert str(draft.id) in client.ids("/api/v2/pages")


def test_a_page_is_trashed_restored_and_purged(cloud: ConfluenceServer) -> None:
    client = Client(cloud)
    page = cloud.state.add_page("ENG", "page")
    path = f"{cloud.url}/api/v2/pages/{page.id}"
    assert client.session.delete(path, params={"purge": "true"}, timeout=60).status_code == 404
    assert client.session.delete(path, timeout=60).status_code == 204
    assert client.json(f"/api/v2/pages/{page.id}")["status"] == "trashed"
    cloud.state.restore(page)
    assert client.json(f"/api/v2/pages/{page.id}")["version"]["number"] == 2
    client.session.delete(path, timeout=60)
    assert client.session.delete(path, params={"purge": "true"}, timeout=60).status_code == 204
    absent = client.get(f"/api/v2/pages/{page.id}")
    assert absent.status_code == 404
    assert absent.json() == {"errors": [{"status": 404, "code": "NOT_FOUND", "title": "Not Found", "detail": None}]}


def test_trashing_a_page_moves_its_children_up(both: ConfluenceServer) -> None:
    state = both.state
    top = state.add_page("ENG", "top")
    middle = state.add_page("ENG", "middle", parent=top)
    child = state.add_page("ENG", "child", parent=middle)
    state.trash(middle)
    assert child.parent_id == top.id
    assert Client(both).search(f"ancestor = {middle.id}") == []
    assert Client(both).search(f"ancestor = {top.id}") == [str(child.id)]


def test_bodies_are_readable_in_both_formats_whichever_they_were_written_in(cloud: ConfluenceServer) -> None:
    client = Client(cloud)
    macro = '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[a < b]]></ac:plain-text-body>'
    storage = f"<h2>Title</h2><p>Some <em>words</em></p>{macro}</ac:structured-macro>"
    text = {"type": "text", "text": "Words & more"}
    adf = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [text]}]}
    old = cloud.state.add_page("ENG", "old", storage)
    new = cloud.state.add_page("ENG", "new", adf)

    def body(page: int, form: str) -> str:
        return str(client.json(f"/api/v2/pages/{page}", body_format=form)["body"][form]["value"])

    assert body(old.id, "storage") == storage
    assert json.loads(body(new.id, "atlas_doc_format")) == adf
    assert body(new.id, "storage") == "<p>Words &amp; more</p>"
    blocks = json.loads(body(old.id, "atlas_doc_format"))["content"]
    assert [block["type"] for block in blocks] == ["heading", "paragraph", "paragraph"]
    assert [block["content"][0]["text"] for block in blocks] == ["Title", "Some words", "a < b"]
    assert "a &lt; b" in body(old.id, "view")
    assert "ac:" not in body(old.id, "view")
    assert client.json(f"/api/v2/pages/{old.id}")["body"] == {}


def test_versions_can_be_read_one_by_one(cloud: ConfluenceServer) -> None:
    page = cloud.state.add_page("ENG", "one", "<p>first</p>")
    cloud.state.edit(page, "<p>second</p>", message="better")
    client = Client(cloud)
    rows = client.json(f"/api/v2/pages/{page.id}/versions")["results"]
    assert [(row["number"], row["message"]) for row in rows] == [(2, "better"), (1, "")]
    old = client.json(f"/api/v2/pages/{page.id}", version=1, body_format="storage")
    assert old["body"]["storage"]["value"] == "<p>first</p>"
    assert old["status"] == "historical"


def test_ancestors_and_children_follow_a_move(cloud: ConfluenceServer) -> None:
    state, client = cloud.state, Client(cloud)
    state.add_space("OPS")
    parent = state.add_page("ENG", "parent")
    child = state.add_page("ENG", "child", parent=parent)
    leaf = state.add_page("ENG", "leaf", parent=child)
    home = str(state.space("ENG").homepage_id)
    assert client.ids(f"/api/v2/pages/{leaf.id}/ancestors") == [home, str(parent.id), str(child.id)]
    assert client.ids(f"/api/v2/pages/{parent.id}/children") == [str(child.id)]
    state.move(child, space="OPS")
    operations = str(state.space("OPS").homepage_id)
    assert client.ids(f"/api/v2/pages/{leaf.id}/ancestors") == [operations, str(child.id)]
    assert client.search("space = OPS and title = leaf") == [str(leaf.id)]
    assert "/spaces/OPS/pages/" in client.json(f"/api/v2/pages/{leaf.id}")["_links"]["webui"]


@pytest.mark.parametrize("bumps", [False, True])
def test_whether_a_move_bumps_version_and_time_is_switchable(both: ConfluenceServer, bumps: bool) -> None:
    state, client = both.state, Client(both)
    page, parent = state.add_page("ENG", "page"), state.add_page("ENG", "parent")
    both.clock.advance(minutes=10)
    state.bumps.move_version = state.bumps.move_modified = bumps
    state.move(page, parent=parent)
    found = client.json(f"/rest/api/content/{page.id}", expand="version,ancestors")
    assert found["version"]["number"] == (2 if bumps else 1)
    assert found["ancestors"][-1]["id"] == str(parent.id)
    assert client.search('lastmodified >= "2026-03-02 09:35"') == ([str(page.id)] if bumps else [])
