"""Stages run in any order, by runs that overlap, while files change: what is due afterwards always ends exact."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vector_pipeline.sync.runner import run_stage
from vector_pipeline.sync.stages import CHUNKS, DOCUMENTS, EMBEDDINGS, POINTS, STAGES
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.sync.exactness import assert_exact, scratch_folder, settle

PARTITION = "local_files/notes"
FILES = ("a.md", "b.md", "c.md")

steps = st.one_of(
    st.sampled_from(STAGES),
    st.tuples(st.sampled_from(FILES), st.sampled_from(["one", "two", "two\n\n## More\n\nthree", ""])),
)


def carry_out(project: Project, notes: Path, step: str | tuple[str, str]) -> None:
    """Runs a stage by itself, or writes a file ("" removes it)."""
    if isinstance(step, str):
        with project.open() as pipeline:
            run_stage(pipeline, step, PARTITION, "some run")
        return
    name, words = step
    if words:
        (notes / name).write_text(f"# {name}\n\nIt says {words}.\n")
    else:
        (notes / name).unlink(missing_ok=True)


@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, min_size=1, max_size=12))
@example([DOCUMENTS, CHUNKS, EMBEDDINGS, ("a.md", "two"), DOCUMENTS, POINTS])
@example([DOCUMENTS, CHUNKS, ("b.md", "two"), DOCUMENTS, EMBEDDINGS, POINTS, CHUNKS])
@example([DOCUMENTS, CHUNKS, POINTS, EMBEDDINGS])
@example([POINTS, EMBEDDINGS, CHUNKS, DOCUMENTS])
def test_whatever_is_due_after_stages_in_any_order_ends_exact(history: list[str | tuple[str, str]]) -> None:
    with scratch_folder() as folder:
        project = Project(folder / "project")
        notes = folder / "notes"
        project.add_folder("notes", notes)
        for name in FILES:
            carry_out(project, notes, (name, "one"))
        for step in history:
            carry_out(project, notes, step)
        settle(project, PARTITION)
        assert_exact(project)
