"""A run keeps below its memory ceiling, under a limit of the kernel, on a corpus that would never fit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vector_pipeline.capacity.governor import MemoryCeilingReached
from vector_pipeline.sync.runner import run_stage
from vector_pipeline.sync.stages import DOCUMENTS
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.sync.limited_sync import limited_sync

CORPUS_MB, ROOM_MB = 32, 16


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")
def test_a_run_never_takes_more_than_its_ceiling(folder: Path) -> None:
    # The whole, ten times the ceiling itself, is `python -m benchmarks.memory_ceiling`.
    told = limited_sync(folder, CORPUS_MB, ROOM_MB, 900)
    assert told["exit"] == 0, told["error"]
    assert told["added"] == told["pages"]
    assert told["points"] > told["pages"]
    assert told["base"] < told["peak"] <= told["ceiling"]


def test_a_ceiling_below_what_a_run_takes_anyway_is_said_with_the_setting(folder: Path) -> None:
    project = Project(folder / "project", {"limits": {"max_memory": "100MB"}})
    partition = project.add_folder("notes", folder / "notes")
    (folder / "notes" / "a.md").write_text("# A\n\nText.\n")
    ballast = bytes(120_000_000)
    with (
        project.open() as pipeline,
        pytest.raises(MemoryCeilingReached, match=r"100 MB of limits\.max_memory") as raised,
    ):
        run_stage(pipeline, DOCUMENTS, partition, "run")
    assert "limits.max_memory" in raised.value.hint
    assert len(ballast) > 0
