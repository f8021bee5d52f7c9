"""Whether a project's collection is what its sources say: compared with a project built afresh, and by the check.

Scratch folders lie in memory where the machine offers that: nothing here needs to survive a power cut, and a fresh
collection costs seconds on a busy disk.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from vector_pipeline.consistency.checks import check_points_match_state
from vector_pipeline.sync.due import Due, due_partition
from vector_pipeline_tests.project import Project, Snapshot
from vector_pipeline_tests.simulators.openai_server import OpenAIServer

_MEMORY = Path("/dev/shm")


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder, removed at the end."""
    base = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="vector-pipeline-test-", dir=base) as folder:
        yield Path(folder)


def assert_exact(project: Project) -> Snapshot:
    """The collection equals that of a fresh project with the same sources, and the check finds nothing.

    Documents in quarantine are left out: they keep their last good version, of which a fresh project knows nothing.
    """
    with scratch_folder() as folder:
        expected = project.rebuilt(folder)
    actual = project.snapshot(quarantined=False)
    assert actual - expected == set(), f"a fresh project does not have {_described(project, actual - expected)}"
    assert sorted(point_id.hex() for point_id, _, _ in expected - actual) == [], "points that are missing"
    assert_consistent(project)
    return actual


def assert_consistent(project: Project) -> None:
    """Store and collection agree, over all partitions."""
    with project.open() as pipeline:
        result = check_points_match_state(pipeline)
    assert result.passed, result.table.rows()


def due(project: Project, partition: str, *, later: timedelta = timedelta(0)) -> Due | None:
    """What a sensor would say of the partition, now or later."""
    with project.open() as pipeline:
        with pipeline.source(partition) as source:
            observed = source.probe()
        return due_partition(pipeline, partition, observed, datetime.now(UTC) + later)


def quarantined(project: Project) -> dict[str, str]:
    """Native ids in quarantine (as text), with the reason."""
    with project.open() as pipeline:
        rows = pipeline.store.quarantined()
        return {native.decode(errors="replace"): why for native, why in rows.select("native_id", "reason").iter_rows()}


def _described(project: Project, points: Snapshot) -> list[str]:
    """The payloads of points, for the message of a failed comparison."""
    with project.open() as pipeline:
        found = pipeline.index.retrieve(pipeline.collection, [row[0] for row in points]) if points else []
        return sorted(str(point.payload) for point in found)


def served_by(endpoint: OpenAIServer, **settings: Any) -> dict[str, Any]:
    """Settings of an embedding through the simulated endpoint, without patience."""
    served = {
        "provider": "openai",
        "model": endpoint.model,
        "base_url": endpoint.url,
        "dimensions": endpoint.dimension,
        "max_retries": 1,
        "max_wait": "1s",
    }
    return {"embedding": {**served, **settings}}


@contextmanager
def served_anew(project: Project) -> Iterator[OpenAIServer]:
    """Within it the same model is served at another address: what a killed sync asked for still comes in at the old."""
    with OpenAIServer() as server:
        embedding = project.settings["embedding"]
        project.settings["embedding"] = {**embedding, "base_url": server.url}
        project.write()
        yield server
    project.settings["embedding"] = embedding
    project.write()


def settle(project: Project, partition: str, seconds: float = 60.0) -> None:
    """Syncs until nothing is due: a file written a moment ago is looked at once more when it has aged."""
    deadline = time.monotonic() + seconds
    while reason := due(project, partition):
        assert time.monotonic() < deadline, reason
        project.sync(partition)
