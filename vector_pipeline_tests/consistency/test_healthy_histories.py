"""Whatever people do to a source and however runs end, checks of sources and histories raise no alarm."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline.consistency.check_file import all_checks
from vector_pipeline.consistency.checks import look_at, run_check
from vector_pipeline.errors import PipelineError
from vector_pipeline.sync.runner import run_stage, sync_partition
from vector_pipeline.sync.stages import STAGES, Options
from vector_pipeline_tests.git_repository import GitRepository
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.sync.exactness import scratch_folder

NOTES = "local_files/notes"
CHECKS = ("deletions_plausible", "history_consistent", "quarantine_bounded", "sources_in_sync")

names = st.integers(0, 5)
edits = st.one_of(
    st.tuples(st.just("write"), names, st.integers(0, 2)),
    st.tuples(st.just("delete"), names, st.just(0)),
    st.tuples(st.just("rename"), names, names),
    st.tuples(st.just("break"), names, st.just(0)),
)
runs = st.one_of(
    st.sampled_from(["sync", "full", "allowed", "stopped"]),
    st.sampled_from(STAGES),
)


def edit(folder: Path, what: str, name: int, argument: int) -> None:
    note = folder / f"{name}.md"
    if what == "write":
        note.write_text(f"# {name}\n\nVersion {argument}.\n")
    elif what == "break":
        (folder / f"{name}.pdf").write_text("no PDF")
    elif not note.exists():
        return
    elif what == "delete":
        note.unlink()
    else:
        note.rename(folder / f"{argument}.md")


@settings(max_examples=6)
@given(st.lists(st.tuples(st.lists(edits, max_size=6), runs), min_size=1, max_size=5))
def test_no_legitimate_history_is_an_offence(rounds: list[tuple[list[tuple[str, int, int]], str]]) -> None:
    with scratch_folder() as scratch:
        project = Project(scratch / "project", {"limits": {"brake_documents": 1, "brake_share": 0.3}})
        project.add_folder("notes", scratch / "notes")
        with project.open() as pipeline:
            for number, (changes, run) in enumerate(rounds):
                for change in changes:
                    edit(scratch / "notes", *change)
                options = Options(full=run == "full", allow_deletions=run == "allowed")
                try:
                    if run in STAGES:
                        run_stage(pipeline, run, NOTES, str(number), options)
                    elif run == "stopped":
                        for stage in STAGES[:2]:
                            run_stage(pipeline, stage, NOTES, str(number), options)
                    else:
                        sync_partition(pipeline, NOTES, str(number), options)
                except PipelineError:
                    assert not options.allow_deletions
            look = look_at(pipeline)
            for name in CHECKS:
                assert run_check(all_checks()[name], look).offending.rows() == []


def test_a_branch_that_was_pushed_by_force_is_no_offence(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "repository")
    first = repository.write("a.md", "# A\n\nFirst.\n").write("b.md", "# B\n\nFirst.\n").commit("first")
    project = Project(tmp_path / "project")
    project.add_git("handbook", repository.url)
    project.sync()
    repository.write("a.md", "# A\n\nSecond.\n").delete("b.md").write("c.md", "# C\n\nSecond.\n").commit("second")
    project.sync()
    repository.reset(first).write("d.md", "# D\n\nThird.\n").commit("another second")
    project.sync()
    with project.open() as pipeline:
        look = look_at(pipeline)
        for name in CHECKS:
            assert run_check(all_checks()[name], look).offending.rows() == []
