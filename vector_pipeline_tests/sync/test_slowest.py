"""The slowest documents of a run are kept, a few per stage, with their run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.sync.slowest import KEPT, Slowest, keeping_slowest, note_duration
from vector_pipeline_tests.project import Project


@given(st.lists(st.tuples(st.sampled_from(["documents", "chunks"]), st.floats(0, 1e6)), max_size=100))
def test_the_slowest_of_each_stage_are_kept(told: list[tuple[str, float]]) -> None:
    slowest = Slowest()
    for number, (stage, seconds) in enumerate(told):
        slowest.note(stage, number.to_bytes(16), seconds, 1)
    for stage in ("documents", "chunks"):
        expected = sorted((seconds for of, seconds in told if of == stage), reverse=True)[:KEPT]
        assert [row.seconds for row in slowest.rows() if row.stage == stage] == expected


def test_what_is_told_outside_of_a_run_goes_nowhere() -> None:
    note_duration("documents", bytes(16), 1.0, 1)
    with keeping_slowest() as slowest:
        pass
    assert slowest.rows() == []


def test_a_run_leaves_behind_which_documents_took_longest(folder: Path) -> None:
    project = Project(folder / "project")
    project.add_folder("notes", folder / "notes")
    for number in range(KEPT + 5):
        (folder / "notes" / f"{number}.md").write_text(f"# Page {number}\n\nWords.\n")
    project.sync()
    with project.open() as pipeline:
        rows = pipeline.store.slowest(100, datetime.now(UTC) - timedelta(hours=1))
    assert len(rows) == KEPT
    assert {row.stage for row in rows} == {"documents"}
    assert all(row.title.startswith("Page") and row.seconds >= 0 and row.size > 0 for row in rows)
