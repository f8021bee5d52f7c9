"""A project on a Qdrant server: its collections go into a backup as snapshots, and come back as such."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from vector_pipeline.consistency.backup.making import make_backup
from vector_pipeline.consistency.backup.restoring import restore_backup
from vector_pipeline.consistency.backup.verifying import verify
from vector_pipeline.errors import PipelineError
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.qdrant_snapshots import KEY, SnapshotServer

pytestmark = pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")


def snapshot(content: bytes) -> bytes:
    """What a server gives: a tar archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("0/segments")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def project_with_state(folder: Path) -> tuple[Project, str]:
    """A project whose state says that it has written a collection; its name."""
    project = Project(folder / "project")
    source = project.add_folder("notes", folder / "notes")
    with project.open() as pipeline:
        pipeline.store.partition(source)
        pipeline.store.target_no(pipeline.collection)
        return project, pipeline.collection


def on_server(project: Project, url: str) -> None:
    project.settings["index"] = {"url": url, "prefer_grpc": False, "api_key": KEY, "timeout": "60s"}
    project.write()


def test_collections_of_a_server_are_kept_and_put_back(folder: Path) -> None:
    project, collection = project_with_state(folder)
    whole = snapshot(b"points" * 1000)
    server = SnapshotServer({collection: whole, "of others": b"x"}, aliases={"knowledge": collection})
    with server.running() as url:
        on_server(project, url)
        with project.open() as pipeline:
            made = make_backup(pipeline, folder / "backups")
        assert made.manifest is not None
        assert {name: facts.points for name, facts in made.manifest.index.collections.items()} == {collection: 7}
        assert made.manifest.index.engine == "qdrant"
        assert verify(made.path, project.data) == []
    empty = SnapshotServer()
    with empty.running() as url:
        on_server(project, url)
        with project.open() as pipeline:
            restore_backup(pipeline, made, force=True)
    assert (empty.collections, empty.aliases) == ({collection: whole}, {"knowledge": collection})


def test_a_snapshot_that_is_no_archive_makes_no_backup(folder: Path) -> None:
    project, collection = project_with_state(folder)
    with SnapshotServer({collection: b"not a snapshot"}).running() as url:
        on_server(project, url)
        with project.open() as pipeline, pytest.raises(PipelineError, match="not a whole archive"):
            make_backup(pipeline, folder / "backups")
    assert list((folder / "backups").iterdir()) == []


def test_a_server_that_is_down_is_noticed_before_anything_changes(folder: Path) -> None:
    project, _ = project_with_state(folder)
    with project.open() as pipeline:
        made = make_backup(pipeline, folder / "backups")
    before = (project.data / "state.sqlite3").read_bytes()
    on_server(project, "http://127.0.0.1:1")
    with project.open() as pipeline, pytest.raises(PipelineError, match="no answer"):
        restore_backup(pipeline, made, force=True, state_only=True)
    assert (project.data / "state.sqlite3").read_bytes() == before
    assert not (project.data / "restore.json").exists()
