"""A source that is behind, silent, out of reach or failing for longer than its limit is named; no other is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vector_pipeline.errors import PipelineError
from vector_pipeline.sync.observation import observe
from vector_pipeline_tests.consistency.answers import NOW, answer, change_store, failing, offences
from vector_pipeline_tests.project import Project

CHECK = "sources_in_sync"
HOUR = timedelta(hours=1)
NOTES, OTHER = "local_files/notes", "local_files/other"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two synced folders, which were looked at since; the other one so rarely that it can't be silent."""
    made = Project(tmp_path / "project")
    for name, rare in (("notes", {}), ("other", {"observe_every": "30d"})):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "a.md").write_text(f"# One\n\nA text of {name}.\n")
        made.add_folder(name, folder, **rare)
    made.let_age()
    made.sync()
    look(made)
    return made


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A project that was never synced."""
    made = Project(tmp_path / "fresh")
    made.add_folder("notes", tmp_path / "new")
    return made


def look(project: Project) -> None:
    with project.open() as pipeline:
        observe(pipeline, pipeline.partitions())


def late(project: Project, later: timedelta = NOW) -> list[str]:
    return offences(project, CHECK, later=later)


def change(project: Project, folder: Path) -> None:
    (folder / "notes" / "a.md").write_text("# One\n\nQuite another text.\n")
    look(project)


def go_out_of_reach(project: Project, folder: Path) -> None:
    (folder / "notes").rename(folder / "away")
    look(project)


def fail(project: Project, folder: Path) -> None:
    (folder / "notes").rename(folder / "away")
    with pytest.raises(PipelineError):
        project.sync(NOTES)


def be_killed(project: Project, folder: Path) -> None:
    with project.open() as pipeline:
        pipeline.store.begin_ingestion(pipeline.store.partition(NOTES).partition_id, "killed", "auto")


def be_left_alone(project: Project, folder: Path) -> None:
    """Nobody looks at it any more."""


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (change, "changed at the source"),
        (go_out_of_reach, "stopped answering"),
        (fail, "1 run failed in a row"),
        (be_killed, "its last run never ended"),
        (be_left_alone, "was last looked at"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_source_is_named_when_its_limit_has_passed_and_only_then(
    project: Project, tmp_path: Path, fault: Callable[[Project, Path], None], found: str
) -> None:
    fault(project, tmp_path)
    assert late(project, HOUR / 2) == []
    wrong = failing(project, later=HOUR * 2)
    assert list(wrong) == [CHECK]
    (why,) = wrong[CHECK]
    assert found in why
    assert answer(project, CHECK, later=HOUR * 2).offending["partition"].to_list() == [NOTES]
    if (tmp_path / "away").exists():
        (tmp_path / "away").rename(tmp_path / "notes")
    project.sync(NOTES)
    look(project)
    assert late(project, HOUR / 2) == []


def test_the_limit_is_the_source_s_own(project: Project, tmp_path: Path) -> None:
    project.settings["sources"]["local_files"]["notes"]["behind_limit"] = "3h"
    project.write()
    change(project, tmp_path)
    assert late(project, HOUR * 2) == []
    assert len(late(project, HOUR * 4)) == 1


def test_a_change_after_a_long_quiet_time_is_not_late_at_once(project: Project, tmp_path: Path) -> None:
    """The last run lies days back, as nothing had changed since: what counts is when the change was seen."""
    days_ago = _microseconds(datetime.now(UTC) - timedelta(days=5))
    change_store(project, "UPDATE ingestion_history SET started_at = ?, finished_at = ?", days_ago, days_ago)
    look(project)
    change(project, tmp_path)
    assert late(project) == []
    assert len(late(project, HOUR * 2)) == 1


def test_a_source_that_changes_all_the_time_and_is_synced_is_not_late(project: Project, tmp_path: Path) -> None:
    """No look ever finds it in step."""
    change(project, tmp_path)
    days_ago = _microseconds(datetime.now(UTC) - timedelta(days=5))
    change_store(project, "UPDATE cursors SET revision = ? WHERE stage = 'seen-to-differ' AND revision > 0", days_ago)
    project.sync(NOTES)
    (tmp_path / "notes" / "a.md").write_text("# One\n\nA third text.\n")
    look(project)
    assert late(project) == []
    assert len(late(project, HOUR * 2)) == 1


def test_a_source_out_of_reach_is_named_however_often_it_is_asked(project: Project, tmp_path: Path) -> None:
    """Looks that fail are recorded too, so that the next one keeps its distance; they are no sign of life."""
    go_out_of_reach(project, tmp_path)
    days_ago = _microseconds(datetime.now(UTC) - timedelta(days=5))
    change_store(project, "UPDATE cursors SET revision = ? WHERE stage = 'unanswered' AND revision > 0", days_ago)
    (tmp_path / "away").rename(tmp_path / "notes")
    project.sync(NOTES)
    assert late(project) == [], "a run is an answer"
    go_out_of_reach(project, tmp_path)
    look(project)
    assert late(project) == []
    (why,) = late(project, HOUR * 2)
    assert "stopped answering" in why


def test_a_project_that_was_never_synced_passes(fresh: Project) -> None:
    assert failing(fresh, later=HOUR * 100) == {}


def test_a_source_that_is_seen_and_never_synced_is_named(fresh: Project) -> None:
    look(fresh)
    look(fresh)
    assert late(fresh) == []
    (why,) = late(fresh, HOUR * 2)
    assert "never synced" in why


def test_a_run_at_work_has_not_ended_yet(project: Project) -> None:
    with project.open() as pipeline, pipeline.store.lock(NOTES):
        pipeline.store.begin_ingestion(pipeline.store.partition(NOTES).partition_id, "long", "auto")
        assert late(project, HOUR * 2) == []
    assert len(late(project, HOUR * 2)) == 1


def test_a_first_sync_may_take_its_time(fresh: Project) -> None:
    look(fresh)
    with fresh.open() as pipeline, pipeline.store.lock(NOTES):
        pipeline.store.begin_ingestion(pipeline.store.partition(NOTES).partition_id, "long", "auto")
        assert late(fresh, HOUR * 2) == []


def test_a_removed_source_is_nobody_s(project: Project) -> None:
    project.remove(NOTES)
    assert late(project, HOUR * 2) == []


def test_a_look_at_one_source_names_no_other(project: Project, tmp_path: Path) -> None:
    change(project, tmp_path)
    assert answer(project, CHECK, later=HOUR * 2, partition=OTHER).passed
    result = answer(project, CHECK, later=HOUR * 2)
    assert (result.compared, result.numbers["sources"], result.numbers["behind"]) == (2, 2, 1)
    assert 0 <= result.numbers["oldest_seconds"] - (HOUR * 2).total_seconds() < 600


@pytest.mark.parametrize(("error", "found"), [("403 from the site", "403 from the site"), ("", "none of its parts")])
def test_a_site_that_does_not_show_its_parts_is_named(tmp_path: Path, error: str, found: str) -> None:
    site = {"url": "http://127.0.0.1:9", "token": "t", "spaces": ["*"]}
    project = Project(tmp_path / "project", {"sources": {"confluence": {"wiki": site}}})
    assert late(project) == []
    with project.open() as pipeline:
        pipeline.store.record_discovery("confluence/wiki", datetime.now(UTC), error)
    result = answer(project, CHECK)
    assert result.offending["partition"].to_list() == ["confluence/wiki"]
    assert found in result.offending["why"][0]


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
