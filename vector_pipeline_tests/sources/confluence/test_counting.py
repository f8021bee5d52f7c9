"""Counting: a space that changes all the time, and a count that is off, cost no census after census."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vector_pipeline_tests.simulators.atlassian_conditions import changed
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.sources.confluence.site import FLAVOURS, Follower, following

PAUSE = timedelta(minutes=15)


@pytest.fixture(params=FLAVOURS)
def server(request: pytest.FixtureRequest) -> Iterator[ConfluenceServer]:
    with ConfluenceServer(request.param) as running:
        running.state.add_space("ENG", "Engineering")
        running.state.fill("ENG", 60)
        yield running


def sync(follower: Follower, **known: bool) -> str:
    """A sync as the next run of the pipeline does it, and of which kind it was."""
    follower.reopen()
    return "census" if follower.sync(**known).complete else "delta"


def let_the_pause_pass(follower: Follower) -> None:
    """As if the last census had been so long ago."""
    follower.cursor["counted_at"] = (datetime.now(UTC) - PAUSE).isoformat()


def test_pages_that_the_search_shows_later_than_a_census_cause_no_other_one(server: ConfluenceServer) -> None:
    server.faults.search_lag = timedelta(seconds=60)
    server.clock.advance(minutes=10)
    with following(server) as follower:
        follower.sync()
        kinds = []
        for minute in range(6):
            for number in range(3):
                server.clock.advance(seconds=20)
                server.state.add_page("ENG", f"new {minute} {number}", "<p>x</p>")
            kinds.append(sync(follower, census=minute == 2))
        assert kinds == ["delta", "delta", "census", "delta", "delta", "delta"]
        server.clock.advance(minutes=10)
        assert sync(follower) == "delta"
        assert len(follower.documents) == 61 + 18
        assert follower.cursor["unindexed"] == []
        server.state.purge(next(c for c in server.state.contents.values() if c.title == "Page 7"))
        assert sync(follower) == "census"
        assert "Page 7" not in follower.titles()


def test_what_is_made_while_a_census_runs_causes_no_other_one(server: ConfluenceServer) -> None:
    with following(server) as follower:
        follower.sync()
        made: list[int] = []

        def make_page(request: Any, _template: str, _response: object) -> None:
            if "/space" in request.path or request.path.endswith("/content"):
                with server.state.lock:
                    made.append(len(made))
                    server.clock.advance(seconds=5)
                    server.state.add_page("ENG", f"during {len(made)}", "<p>x</p>")

        server.clock.advance(minutes=30)
        server.observers.append(make_page)
        assert sync(follower, census=True) == "census"
        server.observers.clear()
        assert made
        for _ in range(3):
            server.clock.advance(minutes=1)
            assert sync(follower) == "delta"
        assert len(follower.documents) == 61 + len(made)


def test_a_count_that_differs_for_nothing_is_believed_for_a_while_and_then_looked_into(
    server: ConfluenceServer,
) -> None:
    with following(server) as follower:
        follower.sync()
        extra = [0]

        def more(answer: Any) -> Any:
            if "totalSize" in answer:
                extra[0] += 1
                answer["totalSize"] += extra[0] % 2 + extra[0] // 10
            return answer

        server.faults.always(changed(more), path="/rest/api/search")
        kinds = [sync(follower) for _ in range(10)]
        assert kinds.count("census") <= 3
        assert kinds[-5:] == ["delta"] * 5
        server.faults.clear()
        version = follower.sync().version
        assert version != follower.source.probe(), "the next look comes soon"
        server.state.purge(next(c for c in server.state.contents.values() if c.title == "Page 7"))
        assert sync(follower) == "delta"
        assert "Page 7" in follower.titles(), "nothing goes without proof"
        let_the_pause_pass(follower)
        assert sync(follower) == "census"
        assert "Page 7" not in follower.titles()


def test_a_space_made_anew_under_its_old_key_is_read_from_scratch(server: ConfluenceServer) -> None:
    with following(server) as follower:
        follower.sync()
        server.state.delete_space("ENG")
        server.state.add_space("ENG", "Engineering")
        server.state.add_page("ENG", "fresh")
        server.state.fill("ENG", 59)
        assert sync(follower) == "census"
        assert "fresh" in follower.titles()
        assert follower.cursor["space"]["id"] == str(server.state.space("ENG").id)
        assert sync(follower) == "delta"


def test_archived_pages_that_are_not_wanted_cost_only_their_place_in_the_list() -> None:
    with ConfluenceServer("cloud") as server:
        server.state.add_space("ENG", "Engineering")
        server.state.fill("ENG", 130)
        with following(server) as follower:
            follower.sync()
            server.log.clear()
            sync(follower, census=True)
            without = server.log.count("/rest/api/search")
            for page in list(server.state.contents.values())[2:]:
                server.state.archive(page)
            sync(follower)
            server.log.clear()
            sync(follower, census=True)
            assert server.log.count("/rest/api/search") <= without


def test_pages_with_old_comments_near_the_newest_change_are_not_asked_for_them_again(server: ConfluenceServer) -> None:
    old = list(server.state.contents.values())[:40]
    for content in old:
        server.state.comment(content, "<p>remark</p>")
    server.clock.advance(days=1)
    server.state.add_page("ENG", "newer")
    with following(server) as follower:
        follower.sync()
        server.clock.advance(days=1)
        server.state.add_page("ENG", "the only change")
        server.log.clear()
        assert sync(follower) == "delta"
        assert len(follower.fetched) == 1
        asked = [str(request.query.get("cql")) for request in server.log.all()]
        about_comments = [cql for cql in asked if "container in" in cql]
        assert about_comments
        assert not any(str(content.id) in cql for cql in about_comments for content in old)


def test_the_address_of_a_space_has_its_key_as_the_site_spells_it(server: ConfluenceServer) -> None:
    with following(server, "eng", spaces=["eng"]) as follower:
        follower.sync()
        assert follower.source.url.endswith("/ENG")
