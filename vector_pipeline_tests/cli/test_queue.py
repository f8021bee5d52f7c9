"""The commands about the queue, and those that go by it: what they print, and how they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg
import pytest

from vector_pipeline.orchestration.instance import make_storage
from vector_pipeline_tests.cli.command import Command, write
from vector_pipeline_tests.orchestration.queue_project import enqueue, pretend_daemon, start

FILES: dict[str, str | bytes] = {"one.md": "# One\n\nA walrus sings at dawn.\n"}


@pytest.fixture
def command(new_project: Callable[[dict[str, str | bytes]], Command]) -> Command:
    """The command line of a project with one folder that was never synced."""
    made = new_project(FILES)
    assert made.inside("queue", "status").code == 0
    return made


@contextmanager
def instance_of(command: Command) -> Iterator[dg.DagsterInstance]:
    home = command.project.data / "dagster"
    make_storage(home)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("VECTOR_PIPELINE_CONFIG", str(command.project.file))
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield instance


def test_the_queue_is_shown_with_what_runs_what_waits_and_why_nothing_starts(command: Command) -> None:
    empty = command.inside("queue", "status", "--json").json()
    assert empty["runs"] == []
    assert not empty["daemon_alive"]
    assert "no daemon runs" in command.inside("queue", "status").out
    with instance_of(command) as instance:
        pretend_daemon(instance)
        running = enqueue(instance, "notes", {"vector_pipeline/reason": "changed at the source"})
        start(instance, running)
        queued = enqueue(instance, "notes", {"dagster/backfill": "abcd"})
    command.inside("queue", "pause", "--reason", "a trial [bold]")
    shown = command.inside("queue", "status", "--json").json()
    assert [run["run_id"] for run in shown["runs"]] == [running, queued]
    assert [run["state"] for run in shown["runs"]] == ["running", "queued"]
    assert [run["bulk"] for run in shown["runs"]] == [False, True]
    assert shown["runs"][0]["source"] == "local_files/notes"
    assert shown["paused"]["reason"] == "a trial [bold]"
    assert shown["limit"] == 0
    assert shown["daemon_alive"]
    printed = command.inside("queue", "status").out
    assert running[:8] in printed
    assert "changed at the source" in printed
    assert "a trial [bold]" in printed


def test_a_sync_at_a_terminal_neither_runs_nor_hangs_while_the_queue_is_paused(command: Command) -> None:
    paused = command.inside("queue", "pause", "--reason", "maintenance", "--json").json()
    assert paused["changed"]
    refused = command.inside("sync")
    assert refused.code == 1
    assert "the queue is paused since" in refused.err
    assert "maintenance" in refused.err
    assert "queue resume" in refused.err
    assert not command.project.snapshot()
    assert command.inside("sync", "--even-if-paused").code == 0
    assert command.project.snapshot()
    assert command.inside("queue", "resume", "--json").json()["changed"]
    assert "was not paused" in command.inside("queue", "resume").out


def test_syncs_are_put_into_the_queue_once_and_only_where_a_daemon_lives(command: Command) -> None:
    refused = command.inside("sync", "--detach")
    assert refused.code == 1
    assert "has never run" in refused.err
    assert "vector-pipeline dev" in refused.err
    with instance_of(command) as instance:
        pretend_daemon(instance)
    first = command.inside("sync", "--detach", "--json").json()
    assert [run["source"] for run in first["runs"]] == ["local_files/notes"]
    assert first["runs"][0]["new"]
    again = command.inside("sync", "--detach", "--priority", "55")
    assert first["runs"][0]["run_id"] in again.out
    assert "was asked for already" in again.out
    shown = command.inside("queue", "status", "--json").json()
    assert [run["priority"] for run in shown["runs"]] == [55]
    canceled = command.inside("queue", "cancel", "--all-queued", "--json").json()
    assert [run["run_id"] for run in canceled["runs"]] == [first["runs"][0]["run_id"]]
    retried = command.inside("queue", "retry", first["runs"][0]["run_id"][:12], "--json").json()
    assert retried["parent_run_id"] == first["runs"][0]["run_id"]
    assert not retried["from_failure"]


def test_watching_tells_how_a_run_ended_and_fails_with_it(command: Command) -> None:
    assert "no run is queued or under way" in command.inside("watch").out
    assert command.inside("sync").code == 0
    with instance_of(command) as instance:
        done = next(run.run_id for run in instance.get_runs() if run.job_name == "sync_local_files")
        pretend_daemon(instance)
        canceled = enqueue(instance, "notes")
        instance.run_coordinator.cancel_run(canceled)
    good = command.inside("watch", done[:12])
    assert good.code == 0
    assert "local_files/notes: done; success in" in good.out
    assert "1 document added" in good.out
    bad = command.inside("watch", canceled, done, "--json")
    assert bad.code == 1
    assert [run["state"] for run in bad.json()["runs"]] == ["canceled", "done"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("queue", "cancel"), 2, "name a run, or give --all-queued"),
        (("queue", "cancel", "nosuch"), 1, "queue status"),
        (("queue", "retry", "nosuch"), 1, "no run begins with"),
        (("watch", "nosuch"), 1, "no run begins with"),
        (("watch", "x", "--source", "local_files/notes"), 2, "not both"),
        (("watch", "--source", "local_files/other"), 2, "no source 'local_files/other'"),
        (("sync", "--priority", "3"), 2, "--priority goes with --detach"),
    ],
)
def test_a_wrong_word_is_answered_in_a_line_with_what_to_do(
    command: Command, words: tuple[str, ...], code: int, said: str
) -> None:
    answer = command.inside(*words)
    assert answer.code == code
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_an_instance_with_another_run_coordinator_is_not_said_to_be_paused(command: Command) -> None:
    write(command.project.folder, {"dagster.yaml": "telemetry:\n  enabled: false\n"})
    answer = command.inside("queue", "pause")
    assert answer.code == 2
    assert "run_coordinator" in answer.err
