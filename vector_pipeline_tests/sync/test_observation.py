"""Asking sources what version they are in: each within its own time, none hiding another."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vector_pipeline.sources.base import SourceUnreachable
from vector_pipeline.sync.observation import due_for_observation, observe
from vector_pipeline_tests.project import Project


@pytest.fixture
def silent_host() -> Iterator[str]:
    """The URL of a Git host that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/repo.git"


def test_a_host_that_never_answers_hides_nobody(tmp_path: Path, silent_host: str) -> None:
    project = Project(tmp_path / "p")
    folder = project.add_folder("notes", tmp_path / "notes")
    hung = project.add_git("hung", silent_host, timeout="1s")
    with project.open() as pipeline:
        seen = observe(pipeline, [hung, folder])
    assert list(seen.versions) == [folder]
    assert isinstance(seen.errors[hung], SourceUnreachable)


def test_nobody_is_waited_for_longer_than_the_longest_time(tmp_path: Path, silent_host: str) -> None:
    project = Project(tmp_path / "p")
    hung = project.add_git("hung", silent_host, timeout="10m")
    with project.open() as pipeline:
        started = time.monotonic()
        seen = observe(pipeline, [hung], longest=0.5)
        assert time.monotonic() - started < 60
    assert isinstance(seen.errors[hung], SourceUnreachable)
    assert "git/hung: no answer in time" in str(seen.errors[hung])


def test_a_source_that_fails_is_asked_no_more_often_than_its_interval(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    name = project.add_git("gone", tmp_path / "nowhere", observe_every="1h")
    now = datetime.now(UTC)
    with project.open() as pipeline:
        assert due_for_observation(pipeline, [name], now) == [name]
        assert set(observe(pipeline, [name]).errors) == {name}
        assert due_for_observation(pipeline, [name], now + timedelta(minutes=30)) == []
        assert due_for_observation(pipeline, [name], now + timedelta(minutes=61)) == [name]
