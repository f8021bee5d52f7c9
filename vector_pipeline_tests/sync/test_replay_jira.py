"""Exactness by replay: a random life of a project, synced as it goes, compared with a database built afresh."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from vector_pipeline.sources.base import SourceError
from vector_pipeline_tests.project import Project, counts
from vector_pipeline_tests.simulators import atlassian_conditions as conditions
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sources.jira.life import OPERATIONS, Life, Operation
from vector_pipeline_tests.sync.exactness import assert_exact, quarantined, scratch_folder

numbers = st.integers(0, 40)
operations = st.tuples(st.sampled_from(list(OPERATIONS)), numbers, numbers)
batches = st.lists(st.lists(operations, min_size=10, max_size=40), min_size=2, max_size=3)
FAULTS = (
    conditions.rate_limited(0),
    conditions.server_error(503),
    conditions.server_error(500),
    conditions.truncated(),
    conditions.dropped(),
)


def held(project: Project) -> set[bytes]:
    """Native ids of all documents in the store."""
    with project.open() as pipeline:
        ids: set[bytes] = set()
        for name in pipeline.partitions():
            partition = pipeline.store.partition(name)
            ids.update(pipeline.store.known_documents(partition.partition_id)["native_id"].to_list())
        return ids


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate])
@given(batches=batches, seed=st.integers(0, 1000))
def test_a_project_under_random_operations_and_faults_stays_exact(
    flavour: str, batches: list[list[Operation]], seed: int
) -> None:
    """What Jira tells nobody of (the life says so) needs a full sync; everything else the next sync finds."""
    with scratch_folder() as folder, JiraServer(flavour) as server:
        life = Life(server)
        life.start(8)
        project = Project(folder / "project", {"limits": {"quarantine_retry": "1s"}})
        project.add_jira("work", server, "DOC", max_wait="1s")
        project.sync()
        for number, batch in enumerate(batches):
            told = [life.apply(operation) for operation in batch]
            before = held(project)
            server.faults.at_random(FAULTS, 0.3, seed + number)
            try:
                project.sync(full=not all(told), allow_deletions=True)
            except SourceError:
                assert before <= held(project), "a failed sync removes nothing"
            server.faults.clear()
            project.sync(full=not all(told) or bool(quarantined(project)), allow_deletions=True)
            assert not quarantined(project)
            assert_exact(project)


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_a_scripted_day_embeds_only_new_texts(folder: Path, flavour: str) -> None:
    with JiraServer(flavour) as server:
        state = server.state
        docs, ops = state.create_project("DOC", "Documents"), state.create_project("OPS", "Operations")
        issues = [state.create_issue(docs, f"Issue {n}", description=f"Words of number {n}.") for n in range(12)]
        state.attach(issues[3], "notes.txt", b"Words of the notes.\n")
        level = state.security_level("Staff", [server.accounts.ada])
        project = Project(folder / "project")
        project.add_jira("work", server, "DOC", "OPS")
        project.sync()
        steps: list[tuple[str, Callable[[], object], int]] = [
            ("edit", lambda: state.edit(issues[0], description="Other words."), 1),
            ("status", lambda: state.edit(issues[1], status="Done"), 0),
            ("move", lambda: state.move(issues[2], ops), 0),
            ("restrict", lambda: state.restrict(issues[3], level), 0),
            ("rename", lambda: state.rename_project(docs, "Papers"), 0),
            ("new key", lambda: state.rename_project_key(docs, "PAPERS"), 0),
            ("touch", lambda: state.touch(issues[4]), 0),
            ("delete", lambda: state.delete(issues[5]), 0),
            ("archive", lambda: state.archive(issues[6]), 0),
            ("restore", lambda: state.archive(issues[6], archived=False), 0),
            ("attach", lambda: state.attach(issues[7], "more.txt", b"More words.\n"), 1),
        ]
        for name, change, embedded in steps:
            server.clock.advance(minutes=1)
            change()
            results = project.sync()
            found = sum(result.counts.get("embedded", 0) for result in results)
            assert found == embedded, name
            if name in ("move", "new key", "archive", "attach"):
                assert_exact(project)


def test_a_withdrawn_permission_leaves_the_index_only_when_a_person_allows_it(folder: Path) -> None:
    with JiraServer("cloud") as server:
        life = Life(server)
        life.start(5)
        project = Project(folder / "project")
        project.add_jira("work", server, "D*")
        project.discover()
        project.sync()
        before = project.snapshot()
        assert before
        server.state.withdraw(life.project, server.accounts.ada, [server.accounts.ada])
        with pytest.raises(Exception, match="none was deleted"):
            project.sync("jira/work.DOC")
        assert project.snapshot() == before
        results = project.sync("jira/work.DOC", allow_deletions=True)
        assert counts(results, "documents")["gone: deleted or no longer visible"] == 5
        assert project.snapshot() == frozenset()
        server.state.grant(life.project, server.accounts.ada)
        project.sync("jira/work.DOC")
        assert project.snapshot() == before
