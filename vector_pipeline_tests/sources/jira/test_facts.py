"""What is recorded of the real services' behaviour, each met by the source."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vector_pipeline.sources.atlassian.errors import SiteThrottled
from vector_pipeline.sources.base import Known, SourceError, SourceMisconfigured
from vector_pipeline.sources.jira.api import MOVED
from vector_pipeline.sources.jira.values import milliseconds
from vector_pipeline_tests.simulators import atlassian_conditions as conditions
from vector_pipeline_tests.simulators.jira_model import Issue, Project
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sources.jira.follower import Follower, open_source

bounded = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
OLD_SEARCH = "/rest/api/3/search"
SEARCH = "/rest/api/3/search/jql"


def seeded(server: JiraServer, count: int) -> tuple[Project, list[Issue], Follower]:
    """A project with that many issues, not yet followed."""
    project = server.state.create_project("DOC")
    return project, server.seed(project, count), Follower(server)


def ids_of(issues: list[Issue]) -> set[str]:
    return {str(issue.id) for issue in issues}


def test_the_removed_search_is_never_asked(cloud: JiraServer) -> None:
    """Fact 1: the search by offset answers 410 on Cloud."""
    _, issues, follower = seeded(cloud, 120)
    assert set(follower.sync().fetched) == ids_of(issues)
    assert not cloud.log.find(status=410)
    assert not [asked for asked in cloud.log.all() if asked.path == OLD_SEARCH]


def test_a_search_is_followed_by_its_tokens_to_the_page_without_one(cloud: JiraServer) -> None:
    """Fact 2: no total and no offset; the last page has no token."""
    _, issues, follower = seeded(cloud, 60)
    cloud.faults.paging.cap = 7
    assert set(follower.sync().fetched) == ids_of(issues)


def test_no_offset_is_sent_to_the_search_that_ignores_it(cloud: JiraServer) -> None:
    """Fact 3: with `startAt` the first page would come for ever."""
    _, _, follower = seeded(cloud, 10)
    cloud.faults.paging.cap = 3
    follower.sync()
    searches = [json.loads(asked.body) for asked in cloud.log.find(SEARCH)]
    assert searches
    assert not [body for body in searches if "startAt" in body]


def test_ids_are_listed_five_thousand_at_a_time(cloud: JiraServer) -> None:
    """Fact 4: a page has 1 to 5000 issues, thousands only of ids."""
    seeded(cloud, 5_001)
    source = open_source(cloud)
    assert source.scan(Known(census=True)).items.height == 5_001
    source.close()
    assert [json.loads(asked.body)["maxResults"] for asked in cloud.log.find(SEARCH)][-2:] == [5000, 5000]


def test_every_search_names_the_fields_it_needs(cloud: JiraServer) -> None:
    """Fact 5: without `fields` only ids come."""
    _, issues, follower = seeded(cloud, 3)
    follower.sync()
    cloud.clock.advance(minutes=1)
    cloud.state.edit(issues[0], summary="Edited")
    assert follower.sync().fetched == [str(issues[0].id)]
    assert all(json.loads(asked.body)["fields"] for asked in cloud.log.find(SEARCH))


def test_every_query_is_bounded_by_its_project(cloud: JiraServer) -> None:
    """Fact 6: an unbounded query is refused."""
    _, _, follower = seeded(cloud, 3)
    follower.sync()
    follower.sync(census=True)
    bodies = [json.loads(asked.body) for asked in cloud.log.all() if asked.method == "POST" and b"jql" in asked.body]
    assert bodies
    assert all(body["jql"].startswith("project = ") for body in bodies)
    assert not cloud.log.find(status=400)


def test_questions_are_json_bodies_of_known_fields(cloud: JiraServer) -> None:
    """Fact 7: a POST reads only its body, and refuses one with a field it does not know."""
    _, _, follower = seeded(cloud, 250)
    cloud.faults.paging.cap = 50
    follower.sync()
    known = {"jql", "fields", "maxResults", "nextPageToken", "reconcileIssues"}
    for asked in cloud.log.find(SEARCH):
        assert not asked.query
        assert json.loads(asked.body).keys() <= known
    assert not [asked for asked in cloud.log.all() if asked.status in (400, 415)]


@pytest.mark.parametrize("fault", ["repeated_token", "empty_page", "last_flag_lies"])
def test_paging_that_goes_wrong_for_a_while_loses_no_issue(cloud: JiraServer, fault: str) -> None:
    """Fact 8: a token may be repeated, a page with a token empty, `isLast` wrong."""
    _, issues, follower = seeded(cloud, 40)
    cloud.faults.paging.cap = 6
    setattr(cloud.faults.paging, fault, 3)
    assert set(follower.sync().fetched) == ids_of(issues)


def test_paging_that_never_ends_is_given_up_and_removes_nothing(cloud: JiraServer) -> None:
    """Fact 8: a token that is repeated for ever must not hold a sync for ever."""
    _, _, follower = seeded(cloud, 40)
    follower.sync()
    cloud.faults.paging.cap = 6
    cloud.faults.paging.repeated_token = 1_000_000
    with pytest.raises(SourceError, match="broke off before its end"):
        follower.sync(census=True)
    assert len(follower.held) == 40
    assert len(cloud.log.all()) < 60


def test_an_issue_that_the_search_has_not_seen_yet_comes_with_a_later_sync(server: JiraServer) -> None:
    """Fact 9: the search is eventually consistent."""
    project, _, follower = seeded(server, 5)
    follower.sync()
    server.faults.search_lag = timedelta(seconds=90)
    server.clock.advance(minutes=30)
    late = server.state.create_issue(project, "Indexed late")
    server.faults.search_lag = timedelta(0)
    server.clock.advance(seconds=5)
    server.faults.search_lag = timedelta(seconds=90)
    assert follower.sync().fetched == []
    server.clock.advance(minutes=3)
    assert follower.probe() != follower.version
    assert follower.sync().fetched == [str(late.id)]


def test_an_issue_that_a_lagging_search_lacks_is_kept(cloud: JiraServer) -> None:
    """Fact 9: what the search does not know yet is asked for by id with `reconcileIssues` before it goes."""
    _, issues, follower = seeded(cloud, 5)
    follower.sync()
    cloud.state.archive(issues[0])  # leaves the search at once …
    cloud.faults.search_lag = timedelta(minutes=5)
    cloud.state.archive(issues[0], archived=False)  # … and comes back late
    done = follower.sync(census=True)
    assert not done.removed
    assert [asked for asked in cloud.log.find(SEARCH) if b"reconcileIssues" in asked.body]


def test_issues_are_read_a_hundred_at_a_time_and_hidden_ones_are_told_apart(cloud: JiraServer) -> None:
    """Fact 10: bulk fetch takes up to 100 ids and lists what it can't give beside the rest."""
    _, issues, follower = seeded(cloud, 250)
    follower.sync()
    assert cloud.log.count("/issue/bulkfetch") == 3
    cloud.state.restrict(issues[3], cloud.state.security_level("Board"))
    assert follower.sync(census=True).removed == {str(issues[3].id): "deleted or no longer visible"}


def test_an_answer_that_is_too_much_for_the_way_is_asked_for_in_halves(server: JiraServer) -> None:
    """Fact 10: very large bulk answers arrive cut off."""
    _, issues, follower = seeded(server, 64)
    server.faults.cut_bodies_above = 60_000
    done = follower.sync()
    assert set(done.fetched) == ids_of(issues)
    assert not done.failed


def test_one_issue_that_the_site_fails_at_does_not_keep_the_rest(server: JiraServer) -> None:
    """Fact 10: a batch is halved down to the one issue that can't be given out."""
    _, issues, follower = seeded(server, 20)
    server.state.edit(issues[7], description="x" * 200_000)
    server.faults.cut_bodies_above = 150_000
    done = follower.sync()
    assert set(done.fetched) == ids_of(issues) - {str(issues[7].id)}
    assert done.failed == {str(issues[7].id): "the site can't give out this issue"}
    follower.sync()  # learns when that issue changed
    server.faults.clear()
    assert follower.sync().fetched == [], "not before it is due again"
    assert follower.sync(due=True).fetched == [str(issues[7].id)]


def test_comments_work_logs_and_changes_beyond_the_embedded_ones_are_read(cloud: JiraServer) -> None:
    """Fact 11: an issue carries only its newest comments, changes and work logs along."""
    project = cloud.state.create_project("DOC")
    issue = cloud.state.create_issue(project, "Long talk", description="Begins")
    for number in range(130):
        cloud.clock.advance(seconds=1)
        cloud.state.comment(issue, f"Remark {number}.")
        if number < 30:
            cloud.state.log_work(issue, 60, f"Work {number}.")
        cloud.state.edit(issue, status="Done" if number % 2 else "To Do")
    cloud.limits.comments, cloud.limits.changes = 40, 50
    follower = Follower(cloud, settings={"worklogs": True, "changelog": True})
    follower.sync()
    text = follower.document(issue.id).text
    assert [text.count(f"Remark {number}.") for number in range(130)] == [1] * 130
    assert [text.count(f"Work {number}.") for number in range(30)] == [1] * 30
    assert text.count("status from") == 130
    assert text.index("Remark 3.") < text.index("Remark 120.")


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati"])
def test_no_change_is_lost_or_read_twice_in_any_time_zone_of_the_account(server: JiraServer, zone: str) -> None:
    """Fact 12: JQL reads date literals in the account's time zone, to the minute; epoch milliseconds know neither."""
    server.accounts.ada.time_zone = zone
    _, issues, follower = seeded(server, 12)
    follower.settings = {"overlap": "1s"}
    follower.sync()
    for number in range(8):
        server.clock.advance(seconds=2)  # several within one minute
        server.state.edit(issues[number], summary=f"Edited {number}")
        assert follower.sync().fetched == [str(issues[number].id)]
    follower.assert_exact()


def test_two_edits_within_the_second_of_the_watermark_are_both_seen(server: JiraServer) -> None:
    """Fact 12: both ends of the window are inclusive, and versions tell apart what is in it."""
    _, issues, follower = seeded(server, 5)
    follower.settings = {"overlap": "1s"}
    server.clock.advance(minutes=5)
    server.state.edit(issues[0], summary="First")
    follower.sync()
    server.clock.advance(milliseconds=3)
    server.state.edit(issues[1], summary="Second")
    server.state.edit(issues[0], summary="First again")
    assert set(follower.sync().fetched) == ids_of(issues[:2])


def test_times_are_read_with_the_offset_they_come_with(server: JiraServer) -> None:
    """Fact 13: times come with the viewer's offset."""
    assert milliseconds("2023-04-05T05:08:50.112-0700") == milliseconds("2023-04-05T12:08:50.112+0000")
    project = server.state.create_project("DOC")
    issue = server.state.create_issue(project, "A summary")
    follower = Follower(server)
    follower.sync()
    before = follower.document(issue.id)
    server.accounts.ada.time_zone = server.state.server_time_zone = "America/Los_Angeles"
    assert follower.sync(full=True).changed == [], "another time zone changes nothing"
    assert before.metadata["created_at"] == "2026-03-02T09:30:00.000+00:00"
    assert before.source_updated_at == datetime.fromisoformat("2026-03-02T09:30:00+00:00")


def test_a_deletion_is_seen_by_count_and_confirmed_by_id(server: JiraServer) -> None:
    """Fact 14: a deletion leaves no trace; a census of ids shows it, and the id itself is asked for."""
    _, issues, follower = seeded(server, 20)
    follower.sync()
    server.state.delete(issues[4])
    assert follower.probe() != follower.version
    done = follower.sync()
    assert list(done.removed) == [str(issues[4].id)]
    assert done.removed[str(issues[4].id)] in ("deleted", "deleted or no longer visible")
    assert not done.fetched


def test_a_project_that_became_invisible_is_told_apart_from_deleted_issues(server: JiraServer) -> None:
    """Fact 14: losing the permission looks like deletion in a search; the project itself tells."""
    project, _, follower = seeded(server, 20)
    follower.sync()
    server.state.withdraw(project, server.accounts.ada, [server.accounts.ada])
    for ask in (follower.probe, follower.sync):
        with pytest.raises(SourceMisconfigured, match="no project DOC, or this account may not see it"):
            ask()
    assert len(follower.held) == 20


def test_a_moved_issue_leaves_one_project_and_is_the_same_in_the_other(server: JiraServer) -> None:
    """Fact 15: a move changes the key; the numeric id stays, and the former key still resolves."""
    _, issues, follower = seeded(server, 4)
    other = server.state.create_project("OPS")
    neighbour = Follower(server, "OPS")
    server.state.create_issue(other, "There before")
    follower.sync()
    neighbour.sync()
    before = follower.document(issues[1].id)
    server.clock.advance(minutes=1)
    server.state.move(issues[1], other)
    assert follower.sync().removed == {str(issues[1].id): MOVED}
    assert neighbour.sync().fetched == [str(issues[1].id)]
    after = neighbour.document(issues[1].id)
    assert after.metadata["key"] == "OPS-2"
    assert after.uri.endswith("/browse/OPS-2")
    assert (after.text, after.context) == (before.text, before.context), "nothing is embedded for a move"


def test_a_burst_limit_is_waited_out(server: JiraServer) -> None:
    """Fact 16: 429 with Retry-After, which may be absent."""
    _, issues, follower = seeded(server, 30)
    server.faults.once(conditions.rate_limited(0), 2)
    server.faults.once(conditions.rate_limited(), 2)
    assert set(follower.sync().fetched) == ids_of(issues)


def test_a_limit_that_lasts_ends_the_sync_and_the_next_goes_on(server: JiraServer) -> None:
    """Fact 16: a Retry-After beyond what may be waited ends the sync; what it had stays."""
    _, issues, follower = seeded(server, 30)
    follower.sync()
    server.clock.advance(minutes=1)
    server.state.edit(issues[0], summary="Edited")
    server.faults.always(conditions.rate_limited(4000))
    with pytest.raises(SiteThrottled):
        follower.sync()
    assert len(follower.held) == 30


def test_an_unknown_project_is_named(server: JiraServer) -> None:
    """Fact 17: 400 "does not exist for the field 'project'" for a project that is unknown or invisible."""
    server.state.create_project("DOC")
    source = open_source(server, "NOPE")
    with pytest.raises(SourceMisconfigured, match=r"jira/work\.NOPE: there is no project NOPE"):
        source.probe()
    source.close()


@pytest.mark.parametrize("cap", [1, 2, 3, 7])
def test_a_capped_page_size_loses_nothing(data_center: JiraServer, cap: int) -> None:
    """Fact 18: the server caps the page size and echoes it."""
    data_center.limits.data_center = cap
    _, issues, follower = seeded(data_center, 20)
    assert set(follower.sync().fetched) == ids_of(issues)


def test_a_total_that_promises_too_much_is_not_believed(data_center: JiraServer) -> None:
    """Fact 18: `total` may exceed what can be fetched from one question."""
    data_center.limits.window = 6
    _, issues, follower = seeded(data_center, 25)
    assert set(follower.sync().fetched) == ids_of(issues)


def test_empty_pages_are_asked_for_again(data_center: JiraServer) -> None:
    """Fact 18: an empty page ends a listing only where nothing can follow."""
    data_center.limits.data_center = 5
    _, issues, follower = seeded(data_center, 25)
    data_center.faults.paging.empty_page = 3
    assert set(follower.sync().fetched) == ids_of(issues)


def test_rows_that_shift_between_pages_are_not_lost(data_center: JiraServer) -> None:
    """Fact 18: when issues go between two pages the offsets of all others shift."""
    data_center.limits.data_center = 5
    _, issues, follower = seeded(data_center, 30)
    follower.sync()
    pages = 0

    def shift(request: object, template: str, response: object) -> None:
        nonlocal pages
        if template.endswith("/search"):
            pages += 1
            if pages in (3, 4):  # the look at the newest is the first
                data_center.state.delete(issues[pages])
                data_center.state.delete(issues[4 * pages - 5])  # the very row the next page is asked from

    data_center.observers.append(shift)
    done = follower.sync(census=True)
    assert set(done.removed) <= ids_of([issues[3], issues[4], issues[7], issues[11]])
    data_center.observers.clear()
    follower.sync(census=True)
    follower.assert_exact()


@bounded
@given(cap=st.integers(1, 7), count=st.integers(0, 25), picks=st.lists(st.integers(0, 60), max_size=12))
def test_a_listing_has_all_that_was_there_throughout_whatever_goes_meanwhile(
    cap: int, count: int, picks: list[int]
) -> None:
    """Fact 18: paging by offset would skip rows; paging by key must not stop at a key that is gone."""
    with JiraServer("data_center") as server:
        server.limits.data_center = cap
        project, issues, _ = seeded(server, count)
        other = server.state.create_project("OPS")
        waiting = list(picks)

        def disturb(_request: object, template: str, _response: object) -> None:
            if template.endswith("/search") and waiting and issues:
                issue = issues[waiting[0] % len(issues)]
                if waiting.pop(0) % 5 and issue.id in server.state.issues and issue.project is project:
                    (server.state.delete if issue.id % 2 else lambda it: server.state.move(it, other))(issue)

        server.observers.append(disturb)
        source = open_source(server)
        try:
            listed = {native.decode() for native in source.scan(Known(census=True)).items["native_id"].to_list()}
        except SourceError:
            return  # it may give up, but not leave something out
        finally:
            source.close()
        assert (
            ids_of([issue for issue in issues if issue.id in server.state.issues and issue.project is project])
            <= listed
        )


def test_archived_issues_leave_with_their_reason(server: JiraServer) -> None:
    """Fact 19: archived issues are in no search but answer by id."""
    _, issues, follower = seeded(server, 8)
    follower.sync()
    server.state.archive(issues[2])
    assert follower.sync().removed == {str(issues[2].id): "archived"}
    server.state.archive(issues[2], archived=False)
    assert follower.sync().fetched == [str(issues[2].id)]


def test_an_archived_project_is_named(server: JiraServer) -> None:
    """Fact 19: the issues of an archived project vanish from searches; that is no deletion."""
    project, _, follower = seeded(server, 8)
    follower.sync()
    server.state.archive_project(project)
    for ask in (follower.probe, follower.sync):
        with pytest.raises(SourceMisconfigured, match="project DOC is archived"):
            ask()
    assert len(follower.held) == 8


def test_jql_that_jira_refuses_is_explained_in_its_own_words(server: JiraServer) -> None:
    """Fact 19: a strict validation answers 400 with a list of what is wrong."""
    _, _, follower = seeded(server, 3)
    follower.settings = {"jql": "colour = red"}
    with pytest.raises(SourceMisconfigured, match="refuses the jql of the settings: Field 'colour' does not exist"):
        follower.sync()
