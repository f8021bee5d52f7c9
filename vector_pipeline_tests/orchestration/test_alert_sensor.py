"""What the alert sensor tells, tick by tick, of troubles in a real instance and a real project."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from vector_pipeline.orchestration import alert_runs
from vector_pipeline.orchestration.alert_sensor import SENSOR
from vector_pipeline.orchestration.names import INTERACTIVE_TAG
from vector_pipeline.orchestration.private import MAX_RETRIES_TAG, WILL_RETRY_TAG
from vector_pipeline_tests.alerts.receivers import HttpReceiver, http_receiver
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, write

SECRET_WORDS = "The zebra's own secret words"
CHECKS = {True: "quarantine_empty", False: "points_match_state"}
"""A check on the points of a source, and one of the collection."""

FAILED = "opened: ERROR local_files/notes: the run failed"


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as opened:
        yield opened


@pytest.fixture
def notes(tmp_path: Path, dagster_project: DagsterProject, receiver: HttpReceiver) -> Path:
    """The folder of the source `notes`, known to the store; troubles go to the receiver."""
    dagster_project.project.settings["alerts"] = {"webhook": {"hook": {"url": receiver.url}}}
    dagster_project.project.add_folder("notes", tmp_path / "notes", observe_every="1s")
    with dagster_project.project.open() as pipeline:
        pipeline.store.partition("local_files/notes")
    return tmp_path / "notes"


def told(project: DagsterProject, receiver: HttpReceiver, ticks: int = 1) -> list[str]:
    """What so many ticks tell."""
    before = len(receiver.requests)
    for _ in range(ticks):
        project.evaluate(SENSOR)
    for _, _, body in receiver.requests[before:]:
        assert "zebra" not in json.dumps(body)
    return receiver.events[before:]


def end_run(
    project: DagsterProject, key: str = "notes", *, well: bool = False, tags: dict[str, str] | None = None
) -> str:
    """A run of the sync job that nothing executed and that ended so; it is not tried again unless tags say so."""
    all_tags = {"dagster/partition": key, MAX_RETRIES_TAG: "0", **(tags or {})}
    run_id = project.start_unfinished_run("sync_local_files", all_tags)
    run = project.instance.get_run_by_id(run_id)
    assert run is not None
    if well:
        event = dg.DagsterEvent(dg.DagsterEventType.PIPELINE_SUCCESS.value, job_name=run.job_name)
        project.instance.report_dagster_event(event, run_id)
    else:
        project.instance.report_run_failed(run)
    return run_id


def cursor(project: DagsterProject) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(project.cursors[SENSOR] or "{}")
    return found


def backdate(project: DagsterProject, **changes: Any) -> None:
    """Puts other values into the sensor's cursor, as if time had passed."""
    project.cursors[SENSOR] = json.dumps({**cursor(project), **changes})


def test_the_life_of_a_source_is_told_trouble_by_trouble(
    dagster_project: DagsterProject, notes: Path, receiver: HttpReceiver, tmp_path: Path
) -> None:
    dagster_project.project.settings["limits"] = {"brake_documents": 0, "brake_share": 0}
    dagster_project.project.write()
    write(notes, "one.md", SECRET_WORDS)
    write(notes, "two.md", "Another note.")
    dagster_project.instance.add_dynamic_partitions("local_files_sources", ["notes"])
    assert dagster_project.run("local_files", "notes").success
    assert told(dagster_project, receiver) == []

    notes.rename(tmp_path / "away")
    failed = dagster_project.run("local_files", "notes", tags={INTERACTIVE_TAG: "true"})
    assert not failed.success
    assert told(dagster_project, receiver) == [], "whoever waited for it has seen it"
    (tmp_path / "away").rename(notes)

    (notes / "two.md").unlink()
    pulled = dagster_project.run("local_files", "notes")
    assert not pulled.success
    assert told(dagster_project, receiver, 2) == ["opened: ERROR local_files/notes: the brake holds back 1 deletions"]
    [notice] = receiver.bodies[-1]["notices"]
    assert "--allow-deletions" in notice["facts"]["error"]
    assert notice["link"] == f"http://127.0.0.1:3000/runs/{pulled.run_id}"

    with dagster_project.project.open() as pipeline:
        pipeline.index.delete_source(pipeline.collection, "local_files/notes")
    tags = {"vector_pipeline/allow_deletions": "true"}
    assert not dagster_project.run("local_files", "notes", tags=tags).success
    opened = told(dagster_project, receiver)
    assert "opened: ERROR local_files/notes: the check counts_match of local_files/points fails" in opened
    assert FAILED not in opened, "it was the check that ended the run"
    assert any(
        notice["link"].endswith("/assets/local_files/points?view=checks&checkDetail=counts_match")
        and notice["facts"]["offenders"] == 1
        for body in receiver.bodies
        for notice in body["notices"]
    )

    assert dagster_project.run("local_files", "notes").success
    assert not [line for line in told(dagster_project, receiver) if "counts_match" in line], "it may come back at once"
    over = told(dagster_project, receiver, 3)
    assert [line for line in over if line.startswith("resolved: OVER local_files/notes: the check counts_match")]
    assert told(dagster_project, receiver, 2) == []


def check_result(source: str | None, *, passed: bool) -> dg.AssetCheckEvaluation:
    """An answer of a check of the collection, or of one on the points of a source."""
    key = ["local_files", "points"] if source else ["qdrant", "collection"]
    metadata = {} if passed else {"offenders": dg.MetadataValue.int(2), "text": dg.MetadataValue.text(SECRET_WORDS)}
    if source and not passed:
        metadata[f"offenders_in_local_files/{source}"] = dg.MetadataValue.int(2)
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(key),
        check_name=CHECKS[bool(source)],
        passed=passed,
        metadata=metadata,
        description=SECRET_WORDS,
    )


def answer(project: DagsterProject, source: str | None, *, passed: bool) -> None:
    """A run that ended well, with one answer of a check in it."""
    tags = {"dagster/partition": source or ""}
    run_id = project.start_unfinished_run("sync_local_files" if source else "check_collection", tags)
    event = dg.DagsterEvent(
        dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
        job_name="sync_local_files",
        event_specific_data=check_result(source, passed=passed),
    )
    project.instance.report_dagster_event(event, run_id)
    ended = dg.DagsterEvent(dg.DagsterEventType.PIPELINE_SUCCESS.value, job_name="sync_local_files")
    project.instance.report_dagster_event(ended, run_id)


def test_a_check_of_one_source_does_not_end_the_trouble_of_another(
    dagster_project: DagsterProject, notes: Path, receiver: HttpReceiver, tmp_path: Path
) -> None:
    dagster_project.project.add_folder("more", tmp_path / "more")
    assert told(dagster_project, receiver) == []
    answer(dagster_project, "notes", passed=False)
    answer(dagster_project, "more", passed=True)
    answer(dagster_project, None, passed=False)
    assert sorted(told(dagster_project, receiver, 4)) == [
        "opened: ERROR local_files/notes: the check quarantine_empty of local_files/points fails",
        "opened: ERROR the check points_match_state of qdrant/collection fails",
    ]
    answer(dagster_project, None, passed=True)
    [over] = told(dagster_project, receiver, 3)
    assert "OVER the check points_match_state of qdrant/collection" in over
    answer(dagster_project, "notes", passed=True)
    [over] = told(dagster_project, receiver, 3)
    assert "OVER local_files/notes" in over


def test_a_failed_run_is_told_once_with_its_link_and_once_when_it_is_over(
    dagster_project: DagsterProject, notes: Path, receiver: HttpReceiver
) -> None:
    assert told(dagster_project, receiver) == []
    run_id = end_run(dagster_project)
    assert told(dagster_project, receiver, 3) == [FAILED]
    assert receiver.bodies[0]["link"] == f"http://127.0.0.1:3000/runs/{run_id}"
    assert receiver.bodies[0]["notices"][0]["source"] == "local_files/notes"
    end_run(dagster_project)
    assert told(dagster_project, receiver) == [], "it is the same trouble"
    end_run(dagster_project, well=True)
    assert told(dagster_project, receiver) == [], "it may come back at once"
    [over] = told(dagster_project, receiver, 3)
    assert over.startswith("resolved: OVER local_files/notes: the run failed, after ")


def test_a_run_that_someone_waits_for_or_stopped_or_that_is_tried_again_is_no_trouble(
    dagster_project: DagsterProject, notes: Path, receiver: HttpReceiver
) -> None:
    end_run(dagster_project, tags={INTERACTIVE_TAG: "true"})
    stopped = dagster_project.start_unfinished_run("sync_local_files", {"dagster/partition": "notes"})
    run = dagster_project.instance.get_run_by_id(stopped)
    assert run is not None
    dagster_project.instance.report_run_canceled(run)
    retried = end_run(dagster_project, tags={MAX_RETRIES_TAG: "2"})
    run = dagster_project.instance.get_run_by_id(retried)
    assert run is not None
    assert run.tags[WILL_RETRY_TAG] == "true", "what has no failed step is taken for a crash"
    assert told(dagster_project, receiver) == []
    end_run(dagster_project)
    assert told(dagster_project, receiver) == [FAILED]


def test_a_tag_put_on_an_old_failure_does_not_bring_it_back(
    dagster_project: DagsterProject, notes: Path, receiver: HttpReceiver
) -> None:
    failed = end_run(dagster_project)
    end_run(dagster_project, well=True)
    assert told(dagster_project, receiver) == []
    # As if both had ended half a minute before the last look.
    backdate(dagster_project, runs={**cursor(dagster_project)["runs"], "until": time.time() + 20, "read": []})
    dagster_project.instance.run_storage.add_run_tags(failed, {"note": "looked at"})
    run_storage: Any = dagster_project.instance.run_storage
    with run_storage.connect() as connection:
        connection.exec_driver_sql(
            "UPDATE runs SET update_timestamp = ? WHERE run_id = ?",
            (datetime.fromtimestamp(time.time() + 30, UTC).replace(tzinfo=None).isoformat(" "), failed),
        )
    assert told(dagster_project, receiver, 2) == []


def test_a_source_behind_its_limit_is_told_and_one_that_just_changed_is_not(
    dagster_project: DagsterProject, notes: Path, receiver: HttpReceiver
) -> None:
    def pretend(built: str, observed: str) -> None:
        with dagster_project.project.open() as pipeline:
            pid = pipeline.store.partition("local_files/notes").partition_id
            number = pipeline.store.begin_ingestion(pid, "a-run", "auto")
            pipeline.store.record_scan(pid, version=built, cursor={}, settings_hash=b"", census_at=None)
            pipeline.store.finish_ingestion(number, status="success", counts={}, seconds=0.0)
            pipeline.store.record_observation(pid, observed, datetime.now(UTC))

    pretend("v1", "v2")
    assert told(dagster_project, receiver, 2) == []
    assert list(cursor(dagster_project)["behind"]) == ["local_files/notes"]
    long_ago = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    backdate(dagster_project, behind={"local_files/notes": long_ago})
    assert told(dagster_project, receiver, 2) == [
        "opened: WARNING local_files/notes is behind for longer than its limit of 1 h"
    ]
    pretend("v2", "v2")
    [over] = told(dagster_project, receiver, 3)
    assert "OVER local_files/notes is behind" in over


def test_the_first_look_tells_what_is_wrong_now_and_not_what_was(
    dagster_project: DagsterProject, notes: Path, receiver: HttpReceiver, tmp_path: Path
) -> None:
    dagster_project.project.add_folder("more", tmp_path / "more")
    with dagster_project.project.open() as pipeline:
        pid = pipeline.store.partition("local_files/more").partition_id
        end_run(dagster_project)
        end_run(dagster_project, well=True)
        run_id = end_run(dagster_project, "more")
        number = pipeline.store.begin_ingestion(pid, run_id, "auto")
        said = "documents: local_files/more: no such folder; mount it"
        pipeline.store.finish_ingestion(number, status="failed", counts={}, seconds=0.0, error=said)
    assert told(dagster_project, receiver, 2) == ["opened: ERROR local_files/more: the run failed"]
    assert receiver.bodies[0]["notices"][0]["facts"] == {"error": said}


def test_troubles_of_a_source_that_is_gone_are_over(
    dagster_project: DagsterProject, notes: Path, receiver: HttpReceiver
) -> None:
    end_run(dagster_project)
    assert told(dagster_project, receiver) == [FAILED]
    dagster_project.project.remove("local_files/notes")
    assert told(dagster_project, receiver, 2) == [], "it is still held"
    with dagster_project.project.open() as pipeline:
        pipeline.store.drop_partition("local_files/notes")
    [over] = told(dagster_project, receiver, 2)
    assert "OVER" in over


def test_an_endpoint_that_fails_is_told_when_it_comes_back_and_never_twice(
    dagster_project: DagsterProject, notes: Path, receiver: HttpReceiver
) -> None:
    end_run(dagster_project)
    receiver.fault = "refuse"
    assert told(dagster_project, receiver, 2) == []
    assert receiver.asked == 1, "it is left alone for a while"
    receiver.fault = ""
    book = cursor(dagster_project)["book"]
    backdate(dagster_project, book={**book, "health": {}})
    assert told(dagster_project, receiver, 3) == [FAILED]


def test_a_state_store_that_can_not_be_read_is_told_and_ends_nothing(
    dagster_project: DagsterProject, notes: Path, receiver: HttpReceiver
) -> None:
    assert told(dagster_project, receiver) == []
    backdate(dagster_project, behind={"local_files/notes": (datetime.now(UTC) - timedelta(hours=2)).isoformat()})
    assert len(told(dagster_project, receiver)) == 1
    state = dagster_project.project.data / "state.sqlite3"
    state.rename(state.with_suffix(".away"))
    state.write_bytes(b"this is not a database" * 1000)
    assert told(dagster_project, receiver, 3) == [
        "opened: ERROR the state store can't be read: see `vector-pipeline status`"
    ]
    state.with_suffix(".away").replace(state)
    [over] = told(dagster_project, receiver, 3)
    assert "OVER the state store" in over


def test_a_cursor_of_another_form_is_taken_as_none(
    dagster_project: DagsterProject, notes: Path, receiver: HttpReceiver
) -> None:
    for strange in ("", "[1]", "{", '{"version": 1, "book": 3}', '{"version": 99}'):
        dagster_project.cursors[SENSOR] = strange
        assert told(dagster_project, receiver) == []


def test_without_a_channel_a_tick_does_nothing(dagster_project: DagsterProject) -> None:
    assert dagster_project.evaluate(SENSOR).skipped == "the settings name no channel for alerts"


def test_a_run_is_read_once_however_many_ticks_follow(
    dagster_project: DagsterProject, notes: Path, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(alert_runs._Reader, "read", lambda _, record, **__: read.append(record.dagster_run.run_id))
    ended = [end_run(dagster_project, well=True) for _ in range(5)]
    assert told(dagster_project, receiver) == []
    assert read == ended
    ended.append(end_run(dagster_project, well=True))
    assert told(dagster_project, receiver, 3) == []
    assert read == ended
