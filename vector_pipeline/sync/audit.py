"""Looking into the index itself, where the record of what was applied can't be trusted.

The usual run believes the record. After a run that died while writing, and in a full run, the points of the
partition are listed from the index and compared with the record.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from vector_pipeline.state.records import Partition
from vector_pipeline.sync.pipeline import Pipeline

_RECORDED = pl.Schema({"point_id": pl.Binary, "fingerprint": pl.Binary})
_PRESENT = pl.Schema({"point_id": pl.Binary, "payload_hash": pl.String})

RECORDS_AT_ONCE = 10_000
"""Records dropped in one transaction."""


def forget_lost_points(pipeline: Pipeline, partition: Partition, target: int) -> int:
    """Drops the record of points that the index lacks or holds in another version, so that they are written again."""
    lost = find_lost_points(pipeline, partition, target)
    for start in range(0, len(lost), RECORDS_AT_ONCE):
        pipeline.store.record_points(target, [], lost[start : start + RECORDS_AT_ONCE])
    return len(lost)


def find_lost_points(pipeline: Pipeline, partition: Partition, target: int) -> list[bytes]:
    """Ids of points on record that the index lacks or holds in another version."""
    recorded = _recorded(pipeline, partition, target)
    present = _present(pipeline, partition).with_columns(
        fingerprint=pl.col("payload_hash").str.decode("hex", strict=False)
    )
    return recorded.join(present, on=["point_id", "fingerprint"], how="anti")["point_id"].to_list()


def find_orphans(
    pipeline: Pipeline, partition: Partition, target: int, *, forgotten: Sequence[bytes] = ()
) -> list[bytes]:
    """Ids of points of this partition that the index holds and the record, without `forgotten`, does not know."""
    left_out = pl.Series("point_id", forgotten, dtype=pl.Binary)
    recorded = _recorded(pipeline, partition, target).filter(~pl.col("point_id").is_in(left_out.implode()))
    return _present(pipeline, partition).join(recorded, on="point_id", how="anti")["point_id"].to_list()


def _recorded(pipeline: Pipeline, partition: Partition, target: int) -> pl.DataFrame:
    frames = [
        frame.select("point_id", "fingerprint")
        for frame in pipeline.store.expected_points(target, partition.partition_id)
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=_RECORDED)


def _present(pipeline: Pipeline, partition: Partition) -> pl.DataFrame:
    frames = [
        frame.select("point_id", "payload_hash") for frame in pipeline.index.scroll(pipeline.collection, partition.name)
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=_PRESENT)
