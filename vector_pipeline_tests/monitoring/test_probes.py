"""Each part that the pipeline stands on, broken in the way it breaks, is found and told with what to do."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vector_pipeline.errors import PipelineError
from vector_pipeline.monitoring.health import known_partitions
from vector_pipeline.monitoring.probe import Finding
from vector_pipeline.monitoring.probes import (
    ask_disk,
    ask_embedding,
    ask_index,
    ask_store,
    discovering_sites,
    impatient,
    source_questions,
)
from vector_pipeline.settings_file import load_settings
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline_tests.cli.command import write
from vector_pipeline_tests.listening import closed_port
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.openai_server import OpenAIServer, status

NOTES = {"a.md": "# A\n\nThe pager rota changes on Monday.\n"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A folder of one note, not synced."""
    write(tmp_path / "notes", dict(NOTES))
    project = Project(tmp_path)
    project.add_folder("notes", tmp_path / "notes")
    return project


@contextmanager
def asked(project: Project, seconds: str = "20s") -> Iterator[Pipeline]:
    """The pipeline that probes are asked through, and how long it waits at most."""
    for part in ("state", "index"):
        project.settings.setdefault(part, {})["timeout"] = seconds
    project.settings["index"]["lock_timeout"] = seconds
    project.write()
    loaded = load_settings(project.file)
    with Pipeline(impatient(loaded.settings), loaded.data_dir) as pipeline:
        yield pipeline


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nobody listens."""
    with closed_port() as port:
        yield f"http://127.0.0.1:{port}"


def one_source(pipeline: Pipeline) -> Finding:
    (question,) = source_questions(pipeline, pipeline.partitions(), discovering_sites(pipeline.settings))
    try:
        return question.ask()
    except PipelineError as error:
        return Finding("failed", error.message, error.hint)


def test_what_was_never_made_is_no_fault_and_is_not_made_by_asking(project: Project) -> None:
    with asked(project) as pipeline:
        assert ask_store(pipeline).state == "degraded"
        assert ask_index(pipeline).state == "degraded"
        assert "sync" in ask_store(pipeline).hint
    assert not (project.data / "state.sqlite3").exists()


def test_after_a_sync_everything_is_well(project: Project) -> None:
    project.sync()
    with asked(project) as pipeline:
        found = [ask_store(pipeline), ask_index(pipeline), ask_embedding(pipeline), one_source(pipeline)]
    assert [one.state for one in found] == ["ok"] * 4
    assert found[1].message.startswith("1 points in knowledge_")


def test_a_store_that_somebody_keeps_locked_is_degraded(project: Project) -> None:
    project.sync()
    holder = sqlite3.connect(project.data / "state.sqlite3", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with asked(project, "0.3s") as pipeline:
        finding = ask_store(pipeline)
    holder.close()
    assert finding.state == "degraded"
    assert "somebody writes to it" in finding.message


def test_a_damaged_store_fails_and_says_what_to_do(project: Project) -> None:
    project.sync()
    (project.data / "state.sqlite3").write_bytes(b"no database" * 1000)
    for ending in ("-wal", "-shm"):
        (project.data / f"state.sqlite3{ending}").unlink(missing_ok=True)
    with asked(project) as pipeline, pytest.raises(PipelineError) as caught:
        ask_store(pipeline)
    assert "damaged" in caught.value.message
    assert caught.value.hint


def test_an_alias_without_its_collection_fails(project: Project) -> None:
    project.sync()
    with asked(project) as pipeline:
        pipeline.index.drop(pipeline.collection)
        finding = ask_index(pipeline)
    assert finding.state == "failed"
    assert "sync" in finding.hint


def test_a_server_that_is_not_there_fails(project: Project, nobody: str) -> None:
    project.settings["index"] = {"url": nobody, "prefer_grpc": False}
    with asked(project) as pipeline, pytest.raises(PipelineError) as caught:
        ask_index(pipeline)
    assert caught.value.hint


@pytest.mark.parametrize("fault", ["wrong key", "gone"])
def test_an_endpoint_that_refuses_or_is_gone_fails_at_once(project: Project, nobody: str, fault: str) -> None:
    with OpenAIServer() as server:
        url = server.url if fault == "wrong key" else f"{nobody}/v1"
        server.faults.always(status(401, "invalid_api_key"))
        project.settings["embedding"] = {
            "provider": "openai",
            "model": "m",
            "base_url": url,
            "api_key": "sk-secret",
            "dimensions": 8,
        }
        with asked(project) as pipeline, pytest.raises(PipelineError) as caught:
            ask_embedding(pipeline)
    assert caught.value.hint
    assert "sk-secret" not in str(caught.value)


def test_a_folder_that_is_gone_fails(project: Project, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "notes")
    with asked(project) as pipeline:
        finding = one_source(pipeline)
    assert finding.state == "failed"
    assert "does not exist" in finding.message


def test_asking_a_source_records_nothing(project: Project) -> None:
    project.sync()
    with asked(project) as pipeline:
        number = pipeline.store.partition("local_files/notes").partition_id
        before = pipeline.store.observation(number)
        assert one_source(pipeline).state == "ok"
        assert pipeline.store.observation(number) == before


def test_a_disk_is_judged_by_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)  # others write to the disk meanwhile
    free = usage.free
    assert ask_disk(tmp_path, 1).state == "ok"
    assert ask_disk(tmp_path, free * 3 // 4).state == "degraded"
    short = ask_disk(tmp_path, free * 2)
    assert short.state == "failed"
    assert "monitoring.min_free_disk" in short.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_fails(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert ask_disk(tmp_path, 1).state == "failed"
    tmp_path.chmod(0o700)


def test_a_store_of_another_version_fails_and_is_not_migrated_by_asking(project: Project) -> None:
    project.sync()
    with sqlite3.connect(project.data / "state.sqlite3") as connection:
        (table,) = connection.execute("SELECT name FROM sqlite_master WHERE name LIKE '%alembic_version'").fetchone()
        connection.execute(f"UPDATE {table} SET version_num = '0004'")
    with asked(project) as pipeline:
        assert known_partitions(pipeline) == ["local_files/notes"]
        with pytest.raises(PipelineError, match="0004"):
            ask_store(pipeline)
    with sqlite3.connect(project.data / "state.sqlite3") as connection:
        assert connection.execute(f"SELECT version_num FROM {table}").fetchone() == ("0004",)
