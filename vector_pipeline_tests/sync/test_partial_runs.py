"""Runs that bring in a part: what they say of it, what they cost, and what they do at sources of every kind."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vector_pipeline.consistency.repairing import Wanted, repair
from vector_pipeline.documents import document_id
from vector_pipeline.state.errors import StateCorrupt
from vector_pipeline.sync.due import IN_PART
from vector_pipeline.sync.errors import SyncError
from vector_pipeline.sync.history import ALLOWED
from vector_pipeline.sync.lateness import in_step_at, without_parts
from vector_pipeline.sync.observation import observe
from vector_pipeline.sync.one_document import read_again
from vector_pipeline.sync.runner import sync_partition
from vector_pipeline.sync.stages import Mode, Options, StageResult
from vector_pipeline_tests.consistency.answers import failing, offences
from vector_pipeline_tests.consistency.damage import in_store
from vector_pipeline_tests.git_repository import GitRepository, git
from vector_pipeline_tests.project import Project, counts
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sync.exactness import assert_consistent, assert_exact, due, quarantined, settle

NOTES = "local_files/notes"
TEXT_LOST = "DELETE FROM texts WHERE text_no = (SELECT text_no FROM documents WHERE title = 'Note b')"


@pytest.fixture
def project(folder: Path) -> Project:
    """A folder of four notes, in step."""
    made = Project(folder / "project")
    made.add_folder("notes", folder / "notes")
    for name in ("a", "b", "c", "d"):
        write(folder, name)
    made.let_age()
    made.sync()
    settle(made, NOTES)
    return made


def write(folder: Path, name: str, words: str = "as it was") -> None:
    (folder / "notes" / f"{name}.md").write_text(f"# Note {name}\n\nThe note {name} {words}.\n")


def run(project: Project, options: Options, partition: str = NOTES) -> list[StageResult]:
    with project.open() as pipeline:
        return sync_partition(pipeline, partition, str(uuid.uuid4()), options)


def mode(project: Project, partition: str = NOTES) -> str:
    with project.open() as pipeline:
        return pipeline.store.ingestions(pipeline.store.partition(partition).partition_id, 1)[0].mode


def left_out(results: list[StageResult]) -> Mapping[str, float]:
    found = counts(results, "documents")
    return {name.removeprefix("left out: "): number for name, number in found.items() if name.startswith("left out")}


def titles(project: Project) -> set[str]:
    with project.open() as pipeline:
        return {document.title for document in pipeline.store.find_documents(limit=100)}


# ---- what a run leaves behind


def test_a_run_that_leaves_nothing_out_is_as_good_as_a_usual_one(project: Project, folder: Path) -> None:
    write(folder, "a", "as it is now")
    project.let_age()
    results = run(project, Options(since=datetime.now(UTC) - timedelta(hours=1), limit=10))
    assert (counts(results, "documents")["changed"], left_out(results)) == (1, {})
    assert due(project, NOTES) is None, "no census follows"
    assert_exact(project)


def test_a_run_that_leaves_something_out_says_so_and_is_due_again_at_once(project: Project, folder: Path) -> None:
    write(folder, "new")
    write(folder, "a", "as it is now")
    (folder / "notes" / "b.md").unlink()
    project.let_age()
    results = run(project, Options(mode=Mode.ADD_ONLY, allow_deletions=True))
    assert left_out(results) == {"held documents": 1, "deletions": 1}
    assert mode(project) == f"add-only, {ALLOWED}"
    found = due(project, NOTES)
    assert found is not None
    assert found.reason == IN_PART
    assert_consistent(project)
    assert counts(run(project, Options()), "documents")["deleted"] == 1
    assert due(project, NOTES) is None


def test_a_run_that_selects_nothing_writes_nothing_and_hides_nothing(project: Project, folder: Path) -> None:
    write(folder, "a", "as it is now")
    project.let_age()
    before = project.snapshot()
    assert left_out(run(project, Options(only=("other/",)))) == {"other documents": 1}
    assert project.snapshot() == before
    found = due(project, NOTES)
    assert found is not None
    assert found.reason == IN_PART


def test_a_part_is_never_taken_for_being_in_step(project: Project, folder: Path) -> None:
    write(folder, "a", "as it is now")
    project.let_age()
    with project.open() as pipeline:
        observe(pipeline, [NOTES])
    run(project, Options(mode=Mode.ADD_ONLY))
    assert offences(project, "history_consistent") == offences(project, "deletions_plausible") == []
    assert offences(project, "sources_in_sync", later=timedelta(minutes=30)) == []
    (why,) = offences(project, "sources_in_sync", later=timedelta(hours=2))
    assert "changed at the source and was not brought in step (the last run brought in only a part)" in why
    with project.open() as pipeline:
        (standing,) = pipeline.store.standings()
        assert in_step_at(standing) is not None
        assert without_parts([standing], {NOTES}) != [standing]
        assert in_step_at(without_parts([standing], {NOTES})[0]) is None


def test_a_part_removes_no_source_that_left_the_settings(project: Project) -> None:
    project.remove(NOTES)
    with pytest.raises(SyncError, match="removes no source"):
        run(project, Options(mode=Mode.ADD_ONLY))
    assert len(project.snapshot()) > 0
    run(project, Options())
    assert project.snapshot() == frozenset()


def test_what_a_part_brought_in_and_went_back_since_is_found(folder: Path) -> None:
    """The branch is set back: it is where it was when the source was last in step, and no difference names anything."""
    repository = GitRepository(folder / "repository")
    first = repository.write("a.md", "# A\n\nAs it was.\n").commit()
    project = Project(folder / "project")
    partition = project.add_git("docs", repository.url)
    project.sync()
    before = project.snapshot()
    repository.write("a.md", "# A\n\nFor a moment.\n").write("b.md", "# B\n\nToo.\n").commit()
    run(project, Options(mode=Mode.UPDATE_ONLY), partition)
    git(repository.path, "update-ref", "refs/heads/main", first)
    found = due(project, partition)
    assert found is not None
    assert found.reason == IN_PART
    project.sync()
    assert project.snapshot() == before


def test_what_is_moved_stays_until_its_new_place_comes(folder: Path) -> None:
    repository = GitRepository(folder / "repository")
    repository.write("old/a.md", "# A\n\nThe text that moves.\n").write("b.md", "# B\n\nStays.\n").commit()
    project = Project(folder / "project")
    partition = project.add_git("docs", repository.url)
    project.sync()
    repository.rename("old/a.md", "new/a.md").commit()
    assert left_out(run(project, Options(only=("old/",)), partition)) == {"other documents": 1, "deletions": 1}
    assert project.paths() == {"old/a.md", "b.md"}
    run(project, Options(mode=Mode.SKIP_EXISTING), partition)
    assert project.paths() == {"new/a.md", "b.md"}
    assert_exact(project)


# ---- force


def test_force_makes_everything_again_and_pays_for_no_text_twice(project: Project) -> None:
    before = project.snapshot()
    results = run(project, Options(force=True))
    assert counts(results, "documents")["reread"] == 4
    assert counts(results, "chunks")["chunked"] == 4
    assert counts(results, "embeddings")["embedded"] == 0
    assert counts(results, "points")["upserted"] == len(before) == 4
    assert project.snapshot() == before
    assert due(project, NOTES) is None
    assert counts(run(project, Options(full=True)), "points")["upserted"] == 0, "all is as it should be"


@pytest.mark.parametrize("damage", ["UPDATE documents SET title = 'Another title' WHERE title = 'Note b'", TEXT_LOST])
def test_what_was_altered_behind_our_back_is_mended_by_force_and_by_reading_the_document_again(
    project: Project, damage: str
) -> None:
    for mend in (force, read_again_b):
        with project.open() as pipeline:
            assert in_store(pipeline, damage) == 1
        mend(project)
        assert titles(project) == {"Note a", "Note b", "Note c", "Note d"}
        assert failing(project) == {}
        assert_exact(project)


def test_a_lost_text_is_named_where_it_is_to_be_cut_and_mended_by_a_repair(project: Project) -> None:
    with project.open() as pipeline:
        assert in_store(pipeline, TEXT_LOST) == 1
    cut_otherwise(project)
    with pytest.raises(StateCorrupt, match="has lost 1 of 4 texts") as told:
        run(project, Options())
    assert "vector-pipeline repair" in told.value.hint
    with project.open() as pipeline:
        assert repair(pipeline, Wanted(full=True)).passed
    run(project, Options())
    assert_exact(project)


def test_a_lost_text_of_a_document_that_can_not_be_read_either_keeps_no_other_from_being_cut(
    project: Project, folder: Path
) -> None:
    (folder / "notes" / "b.md").write_bytes(b"\0\1\2")
    project.let_age()
    run(project, Options())
    assert list(quarantined(project)) == ["b.md"]
    with project.open() as pipeline:
        assert in_store(pipeline, TEXT_LOST) == 1
    cut_otherwise(project)
    assert counts(run(project, Options()), "chunks")["chunked"] == 3
    write(folder, "b", "as it is again")
    project.let_age()
    run(project, Options())
    assert_exact(project)


def cut_otherwise(project: Project) -> None:
    project.settings["chunking"] = {"target_chars": 200}
    project.write()


def force(project: Project) -> None:
    run(project, Options(force=True))


def read_again_b(project: Project) -> None:
    with project.open() as pipeline, pipeline.source(NOTES) as source:
        wanted = document_id(source.type, source.name, b"b.md")
        (held,) = pipeline.store.hashed_documents(None, [wanted])
        read_again(pipeline, NOTES, source, held)


def test_force_with_a_pattern_makes_only_these_again(project: Project) -> None:
    results = run(project, Options(force=True, only=("b.md", "c.md")))
    assert counts(results, "documents")["forced"] == counts(results, "points")["upserted"] == 2
    assert left_out(results) == {}, "the others have not changed"
    assert mode(project) == "auto, force, only b.md and 1 more"
    assert due(project, NOTES) is None


# ---- sources whose listings do not tell everything


def test_issues_are_selected_by_their_keys_and_by_time(folder: Path) -> None:
    with JiraServer("cloud") as server:
        state = server.state
        ops = state.create_project("OPS")
        issues = [state.create_issue(ops, f"Issue {number}", description="Words.") for number in range(4)]
        state.attach(issues[1], "notes.txt", b"Words of the notes.\n")
        project = Project(folder / "project")
        project.add_jira("work", server, "OPS")
        project.discover()
        partition = "jira/work.OPS"
        run(project, Options(only=("OPS-2",)), partition)
        assert {title for title in titles(project) if "Issue" in title} == {title_of(project, "Issue 1")}
        run(project, Options(force=True, only=("OPS-2",)), partition)
        run(project, Options(limit=1), partition)
        assert not quarantined(project)
        project.sync(partition)
        server.clock.advance(minutes=5)
        changed_at = server.clock.now()
        state.edit(issues[0], description="Other words.")
        after = changed_at + timedelta(seconds=1)
        assert left_out(run(project, Options(since=after), partition)) == {"older changes": 1}
        assert left_out(run(project, Options(since=changed_at), partition)) == {}
        assert_exact(project)


def title_of(project: Project, words: str) -> str:
    return next(title for title in titles(project) if words in title)


def test_pages_are_selected_by_titles_that_only_reading_tells(folder: Path) -> None:
    with ConfluenceServer("data_center") as server:
        state = server.state
        state.add_space("ENG")
        for title in ("Release notes 1", "Release notes 2", "Rota"):
            state.add_page("ENG", title, f"<p>All about {title}.</p>")
        project = Project(folder / "project")
        project.add_confluence("wiki", server, "ENG")
        project.discover()
        partition = "confluence/wiki.ENG"
        results = run(project, Options(only=("Release*",), limit=1), partition)
        assert counts(results, "documents")["added"] == 1
        assert left_out(results)["above the limit"] == 1
        results = run(project, Options(only=("Release*",)), partition)
        assert {title for title in titles(project) if "Release" in title or "Rota" in title} == {
            "Release notes 1",
            "Release notes 2",
        }
        project.sync(partition)
        results = run(project, Options(force=True, only=("Rota",)), partition)
        assert counts(results, "documents")["forced"] == counts(results, "documents")["reread"] == 1
        assert counts(results, "points")["upserted"] == 1, "titles of held pages are known: no other is read"
        results = run(project, Options(force=True, since=server.clock.now() + timedelta(hours=1)), partition)
        assert counts(results, "documents")["forced"] == counts(results, "points")["upserted"] == 0
        results = run(project, Options(force=True), partition)
        assert not quarantined(project)
        assert counts(results, "points")["upserted"] == len(project.snapshot())
        assert due(project, partition) is None
        assert_exact(project)
