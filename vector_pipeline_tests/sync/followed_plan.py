"""A plan, and whether the sync that follows it at once does what it said."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from vector_pipeline.consistency.switching import settle_alias
from vector_pipeline.sync.errors import BrakePulled
from vector_pipeline.sync.history import HELD_BACK
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.plan import Change, Outlook, Plan, SourcePlan
from vector_pipeline.sync.planner import Wish, make_plan
from vector_pipeline.sync.runner import sync_partition
from vector_pipeline.sync.stages import CHUNKS, DOCUMENTS, EMBEDDINGS, POINTS, Options
from vector_pipeline_tests.project import Project

PLANNED = {
    *(
        (DOCUMENTS, name)
        for name in ("added", "changed", "metadata", "moved", "deleted", "reread", "retried", "failed")
    ),
    *((CHUNKS, name) for name in ("chunked", "chunks", "failed", "removed")),
    *((EMBEDDINGS, name) for name in ("embedded", "tokens")),
    *((POINTS, name) for name in ("upserted", "deleted", "kept_back")),
}
"""The numbers that a plan foretells."""


def planned(project: Project, *sources: str, options: Options | None = None, estimate: bool = False) -> Plan:
    """The plan for these sources, or for all."""
    with project.open() as pipeline:
        return make_plan(pipeline, Wish(sources, options or Options(), is_detailed=True, is_estimate=estimate))


def everything_recorded(project: Project) -> dict[str, Any]:
    """All rows of the state store, and the files of the index with their sizes and times."""
    with project.open() as pipeline, pipeline.store._db.read() as connection:
        tables = sa.MetaData()
        tables.reflect(connection)
        rows = {
            name: sorted(map(repr, connection.execute(sa.select(table)).all())) for name, table in tables.tables.items()
        }
    index = project.data / "index"
    files = {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in index.rglob("*") if path.is_file()}
    return {**rows, "index": files}


def assert_followed(project: Project, *, options: Options | None = None) -> Plan:
    """Plans, checks that nothing was written by that, syncs, and compares what was done with what was said."""
    project.let_age()
    before = everything_recorded(project)
    plan = planned(project, options=options)
    assert everything_recorded(project) == before, "a plan wrote something"
    with project.open() as pipeline:
        for one in plan.sources:
            if one.outlook not in (Outlook.PLANNED, Outlook.HELD_BACK, Outlook.IN_STEP):
                continue
            _assert_done(one, _done(pipeline, one, options or Options()))
        if pipeline.partitions():
            settle_alias(pipeline)
    return plan


def _done(pipeline: Pipeline, one: SourcePlan, options: Options) -> Mapping[str, int | float]:
    """The counts of the history of a sync of the source."""
    try:
        sync_partition(pipeline, one.source, str(uuid.uuid4()), options)
    except BrakePulled:
        assert one.outlook == Outlook.HELD_BACK
    partition = pipeline.store.partition(one.source).partition_id
    return pipeline.store.ingestions(partition, 1)[0].counts


def _assert_done(one: SourcePlan, done: Mapping[str, int | float]) -> None:
    if one.outlook == Outlook.HELD_BACK:
        assert one.brake is not None
        assert done[HELD_BACK] == one.brake.vanished
        return
    assert HELD_BACK not in done
    said = {name: number for name, number in one.counts.items() if number}
    was = {name: number for name, number in done.items() if number and _is_planned(name)}
    assert said == was, one
    if one.outlook == Outlook.PLANNED:
        assert one.unchanged == done["documents: unchanged"] + done["documents: reread"]
        told = sum(done[f"documents: {name}"] for name in ("added", "changed", "metadata", "failed", "deleted"))
        assert sum(one.changes.values()) == told - one.changes.get(Change.RENAMED, 0), one
        assert len(one.documents) == sum(one.changes.values())


def _is_planned(name: str) -> bool:
    stage, _, what = name.partition(": ")
    return (stage, what.removeprefix("live ")) in PLANNED or what.startswith("left out: ")
