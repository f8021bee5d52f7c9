"""Every fault is found by the checks that are there for it and by no other; every check finds one and is documented."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from vector_pipeline.consistency.check_file import COLLECTION, all_checks
from vector_pipeline.consistency.checks import look_at, run_checks
from vector_pipeline.consistency.look import Depth
from vector_pipeline.consistency.result import REPAIRS, CheckResult
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline_tests.consistency.faults import FAULTS, Fault
from vector_pipeline_tests.project import Project

PAGE = Path(__file__).parents[2] / "docs" / "checks.md"
IN_RUNS = [check for check in all_checks().values() if set(check.on) != {COLLECTION}]


def results(pipeline: Pipeline, depth: Depth = Depth.SAMPLE) -> dict[str, CheckResult]:
    return {result.name: result for result in run_checks(look_at(pipeline, depth=depth))}


def failing(found: dict[str, CheckResult]) -> dict[str, object]:
    return {name: result.error or result.by_partition for name, result in found.items() if not result.passed}


def failing_in_runs(pipeline: Pipeline) -> set[str]:
    """The checks of runs that fail, over all sources."""
    failed: set[str] = set()
    for partition in pipeline.partitions():
        look = look_at(pipeline, partition, depth=Depth.LATEST)
        failed |= failing({result.name: result for result in run_checks(look, IN_RUNS)}).keys()
    return failed


@pytest.mark.parametrize("depth", list(Depth))
def test_a_healthy_project_passes(healthy: Project, depth: Depth) -> None:
    with healthy.open() as pipeline:
        assert failing(results(pipeline, depth)) == {}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_found_by_the_right_checks(healthy: Project, fault: Fault) -> None:
    with healthy.open() as pipeline, pipeline.index.session(pipeline.collection):
        fault.inject(pipeline, random.Random(fault.name))
        found = results(pipeline)
        in_run = failing_in_runs(pipeline) if fault.in_run else set()
    assert in_run == fault.in_run
    assert fault.found_by <= set(failing(found)) <= fault.found_by | fault.also_by, failing(found)
    for name in fault.found_by:
        assert all(found[name].table["why"].to_list())
        assert set(found[name].offending["repair"].to_list()) <= REPAIRS.keys()


def test_every_check_finds_a_fault() -> None:
    found = {name for fault in FAULTS for name in fault.found_by | fault.in_run}
    assert set(all_checks()) - found == set()


def test_every_check_is_documented() -> None:
    sections = set(re.findall(r"^### `(\w+)`", PAGE.read_text(), re.MULTILINE))
    assert set(all_checks()) == sections
