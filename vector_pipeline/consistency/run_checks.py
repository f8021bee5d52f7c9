"""The checks of one run: quick looks at the partition just written, which stop the run where they fail.

They ask the index itself rather than the record of what was sent to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl

from vector_pipeline.consistency.result import MOST_OFFENDERS, CheckResult
from vector_pipeline.documents import uuid_text
from vector_pipeline.state.errors import StateLocked
from vector_pipeline.sync.pipeline import Pipeline

PartitionCheck = Callable[[Pipeline, str], CheckResult]

COUNTS_MATCH = "counts_match"
VECTORS_VALID = "vectors_valid"
NO_EMPTY_DOCUMENT = "no_empty_document"
QUARANTINE_EMPTY = "quarantine_empty"

_OFFENDERS = pl.Schema({"partition": pl.String, "id": pl.String, "why": pl.String})
SAMPLE = 200
"""Points of a partition whose vectors are read back after a run."""


def confirmed(check: PartitionCheck, pipeline: Pipeline, partition: str) -> CheckResult:
    """The result of a check; a bad one comes from a second look at which nobody was writing to the partition."""
    result = check(pipeline, partition)
    if result.passed:
        return result
    try:
        with pipeline.store.lock(partition):
            return check(pipeline, partition)
    except StateLocked:
        return replace(result, passed=True, offenders=0, unconfirmed=(partition,))


def check_counts(pipeline: Pipeline, partition: str) -> CheckResult:
    """The collection holds exactly as many points of the partition as are recorded as applied."""
    started = time.monotonic()
    store = pipeline.store
    pid = store.partition(partition).partition_id
    recorded = store.count_points(store.target_no(pipeline.collection), pid)
    indexed = pipeline.index.count(pipeline.collection, partition)
    rows = [] if recorded == indexed else [(partition, "", f"{recorded} points recorded, {indexed} in the collection")]
    return _result(COUNTS_MATCH, check_counts, recorded, rows, started)


def check_vectors(pipeline: Pipeline, partition: str) -> CheckResult:
    """The points last written have a dense vector of the right length, finite and of unit length."""
    started = time.monotonic()
    store = pipeline.store
    pid = store.partition(partition).partition_id
    ids = store.latest_points(store.target_no(pipeline.collection), pid, SAMPLE)
    found = {point.point_id: point for point in pipeline.index.retrieve(pipeline.collection, ids)}
    rows = []
    for point_id in ids:
        point = found.get(point_id)
        if point is None:
            rows.append((partition, uuid_text(point_id), "recorded, but not in the collection"))
        elif why := _vector_fault(point.dense, pipeline.embedder.dimension):
            rows.append((partition, uuid_text(point_id), why))
    return _result(VECTORS_VALID, check_vectors, len(ids), rows, started)


def check_no_empty_document(pipeline: Pipeline, partition: str) -> CheckResult:
    """Every live document with text has chunks."""
    started = time.monotonic()
    store = pipeline.store
    pid = store.partition(partition).partition_id
    empty = store.documents_without_chunks(pid, MOST_OFFENDERS)
    rows = [(partition, uuid_text(document_id), "has text but no chunks") for document_id in empty]
    return _result(NO_EMPTY_DOCUMENT, check_no_empty_document, store.count_documents(pid), rows, started)


def check_quarantine(pipeline: Pipeline, partition: str) -> CheckResult:
    """Every document of the source could be fetched, converted, cut and embedded."""
    started = time.monotonic()
    store = pipeline.store
    pid = store.partition(partition).partition_id
    quarantined = store.quarantined(pid)
    rows = [
        (partition, uuid_text(document), f"{stage}: {reason}")
        for document, stage, reason in quarantined.select("document_id", "stage", "reason").iter_rows()
    ]
    return _result(QUARANTINE_EMPTY, check_quarantine, store.count_documents(pid), rows, started)


def _vector_fault(vector: np.ndarray | None, dimension: int) -> str:
    """What is wrong with a vector, or ""."""
    if vector is None:
        return "no dense vector"
    if vector.shape != (dimension,):
        return f"{vector.shape[0]} dimensions instead of {dimension}"
    if not np.isfinite(vector).all():
        return "not finite"
    length = float(np.linalg.norm(vector))
    return "" if abs(length - 1) < 0.01 else f"length {length:.3f} instead of 1"


def _result(name: str, check: object, compared: int, rows: list[tuple[str, str, str]], started: float) -> CheckResult:
    return CheckResult(
        name=name,
        passed=not rows,
        compared=compared,
        offenders=len(rows),
        table=pl.DataFrame(rows[:MOST_OFFENDERS], schema=_OFFENDERS, orient="row"),
        seconds=time.monotonic() - started,
        invariant=(check.__doc__ or "").splitlines()[0],
    )
