"""Changes of a project's settings, and where its searches are meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vector_pipeline.consistency.checks import look_at, run_checks
from vector_pipeline.consistency.switching import Switching, roll_back, settle_alias
from vector_pipeline.sync.builds import active_builds
from vector_pipeline.sync.collection_list import list_collections
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.sync.searching import STOP_WORDS

ONE, TWO = "local_files/one", "local_files/two"
FILES = {
    "one": {"boats.md": "# Boats\n\nBoats sail.\n\nBoat 2 sails over the sea.\n", "words.md": STOP_WORDS},
    "two": {"trains.md": "# Trains\n\nTrains run on rails.\n", "planes.md": "# Planes\n\nPlanes fly.\n"},
}
ALL = {"boats.md", "words.md", "trains.md", "planes.md"}


def two_folders(folder: Path) -> Project:
    """Two folders with two documents each, not synced yet."""
    project = Project(folder / "project")
    for name, files in FILES.items():
        project.add_folder(name, folder / name)
        for path, text in files.items():
            (folder / name / path).write_text(text)
    return project


def change(project: Project, settings: dict[str, Any]) -> None:
    """Writes other settings."""
    project.settings |= settings
    project.write()


def searched(project: Project) -> str:
    """The collection that the alias points at; there must be one."""
    with project.open() as pipeline:
        name = pipeline.index.alias(pipeline.settings.index.alias)
    assert name is not None
    return name


def states(project: Project) -> dict[str, str]:
    """The collections by name with their state."""
    with project.open() as pipeline:
        return {row.collection: row.state for row in list_collections(pipeline)}


def switched(project: Project, **options: bool) -> Switching:
    """What `switch` says."""
    with project.open() as pipeline:
        return settle_alias(pipeline, asked=True, **options)


def rolled_back(project: Project, **options: bool) -> Switching:
    """What `rollback` says."""
    with project.open() as pipeline:
        return roll_back(pipeline, **options)


def found_paths(project: Project) -> set[str]:
    """The documents in the collection that is searched."""
    with project.open() as pipeline:
        name = searched(project)
        ids = [point for frame in pipeline.index.scroll(name) for point in frame["point_id"].to_list()]
        return {str(point.payload["path"]) for point in pipeline.index.retrieve(name, ids)}


def offending(project: Project) -> list[tuple[str, str, dict[str, dict[str, int]]]]:
    """What the checks find in every collection that is kept up: (collection, check, offenders)."""
    with project.open() as pipeline:
        return [
            (build.collection, result.name, result.by_partition)
            for build in active_builds(pipeline)
            for result in run_checks(look_at(build))
            if not result.passed
        ]
