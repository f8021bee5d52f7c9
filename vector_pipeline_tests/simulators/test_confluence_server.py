"""The Confluence test service: version 1 in both flavours, its doors and conditions, its speed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
import requests
from atlassian import ConfluenceV2
from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline_tests.simulators.atlassian_conditions import (
    API_TOKEN,
    BEARER,
    EMAIL,
    PERSONAL_ACCESS_TOKEN,
    SCOPED_TOKEN,
    Account,
    Credential,
    rate_limited,
)
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


def _v2(server: ConfluenceServer) -> ConfluenceV2:
    with pytest.warns(DeprecationWarning, match="V1 methods"):
        return ConfluenceV2(server.url, username=EMAIL, password=API_TOKEN)


def test_version_one_clamps_its_pages_and_refuses_a_start_too_far(cloud: ConfluenceServer) -> None:
    cloud.state.fill("ENG", 1010)
    client = Client(cloud)
    page = client.json("/rest/api/content", spaceKey="ENG", limit=5000)
    assert (page["limit"], page["size"]) == (1000, 1000)
    assert "prev" not in page["_links"]
    assert "prev" in client.json("/rest/api/content", start=10)["_links"]
    refused = client.get("/rest/api/content", start=100_001)
    assert refused.status_code == 400
    assert "Start of this size is no longer supported" in refused.json()["message"]


def test_history_version_and_space_are_expanded_unless_others_are_named(both: ConfluenceServer) -> None:
    client = Client(both)
    page = both.state.add_page("ENG", "page", labels=["one"])
    plain = client.json(f"/rest/api/content/{page.id}")
    assert {"history", "version", "space"} <= plain.keys()
    assert "body" not in plain
    assert "body" in plain["_expandable"]
    named = client.json(f"/rest/api/content/{page.id}", expand="body.storage,metadata.labels")
    assert "version" not in named
    assert named["metadata"]["labels"]["results"][0]["name"] == "one"
    assert named["_links"]["base"] == both.url
    assert named["_links"]["context"] == both.context_path


def test_one_unreadable_ancestor_fails_the_whole_batch(both: ConfluenceServer) -> None:
    state, client = both.state, Client(both)
    fine = state.add_page("ENG", "fine")
    draft = state.add_page("ENG", "draft", draft=True)
    below = state.add_page("ENG", "below", parent=draft)
    expand = "ancestors.restrictions.read.restrictions.user"
    query = {"cql": f"id in ({fine.id}, {below.id})"}
    broken = client.get("/rest/api/content/search", expand=expand, **query)
    assert broken.status_code == 404
    message = broken.json()["data"]["errors"][0]["message"]["translation"]
    assert message == f"No content with id <ContentId{{id={draft.id}}}> can be found"
    assert len(client.json("/rest/api/content/search", expand="ancestors", **query)["results"]) == 2


def test_a_page_may_fail_as_storage_and_work_as_view(both: ConfluenceServer) -> None:
    page = both.state.add_page("ENG", "page", "<p>words</p>")
    page.storage_fails = True
    client = Client(both)
    refused = client.get(f"/rest/api/content/{page.id}", expand="body.storage")
    assert refused.status_code == 404
    assert refused.json()["message"].startswith("Cannot find content. Outdated version/old_draft/trashed?")
    assert client.json(f"/rest/api/content/{page.id}", expand="body.view")["body"]["view"]["value"] == "<p>words</p>"


def test_restrictions_are_told_and_hold_for_all_below(both: ConfluenceServer) -> None:
    state, client = both.state, Client(both)
    other = both.accounts.add(Account("other-account", "Other", groups={"secret"}))
    parent = state.add_page("ENG", "parent")
    child = state.add_page("ENG", "child", parent=parent)
    comment = state.comment(child, "<p>hm</p>")
    state.restrict(parent, users=[both.accounts.ada.id], groups=["secret"])
    path = f"/rest/api/content/{parent.id}/restriction"
    read = next(row for row in client.json(path)["results"] if row["operation"] == "read")
    assert [group["name"] for group in read["restrictions"]["group"]["results"]] == ["secret"]
    assert client.json(f"{path}/byOperation")["read"]["restrictions"]["user"]["size"] == 1
    inherited = client.json(f"/rest/api/content/{child.id}", expand="ancestors.restrictions.read.restrictions.group")
    rows = inherited["ancestors"][-1]["restrictions"]["read"]["restrictions"]["group"]["results"]
    assert [group["name"] for group in rows] == ["secret"]
    assert state.may_read(comment, other.id, frozenset(other.groups))
    state.restrict(parent, groups=["secret"])
    for page in (parent, child, comment):
        assert client.get(f"/rest/api/content/{page.id}").status_code == 404
    assert client.search(f"id in ({parent.id}, {child.id}, {comment.id})") == []
    state.restrict(parent)
    assert client.json(f"/rest/api/content/{child.id}")["id"] == str(child.id)


def test_a_withdrawn_space_looks_like_one_that_is_not_there(both: ConfluenceServer) -> None:
    page = both.state.add_page("ENG", "page")
    client = Client(both)
    both.state.withdraw_space("ENG", both.accounts.ada.id)
    assert client.search("space = ENG") == []
    assert client.get(f"/rest/api/content/{page.id}").status_code == 404
    assert client.get("/rest/api/space/ENG").status_code == client.get("/rest/api/space/NONE").status_code == 404
    both.state.grant_space("ENG", both.accounts.ada.id)
    assert len(client.search("space = ENG")) == 2


def test_comments_in_place_below_and_resolved(both: ConfluenceServer) -> None:
    state, client = both.state, Client(both)
    page = state.add_page("ENG", "page")
    footer = state.comment(page, "<p>footer</p>")
    answer = state.comment(page, "<p>answer</p>", answers=footer)
    inline = state.comment(page, "<p>inline</p>", selection="some words")
    done = state.comment(page, "<p>done</p>", selection="other words")
    state.resolve(done)
    path = f"/rest/api/content/{page.id}/child/comment"
    assert client.ids(path) == [str(comment.id) for comment in (footer, inline, done)]
    assert client.ids(path, depth="all", location="footer") == [str(footer.id), str(answer.id)]
    assert client.ids(path, location=["inline", "resolved"]) == [str(inline.id), str(done.id)]
    shown = client.json(path, expand="extensions.inlineProperties,extensions.resolution,body.storage")["results"]
    assert shown[2]["extensions"]["resolution"] == {"status": "resolved"}
    assert shown[1]["extensions"]["inlineProperties"]["originalSelection"] == "some words"
    state.purge(footer)
    assert client.ids(path, depth="all") == [str(inline.id), str(done.id)]


def test_comments_of_version_two(cloud: ConfluenceServer) -> None:
    state, client = cloud.state, Client(cloud)
    page = state.add_page("ENG", "page")
    footer = state.comment(page, "<p>footer</p>")
    answer = state.comment(page, "<p>answer</p>", answers=footer)
    inline = state.comment(page, "<p>inline</p>", selection="words")
    state.resolve(inline)
    rows = client.json(f"/api/v2/pages/{page.id}/footer-comments", body_format="storage")["results"]
    assert [(row["id"], row["body"]["storage"]["value"]) for row in rows] == [(str(footer.id), "<p>footer</p>")]
    assert client.ids(f"/api/v2/footer-comments/{footer.id}/children") == [str(answer.id)]
    assert client.ids(f"/api/v2/pages/{page.id}/inline-comments", resolution_status="open") == []
    assert client.json(f"/api/v2/inline-comments/{inline.id}")["resolutionStatus"] == "resolved"
    assert client.ids("/api/v2/footer-comments") == [str(footer.id), str(answer.id)]
    state.trash(page)
    assert client.ids("/api/v2/footer-comments") == []


def test_attachments_get_versions_and_their_bytes(both: ConfluenceServer) -> None:
    state, client = both.state, Client(both)
    page = state.add_page("ENG", "page")
    file = state.attach(page, "a b.txt", b"first", "text/plain")
    same = state.attach(page, "a b.txt", b"second!", "text/plain")
    assert same is file
    row = client.json(f"/rest/api/content/{page.id}/child/attachment", expand="version")["results"][0]
    assert (row["id"], row["version"]["number"], row["extensions"]["fileSize"]) == (f"att{file.id}", 2, 7)
    assert client.get(row["_links"]["download"]).content == b"second!"
    old = client.get(f"/download/attachments/{page.id}/a%20b.txt", version=1)
    assert (old.content, old.headers["Content-Type"]) == (b"first", "text/plain")
    state.trash(file)
    assert client.ids(f"/rest/api/content/{page.id}/child/attachment") == []


def test_downloads_on_cloud_lead_to_another_host_that_takes_only_its_token(cloud: ConfluenceServer) -> None:
    page = cloud.state.add_page("ENG", "page")
    cloud.state.attach(page, "a.bin", b"\x00\x01", "application/octet-stream")
    client = Client(cloud)
    row = client.json(f"/api/v2/pages/{page.id}/attachments")["results"][0]
    seen: list[str | None] = []
    cloud.observers.append(lambda request, _template, _answer: seen.append(request.headers.get("Authorization")))
    answer = client.get(row["downloadLink"])
    assert answer.content == b"\x00\x01"
    assert len(answer.history) == 1
    assert answer.history[0].headers["Location"].startswith(cloud.other_origin)
    assert seen[0] is not None
    assert seen[1] is None
    assert requests.get(answer.url.replace("token=", "token=0"), timeout=60).status_code == 403


# -- doors, conditions, scale


def test_doors_of_cloud(cloud: ConfluenceServer) -> None:
    add_pages(cloud, 3)
    session = requests.Session()
    session.trust_env = False
    assert session.get(f"{cloud.url}/api/v2/spaces", auth=(EMAIL, "wrong"), timeout=60).status_code == 401
    assert session.get(f"{cloud.url}/api/v2/spaces", auth=(EMAIL, API_TOKEN), timeout=60).status_code == 200
    assert session.get(f"{cloud.origin}/api/v2/spaces", auth=(EMAIL, API_TOKEN), timeout=60).status_code == 404
    bearer = {"Authorization": f"Bearer {BEARER}"}
    through = session.get(f"{cloud.gateway_url}/wiki/api/v2/pages?limit=2", headers=bearer, timeout=60)
    assert through.json()["_links"]["next"].startswith("/wiki/api/v2/pages?")  # the gateway's prefix is lost
    for prefix in ("/wiki", ""):
        answer = session.get(
            f"{cloud.gateway_url}{prefix}/rest/api/user/current", auth=(EMAIL, SCOPED_TOKEN), timeout=10
        )
        assert answer.json()["timeZone"] == "UTC"
    assert session.get(f"{cloud.url}/api/v2/spaces", headers=bearer, timeout=60).status_code == 403


def test_accounts_see_what_they_may(cloud: ConfluenceServer) -> None:
    guest = Account("guest", "Guest", "guest@example.org", groups={"guests"})
    cloud.accounts.grant(guest, Credential.API_TOKEN, "guest-token")
    cloud.state.limit_space("ENG", groups=["staff"])
    client = Client(cloud)
    space = client.ids("/api/v2/spaces")[0]
    (permission,) = client.json(f"/api/v2/spaces/{space}/permissions")["results"]
    assert permission["principal"] == {"type": "group", "id": "staff"}
    client.session.auth = ("guest@example.org", "guest-token")
    assert client.ids("/api/v2/spaces") == client.ids("/api/v2/pages") == client.search("type = page") == []


def test_the_library_waits_out_a_rate_limit_once(cloud: ConfluenceServer) -> None:
    cloud.faults.once(rate_limited(0), path="/api/v2/spaces")
    assert _v2(cloud).get_spaces()[0]["key"] == "ENG"
    assert [asked.status for asked in cloud.log.all()] == [429, 200]


def test_the_list_of_very_many_pages_is_made_once(cloud: ConfluenceServer) -> None:
    cloud.state.fill("ENG", 20_000, per_hour=6000)
    client = Client(cloud)
    space = client.ids("/api/v2/spaces")[0]
    ids = client.follow(f"/api/v2/spaces/{space}/pages", limit=250)
    assert len(set(ids)) == len(ids) == 20_001
    first, *others = (asked.seconds for asked in cloud.log.find("/pages"))
    assert len(others) == 80
    assert sorted(others)[8] < first / 3
    for number in ids[100:120]:
        cloud.state.edit(int(number), "<p>changed</p>")
    changed = client.search('space = ENG and lastmodified >= "2026-03-02 09:30" and title ~ Page', limit=250)
    assert sorted(changed) == sorted(ids[100:120])


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from("aertmpslc"), st.integers(0, 30), st.integers(0, 30)), max_size=40))
def test_lists_searches_and_single_pages_agree_after_any_operations(steps: list[tuple[str, int, int]]) -> None:
    with ConfluenceServer("cloud") as server:
        state = server.state
        for key in ("ONE", "TWO"):
            state.add_space(key)
        for kind, first, second in steps:
            server.clock.advance(seconds=20)
            pages = [content for content in state.contents.values() if content.type == "page"]
            if not pages:
                break
            page, other = pages[first % len(pages)], pages[second % len(pages)]
            if kind == "a":
                state.add_page(("ONE", "TWO")[second % 2], f"Page {len(pages)}")
            elif kind == "e":
                state.edit(page, f"<p>{second}</p>")
            elif kind == "r" and page.status in ("trashed", "archived"):
                state.restore(page)
            elif kind == "t":
                state.trash(page, descendants=bool(second % 2))
            elif kind == "m" and other is not page and page not in state.ancestors(other):
                state.move(page, parent=other)
            elif kind == "p":
                state.purge(page)
            elif kind == "s":
                state.restrict(page, users=["someone"] if second % 2 else [])
            elif kind == "l":
                state.label(page, f"label-{second}")
            elif kind == "c":
                state.comment(page, "<p>well</p>")
        client = Client(server)
        listed = set(client.follow("/api/v2/pages", status="current", limit=7))
        assert listed == set(client.follow("/rest/api/content/search", cql="type = page", limit=7))
        assert listed == set(client.follow("/rest/api/content", limit=7))
        everything = {str(content.id) for content in state.contents.values() if content.type == "page"}
        readable = {number for number in everything if client.get(f"/rest/api/content/{number}").status_code == 200}
        assert listed == readable


def test_it_can_be_started_alone() -> None:
    command = [sys.executable, "-m", "vector_pipeline_tests.simulators.confluence_server"]
    options = ["--port", "0", "--flavour", "data_center", "--pages", "30"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[1].rstrip(",")
            headers = {"Authorization": f"Bearer {PERSONAL_ACCESS_TOKEN}"}
            answer = requests.get(f"{url}/rest/api/content?limit=100", headers=headers, timeout=60)
            assert answer.json()["size"] == 31
        finally:
            process.terminate()
