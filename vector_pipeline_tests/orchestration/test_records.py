"""What Dagster shows as made is compared with the store: a run that it knows and the store does not is told."""

from __future__ import annotations

from pathlib import Path

from vector_pipeline.consistency.check_file import all_checks
from vector_pipeline.consistency.checks import look_at, run_check
from vector_pipeline.orchestration.names import partitions_of
from vector_pipeline.orchestration.records import with_records
from vector_pipeline_tests.consistency.answers import change_store, undone
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, write

NOTES = "local_files/notes"

DAMAGE = {
    "DELETE FROM ingestion_history WHERE ingestion_no = 2": "the history of runs does not know it",
    "UPDATE ingestion_history SET status = 'running' WHERE ingestion_no = 2": "in the history as running",
    "UPDATE partitions SET revision = 1": "built revision 2 according to Dagster; the store is at 1",
    "DELETE FROM documents WHERE document_no = 1": "left 2 documents according to Dagster; 1 are there",
}


def offences(running: DagsterProject) -> list[str]:
    with running.project.open() as pipeline:
        look = with_records(look_at(pipeline), running.instance)
        result = run_check(all_checks()["history_consistent"], look)
        assert set(result.offending["partition"]) <= {NOTES}
        return list(result.offending["why"].to_list())


def test_what_dagster_shows_and_the_store_does_not_know_is_told(tmp_path: Path) -> None:
    with DagsterProject.open(tmp_path) as running:
        folder = tmp_path / "notes"
        running.project.add_folder("notes", folder)
        running.instance.add_dynamic_partitions(str(partitions_of("local_files").name), ["notes"])
        assert offences(running) == []
        for name in ("a.md", "b.md"):
            write(folder, name, f"Text of {name}.")
            assert running.run("local_files", "notes").success
            assert offences(running) == []
        for damage, found in DAMAGE.items():
            with undone(running.project):
                change_store(running.project, damage)
                told = offences(running)
                assert any(found in why for why in told), told
        # Dagster keeps what it recorded of a source that was removed, and added again.
        with running.project.open() as pipeline:
            pipeline.store.drop_partition(NOTES)
        assert offences(running) == []
        with running.project.open() as pipeline:
            pipeline.store.begin_ingestion(pipeline.store.partition(NOTES).partition_id, "another", "auto")
        assert offences(running) == []
