"""What the service tells only in part, or fails at: nobody sees more because of it, nothing goes and nothing stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from vector_pipeline.sources.atlassian.errors import AccessDenied
from vector_pipeline_tests.simulators.atlassian_conditions import Fault, changed
from vector_pipeline_tests.simulators.atlassian_http import Request, Response
from vector_pipeline_tests.simulators.confluence_content import Content
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.sources.confluence.site import FLAVOURS, Follower, following

ADA = "5b10ac8d82e05b22cc7d4ef5"


@pytest.fixture(params=FLAVOURS)
def server(request: pytest.FixtureRequest) -> Iterator[ConfluenceServer]:
    with ConfluenceServer(request.param) as running:
        running.state.add_space("ENG", "Engineering")
        yield running


@pytest.fixture
def cloud() -> Iterator[ConfluenceServer]:
    with ConfluenceServer("cloud") as running:
        running.state.add_space("ENG", "Engineering")
        yield running


@pytest.fixture
def data_center() -> Iterator[ConfluenceServer]:
    with ConfluenceServer("data_center") as running:
        running.state.add_space("ENG", "Engineering")
        yield running


def native(content: Content) -> bytes:
    """The native id of a content."""
    return content.public_id.encode()


def access(follower: Follower, title: str) -> list[str]:
    """Who may read the document with this title."""
    found: list[str] = follower.document(title).metadata["access"]
    return found


def restricted(server: ConfluenceServer) -> list[str]:
    """Labels of what only staff may read."""
    return ["group:all-users+group:staff"] if server.flavour == "cloud" else ["group:staff"]


def fail_where(server: ConfluenceServer, is_bad: Callable[[Request, Response], bool]) -> Callable[[], None]:
    """Answers 500 where the predicate says so; gives what ends that."""
    right = server.answer

    def answer(request: Request, fault: Fault | None) -> tuple[str, Response]:
        template, response = right(request, fault)
        if is_bad(request, response):
            response.status = 500
        return template, response

    server.answer = answer  # type: ignore[method-assign]

    def end() -> None:
        server.answer = right  # type: ignore[method-assign]

    return end


# -- parents that are not told


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_folder_that_can_not_be_read_hides_what_is_in_it_until_it_can(cloud: ConfluenceServer, status: int) -> None:
    top = cloud.state.add_page("ENG", "top")
    cloud.state.restrict(top, groups=["staff"])
    folder = cloud.state.add_folder("ENG", "folder", parent=cloud.state.add_folder("ENG", "outer", parent=top))
    inside = cloud.state.add_page("ENG", "inside", parent=folder)
    cloud.state.attach(inside, "file.md", b"# File\n")
    cloud.faults.always(Fault(status, {"message": "no"}), path="/api/v2/folders/")
    with following(cloud, max_wait="0.3s") as follower:
        follower.sync()
        assert access(follower, "inside") == access(follower, "File") == ["nobody"]
        cloud.clock.advance(minutes=30)
        cloud.state.edit(cloud.state.add_page("ENG", "other"), "<p>x</p>")
        assert not follower.sync().complete
        assert access(follower, "inside") == ["nobody"]
        cloud.faults.clear()
        follower.sync(census=True)
        assert access(follower, "inside") == restricted(cloud)
        assert follower.document("inside").metadata["breadcrumb"] == ["Engineering Home", "top", "outer", "folder"]


def test_a_token_that_is_not_accepted_for_folders_is_said(cloud: ConfluenceServer) -> None:
    cloud.state.add_page("ENG", "inside", parent=cloud.state.add_folder("ENG", "folder"))
    cloud.faults.always(Fault(401, {"code": 401, "message": "scope does not match"}), path="/api/v2/folders/")
    with following(cloud) as follower, pytest.raises(AccessDenied):
        follower.sync()


def test_a_parent_of_another_kind_is_asked_for_as_such(cloud: ConfluenceServer) -> None:
    board = cloud.state.add_folder("ENG", "board")
    cloud.state.restrict(board, groups=["staff"])
    cloud.state.add_page("ENG", "inside", parent=board)

    def as_board(answer: Any) -> Any:
        for row in answer.get("results", []):
            row["parentType"] = "whiteboard" if row.get("parentId") == str(board.id) else row.get("parentType")
        return answer

    cloud.faults.always(changed(as_board), path="/pages")
    with following(cloud) as follower:
        follower.sync()
        assert cloud.log.count(f"/whiteboards/{board.id}") == 1
        assert cloud.log.count("/folders/") == 0
        assert access(follower, "inside") == ["nobody"], "this service has no whiteboards to tell of"


def test_more_levels_above_a_page_than_are_followed_hide_it(cloud: ConfluenceServer) -> None:
    above = cloud.state.add_page("ENG", "secret")
    cloud.state.restrict(above, groups=["staff"])
    for number in range(105):
        above = cloud.state.add_folder("ENG", f"folder {number}", parent=above)
    cloud.state.add_page("ENG", "leaf", parent=above)
    with following(cloud) as follower:
        follower.sync()
        assert access(follower, "leaf") == ["nobody"]


def test_an_archived_parent_the_service_fails_at_hides_what_is_below_until_it_is_told(
    data_center: ConfluenceServer,
) -> None:
    state = data_center.state
    top = state.add_page("ENG", "archived")
    state.restrict(top, groups=["staff"])
    below = state.add_page("ENG", "below", parent=top)
    state.archive(top)
    end = fail_where(data_center, lambda request, response: str(top.id) in request.path + str(request.query))
    with following(data_center, max_wait="0.5s") as follower:
        follower.sync()
        assert access(follower, "below") == ["nobody"]
        end()
        data_center.clock.advance(minutes=30)
        state.edit(below, "<p>edited</p>")
        assert not follower.sync().complete
        assert access(follower, "below") == ["group:staff"]


def test_answers_without_ancestors_do_not_mean_the_top(data_center: ConfluenceServer) -> None:
    top = data_center.state.add_page("ENG", "secret")
    data_center.state.restrict(top, groups=["staff"])
    data_center.state.add_page("ENG", "below", parent=top)

    def without(answer: Any) -> Any:
        for hit in answer.get("results", []):
            hit.get("content", hit).pop("ancestors", None)
        return answer

    data_center.faults.always(changed(without), path="/rest/api")
    with following(data_center) as follower:
        follower.sync()
        assert access(follower, "below") == ["nobody"]
        data_center.faults.clear()
        follower.sync(census=True)
        assert access(follower, "below") == ["group:staff"]


def test_folders_are_asked_for_once_and_again_only_by_a_verification(cloud: ConfluenceServer) -> None:
    for number in range(12):
        cloud.state.add_page("ENG", f"page {number}", parent=cloud.state.add_folder("ENG", f"folder {number}"))
    with following(cloud) as follower:
        follower.sync()
        assert cloud.log.count("/folders/") == 12
        for wanted, listing in ((0, {"census": True}), (12, {"full": True})):
            follower.reopen()
            cloud.log.clear()
            follower.sync(**listing)
            assert cloud.log.count("/folders/") == wanted
            assert follower.document("page 3").metadata["breadcrumb"] == ["Engineering Home", "folder 3"]
            assert "space:ENG" in access(follower, "page 3")


# -- restrictions


def test_a_restriction_whose_principals_have_no_name_is_for_nobody(server: ConfluenceServer) -> None:
    server.state.restrict(server.state.add_page("ENG", "page"), users=[ADA])

    def nameless(answer: Any) -> Any:
        for hit in answer.get("results", []):
            users = hit.get("content", {}).get("restrictions", {}).get("read", {}).get("restrictions", {})
            for user in users.get("user", {}).get("results", []):
                user |= dict.fromkeys(user.keys() & {"accountId", "username"})
        return answer

    server.faults.always(changed(nameless), path="/rest/api/search")
    with following(server) as follower:
        follower.sync()
        assert access(follower, "page") == ["nobody"]


def test_who_reads_a_restricted_page_must_be_among_the_readers_of_the_space(cloud: ConfluenceServer) -> None:
    cloud.state.limit_space("ENG", users=[ADA], groups=["hr"])
    cloud.state.restrict(cloud.state.add_page("ENG", "salaries"), users=[ADA], groups=["staff"])
    with following(cloud, access=["auditors"]) as follower:
        follower.sync()
        assert access(follower, "Engineering Home") == ["auditors", "group:hr", "space:ENG", f"user:{ADA}"]
        expected = ["auditors+group:staff", "group:hr+group:staff", f"user:{ADA}"]
        assert access(follower, "salaries") == expected
        cloud.clock.advance(minutes=30)
        cloud.state.edit(next(c for c in cloud.state.contents.values() if c.title == "salaries"), "<p>new</p>")
        assert not follower.sync().complete
        assert access(follower, "salaries") == expected


@pytest.mark.parametrize("mode", ["documents", "page"])
def test_a_comment_on_a_file_belongs_to_the_page_of_the_file(server: ConfluenceServer, mode: str) -> None:
    page = server.state.add_page("ENG", "page")
    server.state.restrict(page, groups=["staff"])
    file = server.state.attach(page, "notes.md", b"# Notes\n")
    early = server.state.comment(file, "<p>an early remark</p>")
    with following(server, comments=mode) as follower:
        follower.sync()
        server.clock.advance(minutes=30)
        late = server.state.comment(file, "<p>a late remark</p>")
        server.log.clear()
        for _ in range(2):
            assert not follower.sync().complete
            assert native(file) not in follower.fetched
        assert server.log.count("download") == 0
        if mode == "documents":
            for comment in (early, late):
                metadata = follower.documents[native(comment)].metadata
                assert metadata["access"] == restricted(server)
                assert metadata["breadcrumb"] == ["Engineering Home", "page"]
        server.state.trash(page)
        follower.sync()
        assert follower.titles() == {"Engineering Home"}


# -- nothing goes, nothing stops


def test_what_hangs_on_a_page_the_service_fails_at_stays(server: ConfluenceServer) -> None:
    state = server.state
    page = state.add_page("ENG", "page", "<p>words</p>")
    state.comment(state.attach(page, "file.md", b"# File\n"), "<p>on the file</p>")
    state.comment(page, "<p>remark</p>")
    state.fill("ENG", 3)
    with following(server, comments="documents", max_wait="0.5s") as follower:
        follower.sync()
        held = set(follower.documents)

        def is_bad(request: Request, response: Response) -> bool:
            asks_details = "restrictions" in str(request.query.get("expand"))
            return asks_details and f"{page.id}" in str(request.query.get("cql")) + request.path

        end = fail_where(server, is_bad)
        follower.sync(full=True)
        assert set(follower.documents) == held
        assert native(page) in follower.failures
        end()
        server.log.clear()
        follower.sync(full=True)
        assert set(follower.documents) == held
        assert not follower.failures


def test_a_refusal_without_a_reason_is_no_proof_that_something_is_gone(server: ConfluenceServer) -> None:
    file = server.state.attach(server.state.add_page("ENG", "page"), "file.md", b"# File\n")

    def without_files(answer: Any) -> Any:
        hits = answer.get("results", [])
        answer["results"] = [hit for hit in hits if hit.get("content", {}).get("type") != "attachment"]
        return answer

    with following(server) as follower:
        follower.sync()
        server.faults.always(changed(without_files), path="/rest/api/search")
        server.faults.always(Fault(403, {"message": "no", "statusCode": 403}), path="/rest/api/content/att")
        assert follower.sync(census=True).reasons == {}
        assert native(file) in follower.documents


def test_one_comment_that_can_not_be_read_fails_its_page_alone(server: ConfluenceServer) -> None:
    server.state.fill("ENG", 5)
    page = next(one for one in server.state.contents.values() if one.title == "Page 3")
    server.state.comment(page, "<p>good</p>")
    with following(server, max_wait="5s") as follower:
        follower.sync()
        server.clock.advance(minutes=30)
        server.state.comment(page, "<p>bad one</p>")
        other = next(one for one in server.state.contents.values() if one.title == "Page 4")
        server.state.comment(other, "<p>fine</p>")
        end = fail_where(
            server, lambda request, answer: "body." in str(request.query) and "bad one" in repr(answer.body)
        )
        follower.sync()
        assert set(follower.failures) == {native(page)}
        assert "good" in follower.document("Page 3").text, "its last good version stays"
        assert "fine" in follower.document("Page 4").text
        end()
        follower.sync()
        assert not follower.failures
        assert "bad one" in follower.document("Page 3").text


def test_a_comment_without_a_body_is_read_alone_and_its_page_not_for_ever(server: ConfluenceServer) -> None:
    page = server.state.add_page("ENG", "page", "<p>words</p>")
    odd = server.state.comment(page, "<p>odd one</p>")
    server.state.comment(page, "<p>good</p>")

    def spoil(answer: Any) -> Any:
        for hit in answer.get("results", []):
            if hit.get("content", {}).get("id") == str(odd.id) and "body" in hit["content"]:
                hit["content"]["body"] = {}
        return answer

    server.faults.always(changed(spoil), path="/rest/api/search")
    with following(server) as follower:
        follower.sync()
        assert "odd one" in follower.document("page").text
        follower.sync(census=True)
        assert follower.fetched == []


def test_odd_mentions_and_times_stop_nothing(cloud: ConfluenceServer) -> None:
    page = cloud.state.add_page("ENG", "page", {"type": "doc", "version": 1, "content": []})

    def spoil(answer: Any) -> Any:
        for hit in answer.get("results", []):
            hit["lastModified"] = "0001-01-01T00:00:00.000Z"
            body = hit.get("content", {}).get("body", {})
            if hit.get("content", {}).get("id") == str(page.id) and "atlas_doc_format" in body:
                mention = '{"type":"mention","attrs":{"id":"a\nb"}}'
                body["atlas_doc_format"]["value"] = f'{{"type":"doc","content":[{mention}]}}'
        return answer

    cloud.faults.always(changed(spoil), path="/rest/api/search")
    with following(cloud, body="adf") as follower:
        follower.sync()
        follower.sync()
        assert follower.titles() == {"Engineering Home", "page"}


def test_all_of_very_many_mentions_have_names(data_center: ConfluenceServer) -> None:
    mentions = "".join(f"<p><ac:link><ri:user ri:userkey='u{number:03}'/></ac:link></p>" for number in range(210))
    data_center.state.add_page("ENG", "minutes", mentions)
    data_center.faults.always(Fault(200, {"displayName": "Somebody Known"}), path="/rest/api/user")
    with following(data_center) as follower:
        follower.sync()
        assert follower.document("minutes").text.count("Somebody Known") == 210


def test_names_are_asked_for_once_however_the_work_is_cut(data_center: ConfluenceServer) -> None:
    for number in range(4):
        body = f"<p><ac:link><ri:user ri:userkey='{ADA}'/></ac:link></p>"
        data_center.state.add_page("ENG", f"page {number}", body)
    with following(data_center) as follower:
        whole = follower.source.fetch

        def cut(items: Any) -> Iterator[Any]:
            for item in items:
                yield from whole([item])

        follower.source.fetch = cut  # type: ignore[method-assign]
        follower.sync()
        assert data_center.log.count("/rest/api/user") == 1


def test_a_rename_between_scan_and_fetch_still_reaches_what_is_below(server: ConfluenceServer) -> None:
    top = server.state.add_page("ENG", "top", "<p>words</p>")
    server.state.add_page("ENG", "below", parent=top)
    server.clock.advance(minutes=120)
    server.state.fill("ENG", 230, per_hour=10_000)
    with following(server) as follower:
        follower.sync()
        server.clock.advance(minutes=60)
        server.state.edit(top, "<p>new</p>")
        whole = follower.source.fetch

        def renamed_meanwhile(items: Any) -> Iterator[Any]:
            server.clock.advance(seconds=5)
            server.state.rename(top, "summit")
            yield from whole(items)

        follower.source.fetch = renamed_meanwhile  # type: ignore[method-assign]
        follower.sync()
        follower.reopen()
        server.clock.advance(minutes=2)
        assert not follower.sync().complete
        assert follower.document("below").metadata["breadcrumb"] == ["Engineering Home", "summit"]
