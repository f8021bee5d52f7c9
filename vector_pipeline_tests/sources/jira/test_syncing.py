"""Which changes of a project a sync sees, what it fetches for them, and what it asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vector_pipeline.documents import Document, Item, frame_items
from vector_pipeline.settings_atlassian import JiraSettings
from vector_pipeline.sources.base import Known, Part, SourceDenied, SourceError
from vector_pipeline.sources.jira.api import HIDDEN, LEFT_OUT, MOVED
from vector_pipeline.sources.jira.projects import discover_projects
from vector_pipeline.sources.jira.source import JiraSource
from vector_pipeline_tests.converting import any_converter
from vector_pipeline_tests.simulators import atlassian_conditions as conditions
from vector_pipeline_tests.simulators.atlassian_http import Request, Response
from vector_pipeline_tests.simulators.jira_client import some
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sources.jira.follower import Follower, jira_settings, open_source


def test_a_probe_takes_one_request_or_two_and_reads_no_bodies(server: JiraServer) -> None:
    server.seed(server.state.create_project("DOC"), 300)
    follower = Follower(server)
    follower.probe()
    assert len(server.log.all()) <= 2
    assert not [asked for asked in server.log.all() if b"description" in asked.body]


def test_a_probe_is_the_version_of_the_scan_until_something_changes(server: JiraServer) -> None:
    project, issues = some(server, 3)
    follower = Follower(server)
    follower.sync()
    assert follower.probe() == follower.version
    for change in (
        lambda: server.state.edit(issues[0], status="Done"),
        lambda: server.state.delete(issues[1]),
        lambda: server.state.rename_project(project, "Other name"),
        lambda: server.state.create_issue(project, "New"),
    ):
        server.clock.advance(seconds=5)
        change()
        assert follower.probe() != follower.version
        follower.sync()
        assert follower.probe() == follower.version


def test_a_change_during_a_scan_is_seen_by_the_next_probe(server: JiraServer) -> None:
    _, issues = some(server, 3)
    follower = Follower(server)
    follower.sync()

    def change_meanwhile(_request: object, template: str, _response: object) -> None:
        if "bulkfetch" in template or (template.endswith("/search") and len(server.log.all()) % 3 == 0):
            server.clock.advance(seconds=1)
            server.state.edit(issues[2], summary="Changed meanwhile")

    server.clock.advance(seconds=5)
    server.state.edit(issues[0], summary="Changed before")
    server.observers.append(change_meanwhile)
    follower.sync()
    server.observers.clear()
    if follower.document(issues[2].id).context != "Changed meanwhile":
        assert follower.probe() != follower.version
    follower.sync()
    follower.assert_exact()


def test_an_edit_fetches_only_that_issue(server: JiraServer) -> None:
    server.seed(server.state.create_project("DOC"), 150)
    follower = Follower(server)
    follower.sync()
    server.clock.advance(minutes=1)
    issue = server.state.issue("DOC-17")
    assert issue is not None
    server.state.edit(issue, description="Edited")
    done = follower.sync()
    assert done.fetched == [str(issue.id)]
    assert not done.listing.complete
    assert done.sent <= 7


def test_an_attachment_is_a_document_and_is_never_downloaded_again(server: JiraServer) -> None:
    _, (issue, *_rest) = some(server, 2)
    server.clock.advance(minutes=1)
    notes = server.state.attach(issue, "notes.md", b"# Notes\n\nWords of the file.\n")
    follower = Follower(server)
    follower.sync()
    native_id = f"{issue.id}/attachment/{notes.id}"
    document = follower.document(native_id)
    assert document.title == "Notes"
    assert document.metadata["issue"] == "DOC-1"
    assert document.metadata["path"] == "DOC-1/notes.md"
    assert document.metadata["access"] == ["project:DOC"]
    server.log.clear()
    server.clock.advance(minutes=1)
    server.state.edit(issue, summary="Edited")
    assert follower.sync().fetched == [str(issue.id)]
    assert not server.log.find("/attachment/")
    follower.cursor = {**follower.cursor, "verified_at": 0}
    assert follower.sync(census=True).fetched == [], "a verification reads issues only"
    assert not server.log.find("/attachment/")
    done = follower.sync(full=True)
    assert (native_id in done.fetched, done.changed) == (False, [])
    assert not server.log.find("/attachment/")


def test_a_file_whose_issue_gets_another_key_or_level_is_told_anew_and_not_downloaded(server: JiraServer) -> None:
    project, (issue, *_rest) = some(server, 2)
    notes = server.state.attach(issue, "notes.md", b"# Notes\n\nWords of the file.\n")
    follower = Follower(server)
    follower.sync()
    server.log.clear()
    server.clock.advance(minutes=1)
    server.state.restrict(issue, server.state.security_level("Internal", [server.accounts.ada]))
    follower.sync()
    native_id = f"{issue.id}/attachment/{notes.id}"
    assert follower.document(native_id).metadata["access"] == ["security:DOC/Internal"]
    server.state.rename_project_key(project, "NEW")
    follower.sync(census=True)
    document = follower.document(native_id)
    assert document.metadata["issue"] == "NEW-1"
    assert document.metadata["path"] == "NEW-1/notes.md"
    assert document.text == "# Notes\n\nWords of the file.\n"
    follower.assert_exact()
    assert server.log.count("/attachment/") <= 1, "only by the fresh start it is compared with"


def test_a_new_attachment_and_a_deleted_one(server: JiraServer) -> None:
    _, (issue, *_rest) = some(server, 2)
    old = server.state.attach(issue, "old.txt", b"Old words.\n")
    follower = Follower(server)
    follower.sync()
    server.clock.advance(minutes=1)
    new = server.state.attach(issue, "new.txt", b"New words.\n")
    done = follower.sync()
    assert set(done.fetched) == {str(issue.id), f"{issue.id}/attachment/{new.id}"}
    server.clock.advance(minutes=1)
    server.state.delete_attachment(issue, old)
    done = follower.sync()
    assert done.removed == {f"{issue.id}/attachment/{old.id}": "deleted"}
    assert not done.listing.complete
    server.state.delete(issue)
    assert set(follower.sync().removed) == {str(issue.id), f"{issue.id}/attachment/{new.id}"}


def test_an_answer_that_tells_nothing_of_attachments_removes_none(server: JiraServer) -> None:
    _, (issue,) = some(server, 1)
    server.state.attach(issue, "a.txt", b"Words.\n")
    follower = Follower(server)
    follower.sync()

    def without(body: dict[str, Any]) -> dict[str, Any]:
        for row in body.get("issues", []):
            row.get("fields", {}).pop("attachment", None)
        return body

    def odd(body: dict[str, Any]) -> dict[str, Any]:
        for row in body.get("issues", []):
            if row.get("fields", {}).get("attachment"):
                row["fields"]["attachment"] = [{"id": None}]
        return body

    server.clock.advance(minutes=1)
    server.state.edit(issue, summary="Edited")
    for change in (without, odd):
        server.faults.clear()
        server.faults.always(conditions.changed(change), path="/search")
        for census in (False, True):
            assert not follower.sync(census=census).removed
    assert len(follower.held) == 2


def test_attachments_come_before_the_issue_that_showed_them(cloud: JiraServer) -> None:
    _, (issue,) = some(cloud, 1)
    for number in range(3):
        cloud.state.attach(issue, f"{number}.txt", b"Words.\n")
    assert Follower(cloud).sync().fetched[-1] == str(issue.id)


def test_attachments_are_taken_by_size_kind_and_pattern(data_center: JiraServer) -> None:
    _, (issue,) = some(data_center, 1)
    for name, size in (("a.txt", 10), ("big.txt", 5_000), ("film.mp4", 10), ("secret.txt", 10)):
        data_center.state.attach(issue, name, b"w" * size)
    follower = Follower(data_center, settings={"max_file_size": 1_000, "exclude": ["secret*"]})
    done = follower.sync()
    assert [each.metadata["path"] for each in follower.held.values() if "issue" in each.metadata] == ["DOC-1/a.txt"]
    assert done.listing.skipped == {"too large": 1, "binary or unknown kind": 1, "ignored": 1}
    none = Follower(data_center, settings={"attachments": False})
    assert none.sync().fetched == [str(issue.id)]


def test_an_attachment_that_fails_does_not_keep_its_issue(server: JiraServer) -> None:
    _, (issue,) = some(server, 1)
    gone = server.state.attach(issue, "gone.txt", b"Words.\n")
    broken = server.state.attach(issue, "broken.pdf", b"this is no PDF")
    server.faults.always(conditions.server_error(500), path=f"/{gone.id}")
    follower = Follower(server)
    done = follower.sync()
    assert done.fetched == [str(issue.id)]
    assert set(done.failed) == {f"{issue.id}/attachment/{each.id}" for each in (gone, broken)}
    server.faults.clear()
    assert follower.sync(due=True).fetched == [f"{issue.id}/attachment/{gone.id}"]


def test_a_failed_issue_is_tried_again_when_it_is_due_and_leaves_when_it_is_gone(server: JiraServer) -> None:
    _, issues = some(server, 4)
    follower = Follower(server)
    follower.sync()
    server.clock.advance(minutes=1)
    server.state.edit(issues[1], description="x" * 200_000)
    server.faults.cut_bodies_above = 150_000
    assert list(follower.sync().failed) == [str(issues[1].id)]
    assert follower.document(issues[1].id).text == "Text 1", "the last good version stays"
    server.clock.advance(minutes=60)
    server.faults.clear()
    assert follower.sync().fetched == []
    assert follower.sync(due=True).fetched == [str(issues[1].id)]
    follower.failed = {str(issues[2].id).encode(): "?"}
    server.state.delete(issues[2])
    follower.sync(due=True)
    assert not follower.failed


def test_a_filter_decides_which_issues_are_held(server: JiraServer) -> None:
    _, issues = some(server, 6)
    for issue in issues[:4]:
        server.state.edit(issue, labels=["public"])
    follower = Follower(server, settings={"jql": "labels = public"})
    assert set(follower.sync().fetched) == {str(issue.id) for issue in issues[:4]}
    server.clock.advance(minutes=30)
    server.state.edit(issues[0], labels=[])
    server.clock.advance(seconds=1)
    server.state.edit(issues[5], labels=["public"])
    done = follower.sync()
    assert done.removed == {str(issues[0].id): LEFT_OUT}
    assert done.fetched == [str(issues[5].id)]
    server.state.delete(issues[1])
    assert list(follower.sync().removed) == [str(issues[1].id)]
    server.clock.advance(minutes=30)
    server.state.edit(issues[2], labels=["private"])
    assert follower.sync().removed == {str(issues[2].id): LEFT_OUT}
    follower.assert_exact()


def test_a_rename_of_the_project_changes_keys_and_links_but_no_text(server: JiraServer) -> None:
    project, issues = some(server, 3)
    server.state.attach(issues[0], "a.txt", b"Words.\n")
    follower = Follower(server)
    follower.sync()
    texts = {key: (each.text, each.context) for key, each in follower.held.items()}
    server.state.rename_project_key(project, "NEWDOC")
    assert follower.probe() != follower.version
    assert len(follower.sync().fetched) == 4
    assert follower.document(issues[0].id).metadata["key"] == "NEWDOC-1"
    assert follower.document(issues[0].id).uri.endswith("/browse/NEWDOC-1")
    assert {key: (each.text, each.context) for key, each in follower.held.items()} == texts
    assert follower.sync().fetched == []
    follower.assert_exact()


def test_a_restriction_changes_the_access_labels_and_no_text(server: JiraServer) -> None:
    _, issues = some(server, 2)
    server.state.attach(issues[0], "a.txt", b"Words.\n")
    follower = Follower(server, settings={"access": ["staff"]})
    follower.sync()
    assert follower.document(issues[0].id).metadata["access"] == ["project:DOC", "staff"]
    server.clock.advance(minutes=1)
    server.state.restrict(issues[0], server.state.security_level("Board", [server.accounts.ada]))
    assert len(follower.sync().fetched) == 2
    for native_id, document in follower.held.items():
        secured = native_id.startswith(str(issues[0].id).encode())
        assert document.metadata["access"] == (["security:DOC/Board"] if secured else ["project:DOC", "staff"])


def test_an_issue_that_became_hidden_is_removed_with_the_reason_that_can_be_told(server: JiraServer) -> None:
    _, issues = some(server, 3)
    follower = Follower(server)
    follower.sync()
    server.clock.advance(minutes=1)
    server.state.restrict(issues[0], server.state.security_level("Board"))
    told = HIDDEN if server.flavour.value == "data_center" else "deleted or no longer visible"
    assert follower.sync().removed == {str(issues[0].id): told}


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("silent", ["edit", "link", "comment"])
def test_what_changes_silently_is_found_when_every_issue_is_read(server: JiraServer, silent: str, full: bool) -> None:
    _, issues = some(server, 4)
    comment = server.state.comment(issues[0], "A remark.")
    link = server.state.link(issues[0], issues[1])
    server.clock.advance(minutes=30)
    follower = Follower(server)
    follower.sync()
    if silent == "edit":
        server.state.edit(issues[0], silent=True, summary="Edited silently")
    elif silent == "link":
        server.state.unlink(link, silent=True)
    else:
        server.state.edit_comment(issues[0], comment, "Another remark.", silent=True)
    assert follower.sync().fetched == []
    assert follower.sync(census=True).fetched == []
    changed = {str(each.id) for each in (issues[:2] if silent == "link" else issues[:1])}
    if full:
        assert set(follower.sync(full=True).changed) == changed
    else:
        follower.cursor = {**follower.cursor, "verified_at": 0}
        assert set(follower.sync(census=True).fetched) == changed
    follower.assert_exact()


def test_a_level_that_was_set_silently_is_noticed_by_whatever_listing_reads_it(server: JiraServer) -> None:
    _, issues = some(server, 3)
    server.clock.advance(minutes=30)
    server.state.edit(issues[2], summary="Newest by far")
    follower = Follower(server)
    follower.sync()
    for issue in (issues[0], issues[2]):
        server.state.restrict(issue, server.state.security_level("Staff", [server.accounts.ada]), silent=True)
    assert follower.sync().fetched == [str(issues[2].id)], "of the window"
    server_side = [str(issues[0].id)] if server.flavour.value == "data_center" else []
    assert follower.sync(census=True).fetched == server_side, "Cloud's census lists ids only"
    follower.cursor = {**follower.cursor, "verified_at": 0}
    follower.sync(census=True)
    assert follower.document(issues[0].id).metadata["access"] == ["security:DOC/Staff"]
    follower.assert_exact()


def test_where_nothing_is_believed_every_issue_is_read_once(server: JiraServer) -> None:
    project = server.state.create_project("DOC")
    issues = server.seed(project, 250)
    _, gone = (server.state.attach(issues[7], name, b"Words.\n") for name in ("kept.txt", "gone.txt"))
    follower = Follower(server)
    follower.sync()
    server.state.delete_attachment(issues[7], gone, silent=True)
    new = server.state.attach(issues[9], "new.txt", b"New words.\n")
    server.log.clear()
    done = follower.sync(full=True)
    whole = [asked for asked in server.log.all() if b"description" in asked.body]
    assert len(whole) == 3, "by the fetch alone"
    assert set(done.fetched) == {
        *(str(issue.id) for issue in issues),
        f"{issues[9].id}/attachment/{new.id}",
    }
    assert list(done.removed) == [f"{issues[7].id}/attachment/{gone.id}"]
    assert done.changed == [f"{issues[9].id}/attachment/{new.id}", str(issues[9].id)]
    follower.assert_exact()


def test_a_first_sync_that_broke_off_goes_on_without_reading_issues_to_list_them(server: JiraServer) -> None:
    project = server.state.create_project("DOC")
    issues = server.seed(project, 300)
    server.state.attach(issues[250], "notes.txt", b"Words.\n")
    source = open_source(server)
    first = source.scan(Known(census=True))
    part = [answer for answer in source.fetch(list(frame_items(first.items))[:100]) if isinstance(answer, Document)]
    versions = {document.native_id: document.version for document in part}
    for cursor in (first.cursor, {}):  # kept, or none: then only what is held is doubted
        server.log.clear()
        second = source.scan(Known(cursor, versions, census=True))
        whole = [asked for asked in server.log.all() if b"description" in asked.body]
        assert len(whole) == (0 if cursor else 1)
        items = {item.native_id: item for item in frame_items(second.items)}
        assert items.keys() >= {b"%d" % issue.id for issue in issues}
        assert all(items[native_id].version == version for native_id, version in versions.items())
    found = {
        answer.native_id for answer in source.fetch([each for each in items.values() if each.native_id not in versions])
    }
    source.close()
    assert len(found) == 201, "with the attachment"


def without_row(native_id: int) -> Callable[[Any], Any]:
    """An answer as if there were no such issue."""
    return lambda body: body | {"issues": [row for row in body["issues"] if row["id"] != str(native_id)]}


def of_another_project(native_id: int) -> Callable[[Any], Any]:
    """An answer in which the issue is one of another project."""

    def change(body: Any) -> Any:
        for row in body["issues"]:
            if row["id"] == str(native_id):
                row["fields"]["project"] = {"id": "77", "key": "OTHER"}
        return body

    return change


@pytest.mark.parametrize("wrong", [without_row, of_another_project])
@pytest.mark.parametrize("mode", ["verified", "full", "due"])
def test_one_wrong_answer_about_an_issue_removes_nothing(
    server: JiraServer, wrong: Callable[[int], Callable[[Any], Any]], mode: str
) -> None:
    _, issues = some(server, 5)
    server.state.attach(issues[2], "notes.txt", b"Words.\n")
    server.clock.advance(minutes=30)
    server.state.edit(issues[4], summary="Newest by far")
    follower = Follower(server)
    follower.sync()
    held = set(follower.held)
    turn = 0

    def change(body: Any) -> Any:
        nonlocal turn
        read_by_id = any("fields" in row and "attachment" in row["fields"] for row in body.get("issues", []))
        if read_by_id:
            turn += 1
        return wrong(issues[2].id)(body) if read_by_id and turn == 1 else body

    path = "/bulkfetch" if server.flavour.value == "cloud" else "/search"
    server.faults.always(conditions.changed(change), path=path)
    if mode == "verified":
        follower.cursor = {**follower.cursor, "verified_at": 0}
    if mode == "due":
        follower.failed = {b"%d" % issues[2].id: "?"}
    done = follower.sync(census=mode == "verified", full=mode == "full", due=mode == "due")
    assert turn
    assert not done.removed
    assert set(follower.held) == held


def test_what_the_bulk_fetch_names_among_its_errors_is_not_gone(cloud: JiraServer) -> None:
    _, issues = some(cloud, 6)
    cloud.state.attach(issues[2], "notes.txt", b"Words.\n")
    follower = Follower(cloud)
    follower.sync()
    cloud.limits.not_in_bulk = frozenset({issues[2].id})
    cloud.state.delete(issues[4])
    follower.cursor = {**follower.cursor, "verified_at": 0}
    assert list(follower.sync(census=True).removed) == [str(issues[4].id)]
    done = follower.sync(full=True)
    assert not done.removed
    assert done.failed[str(issues[2].id)] == "the site can't give out this issue"
    assert str(issues[2].id) not in follower.sync(due=True).removed
    assert len(follower.held) == 6
    cloud.limits.not_in_bulk = frozenset()
    follower.sync(due=True)
    assert not follower.failed
    follower.assert_exact()


def test_an_issue_of_which_the_site_can_tell_nothing_is_asked_for_again_until_it_can(server: JiraServer) -> None:
    _, issues = some(server, 4)
    gone = str(issues[2].id)
    server.state.attach(issues[2], "notes.txt", b"Words.\n")
    follower = Follower(server)
    follower.sync()
    server.state.delete(issues[2])
    answer = server.answer

    def failing(request: Request, fault: conditions.Fault | None) -> Response:
        named = request.path.endswith("/bulkfetch") and gone.encode() in request.body
        return answer(request, conditions.server_error(500) if named or f"/issue/{gone}" in request.path else fault)

    server.answer = failing  # type: ignore[method-assign]
    for due in (False, True):
        done = follower.sync(due=due)
        assert gone in done.failed, "neither in step nor gone"
        assert not done.removed
        assert len(follower.held) == 5
    server.answer = answer  # type: ignore[method-assign]
    assert follower.probe() == follower.version, "nothing but what is due asks for a run"
    assert gone in follower.sync(due=True).removed
    assert not follower.failed
    follower.assert_exact()


def test_an_issue_that_always_fails_does_not_stop_the_others_when_it_is_due(server: JiraServer) -> None:
    project, issues = some(server, 5)
    follower = Follower(server)
    follower.sync()
    server.clock.advance(minutes=40)
    server.state.edit(issues[1], summary="Edited")
    bad, answer = str(issues[2].id), server.answer

    def failing(request: Request, fault: conditions.Fault | None) -> Response:
        named = request.method == "POST" and bad.encode() in request.body and b"reconcile" not in request.body
        if named or f"/issue/{bad}" in request.path:
            fault = conditions.server_error(500)
        return answer(request, fault)

    server.answer = failing  # type: ignore[method-assign]
    follower.failed = {bad.encode(): "?"}
    done = follower.sync(due=True)
    assert done.fetched == [str(issues[1].id)]
    assert done.failed == {bad: "the site can't give out this issue"}
    server.state.create_issue(project, "New")
    for census in (False, True):
        done = follower.sync(due=True, census=census)
        assert bad in done.failed
        assert not done.removed
    assert len(follower.held) == 6


def test_a_page_to_sign_in_at_or_a_cut_file_is_no_attachment(server: JiraServer) -> None:
    _, (issue,) = some(server, 1)
    notes = server.state.attach(issue, "notes.md", b"# Notes\n\nThe true words.\n")
    page = "<html><body>Sign in with single sign-on</body></html>"
    server.faults.always(conditions.Fault(200, page, content_type="text/html"), path=f"/{notes.id}")
    follower = Follower(server)
    native_id = f"{issue.id}/attachment/{notes.id}"
    assert follower.sync().failed == {native_id: "53 bytes came of a file of 25"}
    server.faults.clear()
    assert follower.sync(due=True).fetched == [native_id]
    follower.assert_exact()


def test_a_change_that_the_search_learned_of_late_is_not_missed(server: JiraServer) -> None:
    issues = server.seed(server.state.create_project("DOC"), 250)  # more than a look shows
    follower = Follower(server)
    follower.sync()
    for census in (False, True):
        server.clock.advance(minutes=40)
        server.faults.search_lag = timedelta(minutes=20)  # longer than the overlap
        late = issues[census]
        server.state.edit(late, summary="Edited late")
        server.clock.advance(minutes=14)
        server.state.edit(issues[9], summary=f"Edited {census}")
        server.index.catch_up([issues[9].id])
        assert follower.sync().fetched == [str(issues[9].id)]
        server.clock.advance(minutes=7)
        assert follower.probe() != follower.version
        assert follower.sync(census=census).fetched == [str(late.id)]
        assert follower.sync(census=census).fetched == []
        server.faults.search_lag = timedelta(0)


def test_a_former_key_that_a_pattern_found_is_no_second_copy_of_its_project(server: JiraServer) -> None:
    project, _ = some(server, 3)
    settings = JiraSettings.model_validate(jira_settings(server, "*"))
    source = JiraSource("work.DOC", "DOC", settings, any_converter())
    source.scan(Known(census=True))
    server.state.rename_project_key(project, "NEW")
    assert source.probe() == "gone"
    listing = source.scan(Known(versions={b"10005": "x"}))
    source.close()
    assert (listing.complete, listing.items.height, listing.version) == (True, 0, "gone")
    assert listing.reasons == {b"10005": MOVED}
    for key in ("DOC", "NEW"):
        given = open_source(server, key)
        assert given.probe() != "gone", "a key given one by one goes on working"
        assert given.scan(Known(census=True)).items.height == 3
        given.close()


def test_every_issue_is_read_again_with_a_census_when_that_is_due(server: JiraServer) -> None:
    _, issues = some(server, 3)
    follower = Follower(server, settings={"verify_every": "1h"})
    follower.sync()
    server.state.edit(issues[0], silent=True, summary="Edited silently")
    assert follower.sync(census=True).fetched == []
    follower.cursor = {**follower.cursor, "verified_at": follower.cursor["verified_at"] - 3601}
    assert follower.sync().fetched == [], "only with a full listing"
    assert follower.sync(census=True).fetched == [str(issues[0].id)]


def test_long_lists_of_comments_are_not_read_again_at_every_verification(cloud: JiraServer) -> None:
    _, (issue,) = some(cloud, 1)
    for number in range(120):
        cloud.state.comment(issue, f"Remark {number}.")
    cloud.clock.advance(minutes=30)
    follower = Follower(cloud, settings={"verify_every": "1h"})
    follower.sync()
    follower.cursor = {**follower.cursor, "verified_at": 0}
    assert follower.sync(census=True).fetched == []
    assert follower.sync(full=True).fetched == [str(issue.id)], "what can't be told is read where nothing is believed"


def test_one_issue_that_went_and_one_that_came_back_are_told_apart_from_none(server: JiraServer) -> None:
    _, issues = some(server, 5)
    server.state.archive(issues[0])
    follower = Follower(server)
    follower.sync()
    server.state.archive(issues[0], archived=False)
    server.state.archive(issues[1])
    assert follower.probe() != follower.version
    done = follower.sync()
    assert (done.fetched, list(done.removed)) == ([str(issues[0].id)], [str(issues[1].id)])


def test_a_count_that_is_off_for_good_causes_one_census_only(cloud: JiraServer) -> None:
    issues = cloud.seed(cloud.state.create_project("DOC"), 5_001)
    cloud.clock.advance(minutes=30)
    source = open_source(cloud)
    first = source.scan(Known(census=True))
    versions = dict(zip(first.items["native_id"].to_list(), first.items["version"].to_list(), strict=True))
    cloud.faults.always(conditions.changed(lambda body: {"count": body["count"] + 3}), path="approximate-count")
    second = source.scan(Known(first.cursor, versions))
    third = source.scan(Known(second.cursor, versions))
    cloud.state.delete(issues[0])
    fourth = source.scan(Known(third.cursor, versions))
    source.close()
    assert [each.complete for each in (first, second, third, fourth)] == [True, True, False, True]
    assert list(fourth.reasons) == [b"%d" % issues[0].id]


def test_an_issue_that_is_not_searchable_yet_is_not_taken_for_gone(data_center: JiraServer) -> None:
    _, issues = some(data_center, 6)
    follower = Follower(data_center)
    follower.sync()
    hidden = str(issues[2].id)

    def without_one(body: dict[str, object]) -> dict[str, object]:
        rows = body["issues"]
        assert isinstance(rows, list)
        return body | {"issues": [row for row in rows if row["id"] != hidden]}

    data_center.faults.once(conditions.changed(without_one), times=2, path="/search")
    done = follower.sync(census=True)
    assert not done.removed
    assert not done.fetched


def test_a_project_that_a_pattern_found_and_that_is_gone_lists_nothing(server: JiraServer) -> None:
    project, _ = some(server, 3)
    settings = JiraSettings.model_validate(jira_settings(server, "D*"))
    source = JiraSource("work.DOC", "DOC", settings, any_converter())
    source.scan(Known(census=True))
    server.state.withdraw(project, server.accounts.ada, [server.accounts.ada])
    assert source.probe() == "gone"
    listing = source.scan(Known(versions={b"10005": "x"}))
    source.close()
    assert (listing.complete, listing.items.height, listing.version) == (True, 0, "gone")
    assert listing.reasons == {b"10005": "deleted or no longer visible"}


def test_projects_are_discovered_by_pattern_page_by_page(server: JiraServer) -> None:
    for number in range(70):
        server.state.create_project(f"OPS{number}", f"Operations {number}")
    server.state.archive_project(server.state.create_project("OPSOLD"))
    server.state.create_project("HR")
    server.faults.paging.cap = 20
    server.faults.paging.last_flag_lies = 2
    settings = JiraSettings.model_validate(jira_settings(server, "OPS*", exclude_projects=["OPS1"]))
    found = discover_projects("work", settings)
    assert len(found) == 69
    assert Part("OPS7", "Operations 7") in found
    assert not {"OPS1", "OPSOLD", "HR"} & {part.key for part in found}


def test_discovery_gives_all_projects_or_none(cloud: JiraServer) -> None:
    for number in range(70):
        cloud.state.create_project(f"OPS{number}")
    cloud.faults.paging.empty_page = 1_000
    with pytest.raises(SourceError, match="broke off"):
        discover_projects("work", JiraSettings.model_validate(jira_settings(cloud, "*")))


def test_the_gateway_serves_and_links_lead_to_the_site(cloud: JiraServer) -> None:
    _, (issue,) = some(cloud, 1)
    cloud.state.attach(issue, "a.txt", b"Words.\n")
    settings = {"url": cloud.gateway_url, "token": conditions.SCOPED_TOKEN}
    follower = Follower(cloud, settings=settings)
    assert len(follower.sync().fetched) == 2
    assert follower.document(issue.id).uri == f"{cloud.url}/browse/DOC-1"
    follower.sync()
    source = open_source(cloud, **settings)
    assert source.url == cloud.gateway_url, "until it is known"
    source.scan(Known(follower.cursor, {key: each.version for key, each in follower.held.items()}))
    assert source.url == f"{cloud.url}/browse/DOC"
    source.close()


def test_a_wrong_secret_is_told(server: JiraServer) -> None:
    some(server, 1)
    source = open_source(server, token="wrong")
    with pytest.raises(SourceDenied):
        source.probe()
    source.close()


def test_an_issue_that_went_between_scan_and_fetch_is_a_failure_that_says_so(server: JiraServer) -> None:
    _, issues = some(server, 3)
    other = server.state.create_project("OPS")
    source = open_source(server)
    listing = source.scan(Known(census=True))
    server.state.delete(issues[0])
    server.state.move(issues[1], other)
    items = [Item(str(issue.id).encode(), "v") for issue in issues]
    reasons = {answer.native_id.decode(): getattr(answer, "reason", "") for answer in source.fetch(items)}
    source.close()
    assert "deleted" in reasons[str(issues[0].id)]
    assert reasons[str(issues[1].id)] == MOVED
    assert reasons[str(issues[2].id)] == ""
    assert listing.items.height == 3


def test_an_empty_project_is_no_error(server: JiraServer) -> None:
    project = server.state.create_project("DOC")
    follower = Follower(server)
    assert follower.sync().fetched == []
    assert follower.probe() == follower.version
    issue = server.state.create_issue(project, "The first")
    assert follower.probe() != follower.version
    assert follower.sync().fetched == [str(issue.id)]
    server.state.delete(issue)
    assert list(follower.sync().removed) == [str(issue.id)]


def test_a_clock_that_runs_ahead_hides_no_later_change(server: JiraServer) -> None:
    _, issues = some(server, 3)
    server.clock.skew = timedelta(days=4000)
    server.state.edit(issues[0], summary="From the future")
    follower = Follower(server)
    follower.sync()
    server.clock.skew = timedelta(0)
    server.clock.set(datetime.now(UTC))
    server.state.edit(issues[1], summary="From now")
    assert str(issues[1].id) in follower.sync().fetched


def test_many_issues_that_are_gone_cost_few_requests_and_each_has_a_reason(server: JiraServer) -> None:
    issues = server.seed(server.state.create_project("DOC"), 700)
    other = server.state.create_project("OPS")
    follower = Follower(server)
    follower.sync()
    server.clock.advance(minutes=40)
    for issue in issues[:300]:
        server.state.archive(issue)
    for issue in issues[300:400]:
        server.state.delete(issue)
    for issue in issues[400:450]:
        server.state.move(issue, other)
    done = follower.sync()
    assert set(done.removed) == {str(issue.id) for issue in issues[:450]}
    assert {done.removed[str(issue.id)] for issue in issues[:290]} == {"archived"}
    assert {done.removed[str(issue.id)] for issue in issues[310:400]} <= {"deleted", "deleted or no longer visible"}
    assert {done.removed[str(issue.id)] for issue in issues[400:450]} == {MOVED}
    assert done.sent <= 80
    follower.assert_exact()


def test_issues_that_a_broken_search_index_lacks_are_asked_for_one_by_one(data_center: JiraServer) -> None:
    issues = data_center.seed(data_center.state.create_project("DOC"), 300)
    follower = Follower(data_center)
    follower.sync()
    lost = {str(issue.id) for issue in issues[:200]}

    def without(body: dict[str, Any]) -> dict[str, Any]:
        return body | {"issues": [row for row in body["issues"] if row["id"] not in lost]}

    def recovers(request: Request, _template: str, _response: Response) -> None:
        if any(f"/issue/{each}" in request.path for each in lost):
            data_center.faults.clear()

    data_center.faults.always(conditions.changed(without), path="/search")
    data_center.observers.append(recovers)
    done = follower.sync(census=True)
    assert not done.removed
    assert len(follower.held) == 300


def test_a_filter_that_leaves_out_many_asks_for_lists_rather_than_for_each(cloud: JiraServer) -> None:
    issues = cloud.seed(cloud.state.create_project("DOC"), 1_000)
    for issue in issues[:30]:
        cloud.state.edit(issue, labels=["public"])
    follower = Follower(cloud)
    follower.sync()
    follower.settings = {"jql": "labels = public"}
    done = follower.sync(census=True)
    assert set(done.removed.values()) == {LEFT_OUT}
    assert len(done.removed) == 970
    assert done.sent <= 20
