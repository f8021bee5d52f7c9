"""A random life of a project, followed sync by sync: what is held is always what a fresh start gives."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from vector_pipeline.sources.base import SourceError
from vector_pipeline_tests.simulators import atlassian_conditions as conditions
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sources.jira.follower import Follower
from vector_pipeline_tests.sources.jira.life import OPERATIONS, Life, Operation

numbers = st.integers(0, 40)
often = ["create", "edit", "comment", "attach", "link", "delete", "move_in", "edit_comment", "archive"]
operations = st.tuples(st.sampled_from([*OPERATIONS, *often]), numbers, numbers)
batches = st.lists(st.lists(operations, min_size=3, max_size=25), min_size=2, max_size=5)
FAULTS = (
    conditions.rate_limited(0),
    conditions.rate_limited(),
    conditions.server_error(503),
    conditions.server_error(500),
    conditions.truncated(),
    conditions.dropped(),
)
PAGING = ("repeated_token", "empty_page", "last_flag_lies", "cap")
faults = st.tuples(st.sampled_from(PAGING), st.integers(0, 1000))
bounded = settings(
    max_examples=8, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.explicit, Phase.generate, Phase.shrink]
)


def apply_all(life: Life, batch: list[Operation]) -> bool:
    """Does everything; False where Jira does not tell of all of it."""
    told = [life.apply(operation) for operation in batch]
    return all(told)


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
@bounded
@given(batches=batches)
def test_a_random_life_is_followed_exactly(flavour: str, batches: list[list[Operation]]) -> None:
    with JiraServer(flavour) as server:
        life, follower = Life(server), Follower(server)
        life.start(8)
        follower.sync()
        for batch in batches:
            told = apply_all(life, batch)
            unchanged = follower.probe() == follower.version
            done = follower.sync(full=not told)
            if unchanged and told:
                assert not done.fetched, "a change is seen by a probe"
                assert not done.removed, "and so is a removal"
            follower.assert_exact()
            assert follower.version == follower.probe()
            assert not follower.sync().fetched, "nothing is fetched twice"


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
@bounded
@given(
    batches=batches, faulty=st.lists(st.tuples(st.sampled_from(PAGING), st.integers(0, 1000)), min_size=5, max_size=5)
)
def test_faults_lose_nothing_and_the_next_sync_heals(
    flavour: str, batches: list[list[Operation]], faulty: list[tuple[str, int]]
) -> None:
    with JiraServer(flavour) as server:
        life, follower = Life(server), Follower(server, settings={"max_wait": "1s"})
        life.start(8)
        follower.sync()
        for batch, (paging, seed) in zip(batches, faulty, strict=False):
            told = apply_all(life, batch)
            setattr(server.faults.paging, paging, 1 + seed % 3)
            server.faults.at_random(FAULTS, 0.1 + seed % 5 / 10, seed)
            before = set(follower.held)
            try:
                done = follower.sync(full=not told)
            except SourceError:
                assert before <= set(follower.held), "a failed sync removes nothing"
            else:
                server.faults.clear()
                if not done.failed:
                    follower.assert_exact()
            server.faults.clear()
            follower.sync(due=True, full=not told)
            follower.assert_exact()
            assert not follower.failed


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
@bounded
@given(batches=batches)
def test_a_search_that_lags_behind_is_caught_up_with(flavour: str, batches: list[list[Operation]]) -> None:
    with JiraServer(flavour) as server:
        life, follower = Life(server), Follower(server)
        life.start(8)
        follower.sync()
        told = True
        for number, batch in enumerate(batches):
            server.faults.search_lag = timedelta(seconds=40 * number)
            told = apply_all(life, batch) and told
            before = set(follower.held)
            try:
                follower.sync()
            except SourceError:  # an index that finds nothing but issues that are gone is not believed
                assert before <= set(follower.held), "a failed sync removes nothing"
        server.clock.advance(minutes=10)
        follower.sync(due=True, full=not told)
        follower.assert_exact()
