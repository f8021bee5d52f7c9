"""Dagster's own records: which runs may be deleted, what goes with them, and what stays as it was."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.consistency.prunable import Prunable, find_all, free_all
from vector_pipeline.orchestration.prune_job import PRUNE_JOB
from vector_pipeline.orchestration.retention import FILES, RUNS, EndedRun, dagster_kinds, plan_runs
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, definitions, write

NOW = datetime(2026, 3, 1, tzinfo=UTC)

ENDED = st.lists(
    st.builds(
        EndedRun,
        run_id=st.integers(0, 99).map(str),
        job=st.sampled_from(["sync_git", "check"]),
        succeeded=st.booleans(),
        ended_at=st.integers(0, 90).map(lambda days: NOW - timedelta(days=days)),
    ),
    max_size=12,
    unique_by=lambda run: run.run_id,
)


@given(ENDED, st.sets(st.integers(0, 99).map(str), max_size=3), st.integers(0, 90))
def test_the_latest_of_each_job_stays_and_what_makes_the_present_state(
    runs: list[EndedRun], kept: set[str], days: int
) -> None:
    before = NOW - timedelta(days=days)
    gone = plan_runs(runs, kept, before)
    assert all(run.ended_at <= before and run.run_id not in kept for run in gone)
    assert [run.ended_at for run in gone] == sorted(run.ended_at for run in gone)
    left = [run for run in runs if run not in gone]
    for job in {run.job for run in runs}:
        for wanted in ([True, False], [True]):
            before_it = [run.ended_at for run in runs if run.job == job and run.succeeded in wanted]
            after_it = [run.ended_at for run in left if run.job == job and run.succeeded in wanted]
            assert max(after_it, default=None) == max(before_it, default=None)


def freed(instance: dg.DagsterInstance, data_dir: Path, days: int, *, dry_run: bool = False) -> dict[str, Prunable]:
    kinds = dagster_kinds(instance, data_dir, datetime.now(UTC) + timedelta(days=days), timedelta(days=60))
    return {one.kind: one for one in (find_all(kinds) if dry_run else free_all(kinds))}


def orphaned_tags(home: Path) -> int:
    with closing(sqlite3.connect(home / "history" / "runs.db")) as database:
        query = "SELECT count(*) FROM run_tags WHERE run_id NOT IN (SELECT run_id FROM runs)"
        return int(database.execute(query).fetchone()[0])


def test_old_runs_go_and_what_the_present_state_was_made_by_stays(
    dagster_project: DagsterProject, tmp_path: Path
) -> None:
    project, instance = dagster_project.project, dagster_project.instance
    notes, other = tmp_path / "notes", tmp_path / "other"
    for name, place in (("other", other), ("notes", notes)):
        project.add_folder(name, place, observe_every="0.001s")
    write(other, "b.md", "Trains run on rails.")
    write(notes, "a.md", "Boat number 0 sails.")
    dagster_project.settle()
    for number in (1, 2):
        write(notes, "a.md", f"Boat number {number} sails.")
        assert dagster_project.settle() == ["notes"]
    before = {run.run_id for run in instance.get_runs()}
    files = tmp_path / "dagster" / "history" / "runs"
    assert len(before) == 4
    assert freed(instance, project.data, 59, dry_run=True)[RUNS].number == 0
    shown = freed(instance, project.data, 61, dry_run=True)[RUNS]
    assert (shown.number, len(instance.get_runs())) == (2, 4)
    gone = freed(instance, project.data, 61)[RUNS]
    assert (gone.number, gone.size) == (2, shown.size)
    left = {run.run_id for run in instance.get_runs()}
    assert len(left) == 2
    assert {path.stem for path in files.glob("*-*.db")} == left
    assert (files / ".db").exists(), "what sensors reported is of no run"
    assert orphaned_tags(tmp_path / "dagster") == 0
    for key in ("notes", "other"):
        assert set(dagster_project.staleness(key).values()) == {"FRESH"}
        assert dagster_project.materialization(key, "points")
    assert dagster_project.wants() == []
    write(notes, "a.md", "Boat number 9 sails.")
    assert dagster_project.settle() == ["notes"]


def test_logs_and_files_that_deleted_runs_leave_go_too(tmp_path: Path) -> None:
    @dg.op
    def talk() -> None:
        print("hello")

    @dg.job(executor_def=dg.in_process_executor)
    def talking() -> None:
        talk()

    home, data = tmp_path / "home", tmp_path / "data"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    (data / "runs").mkdir(parents=True)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        first, second, third = (talking.execute_in_process(instance=instance).run_id for _ in range(3))
        logs = home / "storage"
        assert {path.name for path in logs.iterdir()} == {first, second, third}
        instance.delete_run(first)  # as the UI does it
        (data / "runs" / f"{first}.lock").touch()
        assert freed(instance, data, 0)[FILES].number == 1, "the lock; a young file is left alone"
        assert list((data / "runs").iterdir()) == []
        assert freed(instance, data, 2)[FILES].number == 1
        assert freed(instance, data, 61)[RUNS].number == 1
        assert {path.name for path in logs.iterdir()} == {third}
        assert {path.stem for path in (home / "history" / "runs").glob("*.db")} == {third, "index"}
        assert [run.run_id for run in instance.get_runs()] == [third]


def test_the_job_shows_first_and_removes_when_told(dagster_project: DagsterProject, tmp_path: Path) -> None:
    project, instance = dagster_project.project, dagster_project.instance
    project.settings["retention"] = {"embeddings": "0.001s", "history": "0.001s"}
    project.add_folder("notes", tmp_path / "notes", observe_every="0.001s")
    for text in ("Boats sail.", "Boats sink."):
        write(tmp_path / "notes", "a.md", text)
        dagster_project.settle()
    job = definitions().resolve_job_def(PRUNE_JOB)

    def run(config: dict[str, object]) -> dict[str, object]:
        done = job.execute_in_process(instance=instance, run_config={"ops": {"remove": {"config": config}}})
        (output,) = [event for event in done.all_events if event.event_type_value == "STEP_OUTPUT"]
        return {name: value.value for name, value in output.step_output_data.metadata.items()}

    shown = run({})
    assert (shown["dry_run"], shown["number"]) == (True, 3)
    assert "| history entries | 3 |" in str(shown["table"])
    assert run({})["number"] == 3, "nothing was removed"
    assert run({"dry_run": False})["number"] == 3
    assert run({"dry_run": False})["number"] == 2, "what the first had noted: a body and its passage"
    assert run({})["number"] == 0


def test_the_schedule_is_off_unless_the_settings_turn_it_on(dagster_project: DagsterProject) -> None:
    from vector_pipeline.definitions import defs

    def status() -> dg.DefaultScheduleStatus:
        return defs().get_repository_def().get_schedule_def("prune_weekly").default_status

    assert status() == dg.DefaultScheduleStatus.STOPPED
    dagster_project.project.settings["retention"] = {"schedule": True}
    dagster_project.project.write()
    assert status() == dg.DefaultScheduleStatus.RUNNING
