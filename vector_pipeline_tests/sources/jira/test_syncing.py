"""Which changes of a project a sync sees, what it fetches for them, and what it asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vector_pipeline.documents import Item
from vector_pipeline.settings_atlassian import JiraSettings
from vector_pipeline.sources.base import Known, Part, SourceDenied, SourceError
from vector_pipeline.sources.jira.api import HIDDEN, LEFT_OUT, MOVED
from vector_pipeline.sources.jira.projects import discover_projects
from vector_pipeline.sources.jira.source import JiraSource
from vector_pipeline_tests.simulators import atlassian_conditions as conditions
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
    assert follower.sync(full=True).fetched == []
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
    assert follower.document(native_id).metadata["access"] == ["security:Internal"]
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

    server.clock.advance(minutes=1)
    server.state.edit(issue, summary="Edited")
    server.faults.always(conditions.changed(without), path="/search")
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
    for name, size in (("a.txt", 10), ("big.txt", 5_000), ("photo.png", 10), ("secret.txt", 10)):
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
        assert document.metadata["access"] == (["security:Board"] if secured else ["project:DOC", "staff"])


def test_an_issue_that_became_hidden_is_removed_with_the_reason_that_can_be_told(server: JiraServer) -> None:
    _, issues = some(server, 3)
    follower = Follower(server)
    follower.sync()
    server.clock.advance(minutes=1)
    server.state.restrict(issues[0], server.state.security_level("Board"))
    told = HIDDEN if server.flavour.value == "data_center" else "deleted or no longer visible"
    assert follower.sync().removed == {str(issues[0].id): told}


@pytest.mark.parametrize("silent", ["edit", "link", "comment", "security"])
def test_what_changes_silently_is_found_when_every_issue_is_read(server: JiraServer, silent: str) -> None:
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
    elif silent == "comment":
        server.state.edit_comment(issues[0], comment, "Another remark.", silent=True)
    else:
        server.state.restrict(issues[0], server.state.security_level("Staff", [server.accounts.ada]), silent=True)
    assert follower.sync().fetched == []
    assert follower.sync(census=True).fetched == []
    changed = {str(each.id) for each in (issues[:2] if silent == "link" else issues[:1])}
    assert set(follower.sync(full=True).fetched) == changed
    follower.assert_exact()


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
    source = JiraSource("work.DOC", "DOC", settings)
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
