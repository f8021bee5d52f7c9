"""How long a change took from being seen to being searchable stands in the history of the run that brought it in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest

from vector_pipeline.state.records import Ingestion
from vector_pipeline.sync import observation
from vector_pipeline.sync.history import LAG
from vector_pipeline.sync.observation import observe
from vector_pipeline.sync.runner import sync_partition
from vector_pipeline.sync.sightings import DIFFERS, sighted_since
from vector_pipeline.sync.stages import Options
from vector_pipeline_tests.project import Project

HOUR = 3600.0


class _AnHourAgo(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) - timedelta(seconds=HOUR)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A folder with one note, synced and seen to be in step."""
    made = Project(tmp_path)
    made.add_folder("notes", tmp_path / "notes")
    change(made, "a")
    look(made)
    run(made)
    look(made)
    return made


def change(project: Project, name: str) -> None:
    (project.folder / "notes" / f"{name}.md").write_text(f"# {name}\n\nalpha\n")
    project.let_age()


def look(project: Project) -> None:
    with project.open() as pipeline:
        assert not observe(pipeline, pipeline.partitions()).errors


def look_an_hour_ago(project: Project) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observation, "datetime", _AnHourAgo)
        look(project)


def run(project: Project, options: Options | None = None) -> Ingestion:
    with project.open() as pipeline:
        (name,) = pipeline.partitions()
        sync_partition(pipeline, name, f"run {datetime.now(UTC)}", options)
        return pipeline.store.ingestions(limit=1)[0]


def seen_to_differ(project: Project) -> bool:
    with project.open() as pipeline:
        return bool(sighted_since(pipeline.store, DIFFERS))


def test_the_lag_counts_from_the_look_that_saw_the_change_first(project: Project) -> None:
    change(project, "b")
    look_an_hour_ago(project)
    look(project)
    assert HOUR <= run(project).counts[LAG] < 2 * HOUR
    assert not seen_to_differ(project), "what had been seen is brought in, and needs no look to say so"


def test_without_another_look_the_next_change_counts_anew(project: Project) -> None:
    change(project, "b")
    look_an_hour_ago(project)
    run(project)
    change(project, "c")
    look(project)
    assert run(project).counts[LAG] < HOUR


def test_a_first_run_and_one_that_nobody_saw_a_change_before_have_no_lag(tmp_path: Path, project: Project) -> None:
    with project.open() as pipeline:
        (first,) = pipeline.store.ingestions()
    assert LAG not in first.counts
    assert LAG not in run(project).counts


def test_a_run_that_left_something_out_does_not_end_the_wait(project: Project) -> None:
    change(project, "b")
    change(project, "c")
    look_an_hour_ago(project)
    assert LAG not in run(project, Options(limit=1)).counts
    assert seen_to_differ(project)
    assert HOUR <= run(project).counts[LAG] < 2 * HOUR
