"""The asset chain in runs: versions, staleness, metadata, the checks that stop a run, and pools."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from vector_pipeline.consistency.check_file import all_checks
from vector_pipeline.consistency.checks import run_check
from vector_pipeline.consistency.frames import FRAMES
from vector_pipeline.consistency.look import Look
from vector_pipeline.documents import hash16
from vector_pipeline.orchestration.names import source_key
from vector_pipeline.sync.cursors import record_revision
from vector_pipeline.sync.stages import STAGES
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, evaluations, executed, write

FRESH = dict.fromkeys(STAGES, "FRESH")


@pytest.fixture
def notes(tmp_path: Path, dagster_project: DagsterProject) -> Path:
    """The folder of the source `notes`, synced, with three documents."""
    folder = tmp_path / "notes"
    for number in range(3):
        write(folder, f"{number}.md", f"Note number {number} is about topic{number}.")
    dagster_project.project.add_folder("notes", folder, observe_every="1s")
    assert dagster_project.settle() == ["notes"]
    return folder


def test_after_a_run_nothing_is_stale(dagster_project: DagsterProject, notes: Path) -> None:
    assert dagster_project.staleness("notes") == FRESH


def test_an_observed_change_makes_the_documents_stale_until_the_run(
    dagster_project: DagsterProject, notes: Path
) -> None:
    write(notes, "3.md", "One more.")
    assert dagster_project.wants() == ["notes"]
    assert dagster_project.staleness("notes")["documents"] == "STALE"
    assert dagster_project.run("local_files", "notes").success
    assert dagster_project.staleness("notes") == FRESH


def test_a_run_that_reads_more_than_was_observed_leaves_nothing_stale(
    dagster_project: DagsterProject, notes: Path
) -> None:
    """The source moves on between the sensor's tick and the scan of the run."""
    before = dagster_project.observed("notes")
    write(notes, "3.md", "Written after the last tick.")
    assert dagster_project.run("local_files", "notes").success
    assert dagster_project.observed("notes")[0] != before[0], "the run says what it has read"
    assert dagster_project.staleness("notes") == FRESH
    assert dagster_project.wants() == [], "there is nothing left to do"


def test_staleness_is_told_per_source(dagster_project: DagsterProject, notes: Path, tmp_path: Path) -> None:
    write(tmp_path / "other", "a.md", "Another folder.")
    dagster_project.project.add_folder("other", tmp_path / "other", observe_every="1s")
    assert dagster_project.settle() == ["other"]
    write(notes, "3.md", "Only this one changes.")
    dagster_project.tick()
    assert dagster_project.staleness("notes")["documents"] == "STALE"
    assert dagster_project.staleness("other") == FRESH


def test_a_run_without_work_changes_no_data_version(dagster_project: DagsterProject, notes: Path) -> None:
    def versions() -> list[str]:
        found = [dagster_project.materialization("notes", stage) for stage in STAGES]
        return [(materialization.tags or {})["dagster/data_version"] for materialization in found]

    before = versions()
    assert dagster_project.run("local_files", "notes").success
    assert versions() == before
    assert dagster_project.staleness("notes") == FRESH


def test_a_metadata_free_touch_is_cut_off_after_the_documents(dagster_project: DagsterProject, notes: Path) -> None:
    """A file written anew with the same text is a change of the source and of nothing below it."""
    write(notes, "0.md", "Note number 0 is about topic0.")
    assert dagster_project.wants() == ["notes"]
    assert dagster_project.run("local_files", "notes", stages=("documents",)).success
    assert {stage: state for stage, state in dagster_project.staleness("notes").items() if stage != "chunks"} == {
        stage: "FRESH" for stage in STAGES if stage != "chunks"
    }


def test_a_materialization_tells_what_was_done_in_numbers(dagster_project: DagsterProject, notes: Path) -> None:
    write(notes, "0.md", "Rewritten.")
    write(notes, "3.md", "Added.")
    (notes / "1.md").unlink()
    dagster_project.settle()
    documents = dagster_project.metadata("notes", "documents")
    assert {name: documents[name] for name in ("added", "changed", "deleted", "unchanged", "dagster/row_count")} == {
        "added": 1,
        "changed": 1,
        "deleted": 1,
        "unchanged": 1,
        "dagster/row_count": 3,
    }
    assert isinstance(documents["seconds"], float)
    assert "notes" in documents["url"]
    assert "| added | 1 |" in documents["summary"]
    embeddings = dagster_project.metadata("notes", "embeddings")
    assert (embeddings["embedded"], embeddings["reused"]) == (2, 1)
    assert embeddings["tokens"] > 0
    assert dagster_project.metadata("notes", "points")["dagster/row_count"] == 3


def test_counts_are_there_also_where_they_are_zero(dagster_project: DagsterProject, notes: Path) -> None:
    assert dagster_project.run("local_files", "notes").success
    documents = dagster_project.metadata("notes", "documents")
    assert [documents[name] for name in ("added", "changed", "deleted", "unchanged")] == [0, 0, 0, 3]
    for stage in STAGES:
        found = dagster_project.materialization("notes", stage).metadata
        numbers = (dg.IntMetadataValue, dg.FloatMetadataValue)
        assert isinstance(found["dagster/row_count"], numbers)
        assert isinstance(found["quarantined"], numbers)


def test_the_checks_of_a_good_run_pass(dagster_project: DagsterProject, notes: Path) -> None:
    found = evaluations(dagster_project.run("local_files", "notes"))
    assert set(found) == {
        "chunks_cover_documents",
        "no_empty_document",
        "counts_match",
        "payloads_valid",
        "vectors_valid",
        "quarantine_empty",
    }
    assert all(evaluation.passed for evaluation in found.values())


def test_a_document_without_chunks_stops_the_run_before_it_is_embedded(
    dagster_project: DagsterProject, notes: Path
) -> None:
    with dagster_project.project.open() as pipeline:
        store = pipeline.store
        partition = store.partition("local_files/notes")
        store.touch_documents(
            partition.partition_id, [store.known_documents(partition.partition_id)["document_id"].to_list()[0]]
        )
        [[document, *_], *_] = store.documents_to_chunk(
            partition.partition_id, after=partition.revision, chunking=store.chunking_no(hash16(b"another"))
        )
        store.replace_chunks(
            partition.partition_id, pipeline.chunking, [_cut_into_nothing(document.document_no, document)]
        )
        now = store.partition("local_files/notes")
        record_revision(store, now, "chunks", pipeline.chunks_config, now.revision)
    result = dagster_project.run("local_files", "notes")
    assert not result.success
    assert executed(result) == ["documents"]
    assert not evaluations(result)["no_empty_document"].passed
    with dagster_project.project.open() as pipeline:
        [last, *_] = pipeline.store.ingestions(limit=1)
    assert last.status == "failed"
    assert "has chunks" in last.error


def test_a_point_lost_behind_our_back_fails_the_run_that_meets_it(dagster_project: DagsterProject, notes: Path) -> None:
    with dagster_project.project.open() as pipeline:
        [lost, *_] = [row[0] for row in dagster_project.project.snapshot()]
        pipeline.index.delete(pipeline.collection, [lost])
    write(notes, "3.md", "A reason to run.")
    [request] = dagster_project.tick().requests
    result = dagster_project.run("local_files", str(request.partition_key))
    assert not result.success
    counts = evaluations(result)["counts_match"]
    assert not counts.passed
    assert "local_files/notes" in (counts.description or "")
    assert evaluations(result)["quarantine_empty"].passed
    with dagster_project.project.open() as pipeline:
        [last, *_] = pipeline.store.ingestions(limit=1)
    assert last.status == "failed"
    tags = {"vector_pipeline/full": "true"}
    assert dagster_project.run("local_files", "notes", tags=tags).success, "a full run repairs it"


def test_a_quarantined_document_shows_red_and_stops_nothing(dagster_project: DagsterProject, notes: Path) -> None:
    (notes / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    write(notes, "3.md", "A good one beside it.")
    assert dagster_project.wants() == ["notes"]
    result = dagster_project.run("local_files", "notes")
    assert result.success
    check = evaluations(result)["quarantine_empty"]
    assert not check.passed
    assert check.metadata["offenders"].value == 1
    assert "3.md" in dagster_project.project.paths()


def test_a_check_that_failed_for_a_moment_only_does_not_stop_the_run(
    dagster_project: DagsterProject, notes: Path
) -> None:
    """Another process may be between its points and their record; a second look waits until it is done."""
    with dagster_project.project.open() as pipeline:
        answers = iter([1, 0])

        def flickering(look: Look) -> pl.DataFrame:
            return FRAMES["counts"](look).with_columns(recorded=pl.col("recorded") + next(answers))

        look = Look(pipeline, {**FRAMES, "counts": flickering}, "local_files/notes")
        assert run_check(all_checks()["counts_match"], look).passed
    assert next(answers, None) is None


def test_places_in_pools_are_given_back(dagster_project: DagsterProject, notes: Path) -> None:
    storage = dagster_project.instance.event_log_storage
    assert {"local_files", "embedding", "index"} <= set(storage.get_concurrency_keys())
    for pool in storage.get_concurrency_keys():
        assert storage.get_concurrency_info(pool).claimed_slots == []


def test_a_killed_run_is_ended_and_its_places_in_pools_are_free_again(
    dagster_project: DagsterProject, notes: Path
) -> None:
    storage = dagster_project.instance.event_log_storage
    dead = [dagster_project.start_unfinished_run("sync_local_files", {"dagster/partition": "notes"}) for _ in range(2)]
    folder = dagster_project.project.data / "runs"
    for run_id in dead:
        assert storage.claim_concurrency_slot("local_files", run_id, "local_files__documents").is_claimed
        (folder / f"{run_id}.lock").touch()
    write(notes, "3.md", "Waits behind a run that is dead.")
    assert dagster_project.wants() == ["notes"]
    for run_id in dead:
        run = dagster_project.instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status == dg.DagsterRunStatus.FAILURE
    assert storage.get_concurrency_info("local_files").claimed_slots == []
    assert list(folder.glob("*.lock")) == []


def test_observing_by_hand_asks_every_source(dagster_project: DagsterProject, notes: Path) -> None:
    from vector_pipeline_tests.orchestration.dagster_project import definitions

    write(notes, "3.md", "Seen from the button in the UI.")
    before = len(dagster_project.observed("notes"))
    job = definitions().resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=dagster_project.instance, asset_selection=[source_key("local_files")], partition_key="notes"
    )
    assert result.success
    assert len(dagster_project.observed("notes")) == before + 1


def _cut_into_nothing(number: int, document: object) -> object:
    from vector_pipeline.state.records import Chunked

    return Chunked(number, document.content_hash, [])  # type: ignore[attr-defined]
