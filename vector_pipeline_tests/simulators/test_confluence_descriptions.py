"""The Confluence test service against the official descriptions of the APIs, and filled with real pages."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from vector_pipeline_tests.simulators.atlassian_conditions import API_TOKEN, EMAIL, PERSONAL_ACCESS_TOKEN
from vector_pipeline_tests.simulators.atlassian_http import Request, Response
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer, load_storage_pages

Json = dict[str, Any]

pytestmark = pytest.mark.realdata


@pytest.fixture
def data() -> Path:
    folder = os.environ.get("VECTOR_PIPELINE_TEST_DATA")
    if not folder:
        pytest.skip("VECTOR_PIPELINE_TEST_DATA is not set")
    return Path(folder) / "confluence"


class Description:
    """An official description; `check` is an observer of a server that compares every answer with it."""

    def __init__(self, file: Path, prefix: str) -> None:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            self._document: Json = json.load(lines)
        self._prefix = prefix
        self._schemas = {self._shape(path): item for path, item in self._document["paths"].items()}
        self.checked: set[str] = set()
        self.problems: list[str] = []

    def check(self, request: Request, template: str, response: Response) -> None:
        """Records what is wrong with an answer."""
        operation = self._schemas.get(self._shape(template.removeprefix(self._prefix)), {}).get("get")
        if response.status != 200 or request.method != "GET" or operation is None:
            return
        content = operation["responses"]["200"].get("content", {})
        if "application/json" not in content:
            return
        schema = {**content["application/json"]["schema"], "components": self._document["components"]}
        answer = _without_nulls(json.loads(response.encoded()))
        self.checked.add(template)
        for error in Draft202012Validator(schema).iter_errors(answer):
            self.problems.append(f"{template}: {error.json_path} {error.message[:200]}")

    def _shape(self, path: str) -> str:
        return re.sub(r"\{[^}]*\}", "{}", path)


def _without_nulls(value: Any) -> Any:
    """The answer without null properties: the service writes null where the descriptions know only absence."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _fill(server: ConfluenceServer) -> tuple[int, int, int, int, int]:
    """A bit of everything; gives the ids of a page, a post, a footer comment, an inline comment, an attachment."""
    state = server.state
    state.add_space("ENG", "Engineering")
    parent = state.add_page("ENG", "parent", "<p>parent</p>")
    page = state.add_page("ENG", "page", "<p>page</p>", parent=parent, labels=["one", "two"])
    state.edit(page, "<p>page, better</p>", message="better")
    state.restrict(page, users=[server.accounts.ada.id], groups=["staff"])
    post = state.add_blogpost("ENG", "post", "<p>post</p>")
    footer = state.comment(page, "<p>footer</p>")
    state.comment(page, "<p>answer</p>", answers=footer)
    inline = state.comment(page, "<p>inline</p>", selection="better")
    state.comment(page, "<p>answer</p>", answers=inline)
    file = state.attach(page, "a.txt", b"text", "text/plain")
    state.attach(page, "a.txt", b"more text", "text/plain")
    state.add_page("ENG", "child", parent=page)
    state.archive(state.add_page("ENG", "archived"))
    state.trash(state.add_page("ENG", "trashed"))
    return page.id, post.id, footer.id, inline.id, file.id


def _cloud_paths(ids: tuple[int, int, int, int, int], space: int) -> Iterator[str]:
    page, post, footer, inline, file = ids
    yield from ("spaces", f"spaces/{space}", f"spaces/{space}/permissions", "spaces?limit=1")
    for plural, number in (("pages", page), ("blogposts", post)):
        yield from (plural, f"{plural}?limit=1&body-format=storage&status=current", f"spaces/{space}/{plural}")
        yield from (f"{plural}/{number}?body-format={form}" for form in ("storage", "atlas_doc_format", "view"))
        yield f"{plural}/{number}?include-labels=true&include-versions=true"
        for part in ("labels", "versions", "versions/1", "footer-comments", "inline-comments", "attachments"):
            yield f"{plural}/{number}/{part}"
    yield from (f"pages/{page}/ancestors", f"pages/{page}/children", "attachments", f"attachments/att{file}")
    yield from (f"attachments/att{file}/versions", f"attachments/att{file}/labels")
    for location, number in (("footer", footer), ("inline", inline)):
        yield f"pages/{page}/{location}-comments?body-format=atlas_doc_format"
        yield from (f"{location}-comments", f"{location}-comments/{number}?body-format=storage")
        yield f"{location}-comments/{number}/children"


_EXPAND = "body.storage,version,space,history.lastUpdated,ancestors,metadata.labels,restrictions.read.restrictions.user"


def _center_paths(ids: tuple[int, int, int, int, int]) -> Iterator[str]:
    page, post, footer, inline, file = ids
    yield from ("server-information", "space", "space/ENG", "user/current")
    for listing in ("content?", "content/scan?", "content/search?cql=type=page&", "search?cql=space=ENG&"):
        yield f"{listing}limit=2"
        yield f"{listing}limit=200&expand={_EXPAND}"
    for number in (str(page), str(post), str(footer), str(inline), f"att{file}"):
        yield from (f"content/{number}", f"content/{number}?expand={_EXPAND},children.page,container")
    for part in ("history", "label", "child/comment?depth=all&expand=body.storage,extensions.resolution", "child/page"):
        yield f"content/{page}/{part}"
    yield from (f"content/{page}/restriction/byOperation", f"content/{page}/restriction/byOperation/read")
    yield f"content/{page}/child/attachment?expand=version"


def test_answers_of_cloud_are_as_described(data: Path) -> None:
    description = Description(data / "openapi" / "openapi-v2.v3.json.gz", "/wiki/api/v2")
    with ConfluenceServer("cloud") as server:
        ids = _fill(server)
        server.observers.append(description.check)
        for path in _cloud_paths(ids, server.state.space("ENG").id):
            answer = requests.get(f"{server.url}/api/v2/{path}", auth=(EMAIL, API_TOKEN), timeout=60)
            assert answer.status_code == 200, (path, answer.text)
    assert description.problems == []
    assert len(description.checked) > 25


def test_answers_of_data_center_are_as_described(data: Path) -> None:
    description = Description(data / "openapi" / "confluence-dc.openapi.json.gz", "")
    with ConfluenceServer("data_center") as server:
        ids = _fill(server)
        server.observers.append(description.check)
        headers = {"Authorization": f"Bearer {PERSONAL_ACCESS_TOKEN}"}
        for path in _center_paths(ids):
            answer = requests.get(f"{server.url}/rest/api/{path}", headers=headers, timeout=60)
            assert answer.status_code == 200, (path, answer.text)
    assert description.problems == []
    assert len(description.checked) > 12


def test_real_pages_are_served_as_they_were_loaded(data: Path) -> None:
    with ConfluenceServer("cloud") as server:
        pages = load_storage_pages(server.state, data / "storage_pages_with_known_text.jsonl.gz", "DRF")
        assert len(pages) == 127
        session = requests.Session()
        session.auth = (EMAIL, API_TOKEN)
        query = "body-format=storage&limit=250&title=" + quote(pages[0].title)
        found = session.get(f"{server.url}/api/v2/pages?{query}", timeout=60).json()["results"]
        assert found[0]["body"]["storage"]["value"] == pages[0].current.body.as_storage()
        listed = session.get(f"{server.url}/api/v2/pages?limit=250&body-format=atlas_doc_format", timeout=60).json()
        assert len(listed["results"]) == 128
        for row in listed["results"]:
            assert json.loads(row["body"]["atlas_doc_format"]["value"])["type"] == "doc"
