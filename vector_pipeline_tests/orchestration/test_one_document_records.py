"""A document brought in beside Dagster: its records are not called wrong, and its next run takes everything up."""

from __future__ import annotations

from pathlib import Path

from vector_pipeline.consistency.check_file import all_checks
from vector_pipeline.consistency.checks import look_at, run_check
from vector_pipeline.orchestration.names import partitions_of
from vector_pipeline.orchestration.records import with_records
from vector_pipeline.sync.one_document import bring_in
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, write

NOTES = "local_files/notes"


def offences(running: DagsterProject) -> list[str]:
    with running.project.open() as pipeline:
        look = with_records(look_at(pipeline), running.instance)
        return list(run_check(all_checks()["history_consistent"], look).offending["why"].to_list())


def test_a_document_brought_in_beside_dagster_is_no_fault_of_its_records(tmp_path: Path) -> None:
    with DagsterProject.open(tmp_path) as running:
        running.project.add_folder("notes", tmp_path / "notes")
        running.instance.add_dynamic_partitions(str(partitions_of("local_files").name), ["notes"])
        write(tmp_path / "notes", "a.md", "Text of a.")
        assert running.run("local_files", "notes").success
        write(tmp_path / "notes", "b.md", "Text of b.")
        with running.project.open() as pipeline, pipeline.source(NOTES) as source:
            bring_in(pipeline, NOTES, source, b"b.md")
        assert offences(running) == []
        assert running.run("local_files", "notes").success
        assert offences(running) == []
        assert running.project.paths() == {"a.md", "b.md"}
