"""The queue without a daemon: order, limits, pause, cancelling, trying again, and starts that were lost."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.orchestration import abandoned, sensors
from vector_pipeline.orchestration.names import BULK_TAG, INTERACTIVE_TAG, REASON_TAG, SITE_TAG
from vector_pipeline.orchestration.private import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    BACKFILL_ID_TAG,
    GRPC_INFO_TAG,
    MAX_RETRIES_TAG,
    PRIORITY_TAG,
    SCHEDULE_NAME_TAG,
)
from vector_pipeline.orchestration.queue_marks import BACKFILL, BY_HAND, CHANGE, FIRST, queue_tags
from vector_pipeline.orchestration.queue_pause import pause, resume
from vector_pipeline.orchestration.queue_runs import NoSuchRun, NotPossible, cancel, cancel_queued, find_run, retry
from vector_pipeline.orchestration.queue_status import look_at_queue
from vector_pipeline.orchestration.queue_submit import NoDaemon, put_forward, submit_sync
from vector_pipeline.orchestration.stopped import close_if_stopped
from vector_pipeline.settings import Settings
from vector_pipeline.settings_queue import Pool
from vector_pipeline.sources.registry import SOURCE_TYPES
from vector_pipeline.sync.due import NEVER_SYNCED, Due
from vector_pipeline.sync.progress import Progress, listening
from vector_pipeline.sync.runner import run_stage
from vector_pipeline.sync.stages import Options
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, write
from vector_pipeline_tests.orchestration.queue_project import enqueue, next_to_start, pretend_daemon, start

CHANGED = {REASON_TAG: "changed at the source"}
BACKFILLED = {BACKFILL_ID_TAG: "abcd"}


@pytest.fixture
def project(dagster_project: DagsterProject) -> DagsterProject:
    """A project whose daemon seems to be there."""
    pretend_daemon(dagster_project.instance)
    return dagster_project


def tags_of(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    run = instance.get_run_by_id(run_id)
    assert run
    return dict(run.tags)


def status_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run
    return run.status


def add_folders(project: DagsterProject, names: str, **settings: object) -> None:
    for name in names:
        project.project.add_folder(name, project.project.folder / name, **settings)


def test_a_change_starts_at_once_while_a_backfill_of_many_runs_is_queued(project: DagsterProject) -> None:
    add_folders(project, "abcdefg")
    instance = project.instance
    runs = {name: enqueue(instance, name, BACKFILLED) for name in "abcdef"}
    begun = next_to_start(instance)
    assert begun == ["a", "b"], "two of the four places are for what may take long"
    for name in begun:
        start(instance, runs[name])
    assert next_to_start(instance) == [], "the other places stay free"
    change = enqueue(instance, "g", CHANGED)
    assert next_to_start(instance) == ["g"]
    start(instance, change)
    assert next_to_start(instance) == []
    waiting = [run for run in look_at_queue(instance).unfinished if run.state == "queued"]
    assert [run.source for run in waiting] == [f"local_files/{name}" for name in "cdef"]
    assert all(run.is_bulk and run.reason == "backfill abcd" for run in waiting)


def test_a_run_of_a_backfill_for_several_sources_is_bulk_too(project: DagsterProject) -> None:
    add_folders(project, "ab")
    project.instance.add_dynamic_partitions("local_files_sources", ["a", "b"])
    several = {ASSET_PARTITION_RANGE_START_TAG: "a", ASSET_PARTITION_RANGE_END_TAG: "b"}
    tags = tags_of(project.instance, enqueue(project.instance, "", {**BACKFILLED, **several}))
    assert tags[BULK_TAG] == "true"
    assert tags[PRIORITY_TAG] == str(BACKFILL)


def test_runs_start_in_the_order_of_what_they_are_for_and_of_their_sources(project: DagsterProject) -> None:
    add_folders(project, "abcd")
    add_folders(project, "e", priority=100)
    project.project.settings["queue"] = {"runs": 10, "bulk": 9}
    project.project.write()
    instance = project.instance
    enqueue(instance, "a", BACKFILLED)
    enqueue(instance, "b", {REASON_TAG: NEVER_SYNCED})
    enqueue(instance, "c")
    enqueue(instance, "d", CHANGED)
    own = enqueue(instance, "e", BACKFILLED)
    assert next_to_start(instance) == ["e", "d", "c", "b", "a"]
    assert tags_of(instance, own)[PRIORITY_TAG] == str(100 + BACKFILL)
    assert tags_of(instance, enqueue(instance, "a", {PRIORITY_TAG: "7"}))[PRIORITY_TAG] == "7", "a person's own stands"


def test_a_sensor_asks_for_runs_with_their_place_in_the_queue(project: DagsterProject) -> None:
    write(project.project.folder / "notes", "one.md", "A walrus sings.")
    project.project.add_folder("notes", project.project.folder / "notes", priority=5, observe_every="1s")
    first = project.tick().requests[0]
    assert first.tags[PRIORITY_TAG] == str(FIRST + 5)
    assert first.tags[BULK_TAG] == "true"
    assert project.run("local_files", "notes").success
    write(project.project.folder / "notes", "two.md", "A walrus hums.")
    for _ in range(40):
        if requests := project.tick().requests:
            break
    assert requests[0].tags[PRIORITY_TAG] == str(CHANGE + 5)
    assert BULK_TAG not in requests[0].tags


def test_a_sensor_asks_for_what_is_most_wanted_first_and_not_for_all_at_once(
    project: DagsterProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_folders(project, "abc")
    add_folders(project, "z", priority=9)
    monkeypatch.setattr(sensors, "MOST_REQUESTS", 2)
    assert project.wants() == ["z", "a"]


def test_a_paused_queue_starts_nothing_until_it_is_resumed_by_any_process(project: DagsterProject) -> None:
    add_folders(project, "ab")
    instance = project.instance
    pause(instance, "the server is being moved")
    enqueue(instance, "a", CHANGED)
    with dg.DagsterInstance.from_ref(instance.get_ref()) as restarted:
        assert next_to_start(restarted) == []
        config = restarted.get_concurrency_config().run_queue_config
        assert config
        assert config.max_concurrent_runs == 0, "what the web interface shows"
        assert "the server is being moved" in str(config.tag_concurrency_limits[0]["value"])
        again = pause(restarted, "another reason")
        assert again.reason == "the server is being moved", "the first pause stands"
        assert resume(restarted)
    assert next_to_start(instance) == ["a"]
    assert resume(instance) is None


def test_the_limits_follow_the_settings_without_a_restart(project: DagsterProject) -> None:
    add_folders(project, "abcd")
    instance = project.instance
    for name in "abcd":
        enqueue(instance, name, CHANGED)
    next_to_start(instance)  # Dagster makes a pool when it first looks
    assert len(next_to_start(instance)) == 3, "the pool of the first step has three places"
    project.project.settings["queue"] = {"runs": 2, "bulk": 1, "pools": {"local_files": 4, "index": 1}}
    project.project.write()
    assert len(next_to_start(instance)) == 2
    project.tick()
    limits = {pool.name: pool.limit for pool in look_at_queue(instance).pools}
    assert limits["local_files"] == 4
    assert limits["index"] == 1
    project.project.settings["queue"] = {"runs": 8, "bulk": 1}
    project.project.write()
    assert len(next_to_start(instance)) == 4
    project.project.file.write_text("queue: [nonsense\n")
    assert len(next_to_start(instance)) == 4, "the last settings that could be read"


def test_only_so_many_parts_of_a_site_are_synced_at_once(project: DagsterProject) -> None:
    site = {"url": "https://wiki.example.org", "token": "x", "spaces": ["A", "B", "C"], "at_once": 1}
    project.project.settings["sources"] = {"confluence": {"wiki": site}}
    project.project.write()
    instance = project.instance
    runs = [enqueue(instance, f"wiki.{key}", CHANGED, "confluence") for key in "ABC"]
    assert tags_of(instance, runs[0])[SITE_TAG] == "confluence/wiki"
    assert next_to_start(instance) == ["wiki.A"]


def test_neither_priority_nor_limits_make_a_source_read_its_documents_again() -> None:
    site = {"url": "https://wiki.example.org", "token": "x", "spaces": ["A"]}
    usual = Settings.model_validate({"sources": {"confluence": {"wiki": site}}})
    other = Settings.model_validate({"sources": {"confluence": {"wiki": {**site, "priority": 9, "at_once": 2}}}})
    assert usual.sources.confluence["wiki"].fingerprint == other.sources.confluence["wiki"].fingerprint


def test_every_pool_can_be_limited_in_the_settings() -> None:
    assert set(Pool.__args__) == {*SOURCE_TYPES, "embedding", "index"}  # type: ignore[attr-defined]


@given(
    st.dictionaries(
        st.sampled_from([PRIORITY_TAG, BULK_TAG, BACKFILL_ID_TAG, REASON_TAG, "other"]),
        st.sampled_from(["1", "true", NEVER_SYNCED, "changed at the source"]),
    )
)
def test_a_place_in_the_queue_never_overrides_what_a_run_was_given(tags: dict[str, str]) -> None:
    settings = Settings.model_validate({"sources": {"local_files": {"a": {"path": "/a", "priority": 3}}}})
    placed = queue_tags(settings, "local_files/a", tags)
    assert not placed.keys() & tags.keys()
    assert PRIORITY_TAG in placed.keys() | tags.keys()
    if BACKFILL_ID_TAG in tags:
        assert BULK_TAG in placed.keys() | tags.keys()


def test_a_schedule_leaves_one_run_in_the_queue_however_long_the_pause(project: DagsterProject) -> None:
    add_folders(project, "a")
    instance = project.instance
    pause(instance)
    first, second = (enqueue(instance, "a", {SCHEDULE_NAME_TAG: "hourly"}) for _ in range(2))
    other = enqueue(instance, "a", {SCHEDULE_NAME_TAG: "weekly"})
    assert status_of(instance, first) == dg.DagsterRunStatus.CANCELED
    assert {run.run_id for run in look_at_queue(instance).unfinished} == {second, other}


def test_a_sync_is_put_into_the_queue_of_a_living_daemon_only(dagster_project: DagsterProject) -> None:
    add_folders(dagster_project, "a")
    instance, due = dagster_project.instance, Due("local_files/a", "changed at the source", "", "1")
    with pytest.raises(NoDaemon, match="never run"):
        submit_sync(instance, due, Options())
    pretend_daemon(instance, seconds_ago=600)
    with pytest.raises(NoDaemon, match="last heard of"):
        submit_sync(instance, due, Options())
    pretend_daemon(instance)
    run_id = submit_sync(instance, due, Options(full=True, limit=None), 44)
    tags = tags_of(instance, run_id)
    assert tags[PRIORITY_TAG] == "44"
    assert tags["vector_pipeline/full"] == "true"
    assert tags[BULK_TAG] == "true"
    usual = submit_sync(instance, due, Options())
    assert tags_of(instance, usual)[PRIORITY_TAG] == str(BY_HAND)
    put_forward(instance, usual, 50)
    assert next(run.run_id for run in look_at_queue(instance).unfinished) == usual


def test_a_run_that_waits_is_canceled_at_once(project: DagsterProject) -> None:
    add_folders(project, "ab")
    instance = project.instance
    one, other = enqueue(instance, "a"), enqueue(instance, "b")
    found = find_run(instance, one[:12])
    assert cancel(instance, project.project.data, found) == "canceled"
    assert status_of(instance, one) == dg.DagsterRunStatus.CANCELED
    with pytest.raises(NotPossible, match="has ended"):
        cancel(instance, project.project.data, find_run(instance, one))
    assert cancel_queued(instance) == [other]
    assert look_at_queue(instance).unfinished == []


def test_a_run_of_which_nothing_is_left_is_canceled_too(project: DagsterProject, tmp_path: Path) -> None:
    add_folders(project, "a")
    instance = project.instance
    run_id = enqueue(instance, "a")
    start(instance, run_id)
    instance.add_run_tags(run_id, {GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": str(tmp_path / "gone")})})
    assert cancel(instance, project.project.data, find_run(instance, run_id)) == "canceled"
    assert status_of(instance, run_id) == dg.DagsterRunStatus.CANCELED


def test_a_run_that_is_stopped_between_two_steps_stands_as_stopped_in_the_history(project: DagsterProject) -> None:
    write(project.project.folder / "notes", "one.md", "A walrus sings.")
    partition = project.project.add_folder("notes", project.project.folder / "notes")
    project.instance.add_dynamic_partitions("local_files_sources", ["notes"])
    run_id = enqueue(project.instance, "notes")
    start(project.instance, run_id)
    with project.project.open() as pipeline:
        run_stage(pipeline, "documents", partition, run_id, Options())
        pid = pipeline.store.partition(partition).partition_id
        close_if_stopped(pipeline, project.instance, run_id)
        assert pipeline.store.ingestions(pid)[0].status == "running", "nobody stopped it"
        project.instance.report_run_canceling(find_run(project.instance, run_id))
        close_if_stopped(pipeline, project.instance, run_id)
        row = pipeline.store.ingestions(pid)[0]
    assert (row.status, row.error, row.counts["documents: added"]) == ("failed", "stopped", 1)


def test_a_run_at_a_terminal_is_left_to_its_terminal(project: DagsterProject) -> None:
    run_id = project.start_unfinished_run("sync_local_files", {INTERACTIVE_TAG: "true"})
    with pytest.raises(NotPossible, match="belongs to a sync at a terminal"):
        cancel(project.instance, project.project.data, find_run(project.instance, run_id))


def test_a_run_is_found_by_the_beginning_of_its_id(project: DagsterProject) -> None:
    add_folders(project, "ab")
    ids = [enqueue(project.instance, "a"), enqueue(project.instance, "b")]
    assert find_run(project.instance, ids[0][:20]).run_id == ids[0]
    for beginning in ("", "no such run"):
        with pytest.raises(NoSuchRun, match="no run begins with"):
            find_run(project.instance, beginning)


def test_a_failed_run_is_tried_again_behind_the_steps_that_succeeded(project: DagsterProject) -> None:
    write(project.project.folder / "notes", "one.md", "A walrus sings.")
    project.project.settings["embedding"] = {
        "provider": "openai",
        "model": "none",
        "dimensions": 16,
        "base_url": "http://127.0.0.1:9",
        "max_retries": 0,
    }
    project.project.add_folder("notes", project.project.folder / "notes")
    instance = project.instance
    instance.add_dynamic_partitions("local_files_sources", ["notes"])
    failed = project.run("local_files", "notes", tags={INTERACTIVE_TAG: "true", MAX_RETRIES_TAG: "0", **CHANGED})
    assert not failed.success
    run, goes_on = retry(instance, find_run(instance, failed.run_id))
    assert goes_on
    assert run.status == dg.DagsterRunStatus.QUEUED
    assert run.parent_run_id == run.root_run_id == failed.run_id
    assert sorted(run.step_keys_to_execute or []) == ["local_files__embeddings", "local_files__points"]
    assert INTERACTIVE_TAG not in run.tags
    assert MAX_RETRIES_TAG not in run.tags
    assert run.tags["dagster/partition"] == "notes"
    with pytest.raises(NotPossible, match="has not ended"):
        retry(instance, run)
    cancel(instance, project.project.data, run)
    once_more, goes_on = retry(instance, find_run(instance, run.run_id))
    assert not goes_on, "nothing of it was done"
    assert (once_more.parent_run_id, once_more.root_run_id) == (run.run_id, failed.run_id)


def test_a_run_that_was_being_started_at_a_kill_is_asked_for_again_at_once(
    project: DagsterProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project.project.folder / "notes", "one.md", "A walrus sings.")
    project.project.add_folder("notes", project.project.folder / "notes", observe_every="1s")
    instance = project.instance
    wanted = project.tick().requests[0]
    killed = enqueue(instance, "notes", wanted.tags)
    start(instance, killed, "PIPELINE_STARTING")
    instance.add_run_tags(killed, {GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": str(tmp_path / "gone")})})
    assert project.wants() == [], "it looks as if it were coming"
    monkeypatch.setattr(abandoned._looked_for_lost_starts, "is_set", lambda: False)  # as in a new process
    assert project.wants() == ["notes"]
    assert status_of(instance, killed) == dg.DagsterRunStatus.FAILURE


def test_a_run_that_is_stopped_while_a_step_works_begins_no_step_again(project: DagsterProject) -> None:
    instance = project.instance
    write(project.project.folder / "stopped", "a.md", "A note.")
    name = project.project.add_folder("stopped", project.project.folder / "stopped")
    instance.add_dynamic_partitions("local_files_sources", ["stopped"])

    def stop(seen: Progress) -> None:
        for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
            instance.report_run_canceling(run)
            os.kill(os.getpid(), signal.SIGINT)

    with listening(stop):
        result = project.run("local_files", "stopped")
    assert status_of(instance, result.run_id) == dg.DagsterRunStatus.CANCELED
    assert [event for event in result.all_events if event.is_step_up_for_retry] == []
    with project.project.open() as pipeline:
        (row,) = pipeline.store.ingestions(pipeline.store.partition(name).partition_id)
    assert row.error.endswith("stopped")


def test_a_run_that_was_being_stopped_at_a_kill_counts_as_canceled(project: DagsterProject) -> None:
    run_id = project.start_unfinished_run("sync_local_files", {})
    instance = project.instance
    with abandoned.marked_alive(project.project.data, instance, run_id):
        pass
    lock = project.project.data / "runs" / f"{run_id}.lock"
    lock.touch()
    run = instance.get_run_by_id(run_id)
    assert run
    instance.report_run_canceling(run)
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patched:
        patched.setattr(abandoned, "GRACE_SECONDS", 0.1)
        assert abandoned.end_abandoned_runs(project.project.data, lambda: instance) == [run_id]
    assert status_of(instance, run_id) == dg.DagsterRunStatus.CANCELED
