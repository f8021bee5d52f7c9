"""The engines under test: embedded, the client's in-memory stand-in for a server, and a real server if one is named."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from qdrant_client import QdrantClient

from vector_pipeline.index.base import VectorIndex
from vector_pipeline.index.edge import EdgeIndex
from vector_pipeline.index.server import ServerIndex, connect
from vector_pipeline.settings import IndexSettings
from vector_pipeline_tests.index.samples import SCHEMA, make_point

SERVER_URL = os.environ.get("VECTOR_PIPELINE_TEST_QDRANT_URL", "")
ENGINES = ["edge", "memory", *(["grpc", "http"] if SERVER_URL else [])]


def open_engine(engine: str, folder: Path) -> VectorIndex:
    """An index of the engine, without collections whose names start with "c"."""
    if engine == "edge":
        return EdgeIndex(folder / "index", lock_timeout=20)
    if engine == "memory":
        return ServerIndex(QdrantClient(":memory:"))
    settings = IndexSettings(
        url=SERVER_URL,
        api_key=SecretStr(os.environ.get("VECTOR_PIPELINE_TEST_QDRANT_API_KEY", "")),
        prefer_grpc=engine == "grpc",
    )
    index = ServerIndex(connect(settings), SERVER_URL)
    for name in index.collections():
        if name in ("c", "c1", "c2"):
            index.drop(name)
    return index


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder for tests that are not about the disk: in memory where there is plenty, as shards are synced often."""
    shared = Path("/dev/shm")
    in_memory = shared.is_dir() and shutil.disk_usage(shared).free > 2_000_000_000
    with tempfile.TemporaryDirectory(dir=shared if in_memory else None) as folder:
        yield Path(folder)


@contextmanager
def engine_opened(engine: str) -> Iterator[VectorIndex]:
    """An empty index of the engine, removed afterwards."""
    with quick_folder() as folder:
        opened = open_engine(engine, folder)
        try:
            yield opened
        finally:
            opened.close()


@pytest.fixture(params=ENGINES)
def index(request: pytest.FixtureRequest) -> Iterator[VectorIndex]:
    """An empty index of each engine."""
    with engine_opened(request.param) as opened:
        yield opened


def fill(index: VectorIndex) -> VectorIndex:
    """Collection "c" with 20 points: 0-9 from git/a, 10-19 from git/b."""
    index.ensure("c", SCHEMA)
    numbers = range(20)
    index.upsert(
        "c", [make_point(n, source="git/a" if n < 10 else "git/b", tags=["all", f"t{n % 3}"]) for n in numbers]
    )
    return index


@pytest.fixture
def filled(index: VectorIndex) -> VectorIndex:
    """An index of each engine with 20 points."""
    return fill(index)


@pytest.fixture(params=ENGINES, scope="module")
def searched(request: pytest.FixtureRequest) -> Iterator[VectorIndex]:
    """The same, for tests that only read."""
    with engine_opened(request.param) as opened:
        yield fill(opened)
