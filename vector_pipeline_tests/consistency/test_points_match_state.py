"""The global check: every fault put into a healthy index is found, with its reason and source, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from vector_pipeline.consistency.check_file import all_checks
from vector_pipeline.consistency.checks import (
    NO_PARTITION,
    POINTS_MATCH_STATE,
    check_points_match_state,
    look_at,
    run_check,
    run_sql,
)
from vector_pipeline.consistency.frames.points import present
from vector_pipeline.consistency.look import Depth
from vector_pipeline.consistency.result import MOST_OFFENDERS, CheckResult
from vector_pipeline.index.base import INDEXED, Point
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline_tests.consistency.damage import Healthy, points_of, write_point
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.sync.exactness import scratch_folder

FaultMaker = Callable[[Pipeline], None]


def two_folders(folder: Path) -> Project:
    """Two synced folders of five documents each."""
    made = Project(folder / "project")
    for name in ("a", "b"):
        for number in range(5):
            path = folder / name / f"{number}.md"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"# {name}{number}\n\nDocument {number} of {name}.\n")
        made.add_folder(name, folder / name)
    made.let_age()
    made.sync()
    return made


@pytest.fixture(scope="module")
def _made() -> Iterator[Healthy]:
    with scratch_folder() as folder:
        yield Healthy(folder, two_folders)


@pytest.fixture
def project(_made: Healthy) -> Project:
    """The project as it was made, whatever the test before did."""
    _made.put_back()
    return _made.project


@pytest.fixture
def folder(project: Project) -> Path:
    """Where the two folders are."""
    return project.folder.parent


def lose_a_point(pipeline: Pipeline) -> None:
    pipeline.index.delete(pipeline.collection, [points_of(pipeline, "local_files/a")[0].point_id])


def change_a_point(pipeline: Pipeline) -> None:
    write_point(pipeline, points_of(pipeline, "local_files/a")[0], payload_hash="00" * 16)


def add_a_stray_point(pipeline: Pipeline) -> None:
    write_point(pipeline, replace(points_of(pipeline, "local_files/a")[0], point_id=bytes(range(16))))


def leave_a_point_of_a_removed_source(pipeline: Pipeline) -> None:
    stray = replace(points_of(pipeline, "local_files/a")[0], point_id=bytes(range(16)))
    write_point(pipeline, stray, source="local_files/gone")


def leave_a_point_that_names_no_source(pipeline: Pipeline) -> None:
    point = points_of(pipeline, "local_files/a")[0]
    assert point.dense is not None
    assert point.sparse is not None
    payload = {key: value for key, value in point.payload.items() if key != "source"}
    pipeline.index.upsert(pipeline.collection, [Point(bytes(range(16)), point.dense, point.sparse, payload)])


def forget_the_record_of_a_point(pipeline: Pipeline) -> None:
    """As if a deletion had been recorded and never applied, or the record had been lost."""
    target = pipeline.store.target_no(pipeline.collection)
    pipeline.store.record_points(target, [], [points_of(pipeline, "local_files/a")[0].point_id])


def test_a_healthy_index_passes(project: Project) -> None:
    with project.open() as pipeline:
        result = check_points_match_state(pipeline)
    assert result.passed
    assert result.compared == 10
    assert result.table.is_empty()
    assert result.by_partition == {}


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (lose_a_point, {"local_files/a": {"missing": 1}}),
        (change_a_point, {"local_files/a": {"stale": 1}}),
        (add_a_stray_point, {"local_files/a": {"orphaned": 1}}),
        (leave_a_point_of_a_removed_source, {"local_files/gone": {"orphaned": 1}}),
        (leave_a_point_that_names_no_source, {NO_PARTITION: {"orphaned": 1}}),
        (forget_the_record_of_a_point, {"local_files/a": {"missing": 1, "orphaned": 1}}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_fault_is_found_with_its_reason_and_source(
    project: Project, fault: FaultMaker, found: dict[str, dict[str, int]]
) -> None:
    with project.open() as pipeline:
        fault(pipeline)
        result = check_points_match_state(pipeline)
    assert not result.passed
    assert result.by_partition == found
    assert result.offenders == sum(sum(reasons.values()) for reasons in found.values())


@pytest.mark.parametrize("fault", [lose_a_point, change_a_point, add_a_stray_point, forget_the_record_of_a_point])
def test_a_full_sync_repairs(project: Project, fault: FaultMaker) -> None:
    before = project.snapshot()
    with project.open() as pipeline:
        fault(pipeline)
    project.sync(full=True)
    with project.open() as pipeline:
        assert check_points_match_state(pipeline).passed
    assert project.snapshot() == before


def test_a_check_of_one_source_looks_at_no_other(project: Project) -> None:
    with project.open() as pipeline:
        lose_a_point(pipeline)
        assert check_points_match_state(pipeline, "local_files/b").passed
        assert not check_points_match_state(pipeline, "local_files/a").passed


def test_documents_kept_back_are_no_fault(project: Project, folder: Path) -> None:
    (folder / "a" / "0.md").rename(folder / "a" / "0.pdf")
    project.sync()
    with project.open() as pipeline:
        assert check_points_match_state(pipeline).passed


def test_work_that_is_still_to_do_is_no_fault(project: Project, folder: Path) -> None:
    """The documents are ahead of the points after a run that stopped half way: behind, not wrong."""
    from vector_pipeline.sync.runner import run_stage

    (folder / "a" / "0.md").write_text("# New\n\nAnother text.\n")
    (folder / "a" / "1.md").unlink()
    with project.open() as pipeline:
        for stage in ("documents", "chunks"):
            run_stage(pipeline, stage, "local_files/a", "a run that stops here")
        assert check_points_match_state(pipeline).passed


def test_a_run_under_way_raises_no_alarm(project: Project, folder: Path) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    def keep_syncing() -> None:
        try:
            for round_no in range(1000):
                if stop.is_set():
                    return
                for number in range(5):
                    path = folder / "a" / f"{number}.md"
                    if (round_no + number) % 3:
                        path.write_text(f"# {number}\n\nRound {round_no} of {number}.\n")
                    else:
                        path.unlink(missing_ok=True)
                project.sync("local_files/a", allow_deletions=True)
        except BaseException as error:
            failures.append(error)
            raise

    writer = threading.Thread(target=keep_syncing)
    writer.start()
    try:
        with project.open() as pipeline:
            results = [check_points_match_state(pipeline) for _ in range(4)]
    finally:
        stop.set()
        writer.join()
    assert failures == []
    assert [result.by_partition for result in results if not result.passed] == []


def test_a_source_that_is_being_written_for_long_is_named_and_not_blamed(project: Project) -> None:
    hasty = Project(project.folder, {**project.settings, "state": {"timeout": "1s"}})
    with hasty.open() as pipeline, hasty.open() as other:
        lose_a_point(pipeline)
        with other.store.lock("local_files/a"):
            result = check_points_match_state(pipeline)
        assert result.passed
        assert result.unconfirmed == ("local_files/a",)
        assert not check_points_match_state(pipeline).passed
    project.write()


def test_a_result_carries_some_offenders_and_counts_all(project: Project, folder: Path) -> None:
    for number in range(MOST_OFFENDERS + 10):
        (folder / "b" / f"more{number}.md").write_text(f"# {number}\n\nOne of many, {number}.\n")
    project.sync()
    with project.open() as pipeline:
        ids = [point.point_id for point in points_of(pipeline, "local_files/b")]
        pipeline.index.delete(pipeline.collection, ids)
        result = check_points_match_state(pipeline)
    assert result.offenders == len(ids) > MOST_OFFENDERS
    assert result.table.height == MOST_OFFENDERS


def test_a_point_that_an_engine_returns_twice_is_found() -> None:
    """No engine stores an id twice; a faulty scroll or a broken merge of segments may answer it twice."""
    identity, mark = bytes(16), bytes(range(16))
    recorded = pl.DataFrame(
        [("git/a", identity, identity, mark)],
        schema={"partition": pl.String, "document_id": pl.Binary, "point_id": pl.Binary, "fingerprint": pl.Binary},
        orient="row",
    )
    indexed = pl.DataFrame(
        [(identity, "git/a", "00000000-0000-0000-0000-000000000000", mark.hex())] * 2, schema=INDEXED, orient="row"
    )
    found = run_sql(
        POINTS_MATCH_STATE,
        {
            "recorded": recorded,
            "derived": recorded.select("partition", "document_id", "point_id"),
            "indexed": present(indexed),
            "kept_back": recorded.select("partition", "document_id").clear(),
            "settled": recorded.select("partition"),
            "known": recorded.select("partition"),
        },
    )
    assert found["why"].to_list() == ["duplicated"]


def test_a_project_that_was_never_synced_passes(tmp_path: Path) -> None:
    empty = Project(tmp_path / "empty")
    empty.add_folder("a", tmp_path / "a")
    with empty.open() as pipeline:
        result = check_points_match_state(pipeline)
    assert result.passed
    assert result.compared == 0


def test_vectors_are_looked_at_after_a_run(project: Project) -> None:
    def looked_at(check: str) -> CheckResult:
        return run_check(all_checks()[check], look_at(pipeline, "local_files/a", depth=Depth.LATEST))

    with project.open() as pipeline:
        assert looked_at("vectors_valid").passed
        point = points_of(pipeline, "local_files/a")[0]
        assert point.sparse is not None
        nothing = np.zeros(pipeline.embedder.dimension, dtype=np.float32)
        pipeline.index.upsert(pipeline.collection, [Point(point.point_id, nothing, point.sparse, point.payload)])
        result = looked_at("vectors_valid")
        assert not result.passed
        assert "a vector of zeros" in str(result.table["why"].to_list())
        assert looked_at("counts_match").passed
