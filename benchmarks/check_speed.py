"""How fast the global check compares a state store with a collection, and in how much memory.

`python -m benchmarks.check_speed [--points 1000000]` makes the frames that the check reads, with as many points, and
compares them in a process of its own: once as they should be, once with faults.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from vector_pipeline.consistency.checks import POINTS_MATCH_STATE, run_sql

CHUNKS_PER_DOCUMENT = 10
SOURCES = 8


def make_frames(points: int, faults: int) -> dict[str, pl.DataFrame]:
    """The frames of the check for so many points, `faults` of which are missing, stale and orphaned each."""
    ids = [number.to_bytes(16, "big") for number in range(points)]
    documents = [(number // CHUNKS_PER_DOCUMENT).to_bytes(16, "little") for number in range(points)]
    sources = [f"git/source-{number * SOURCES // points}" for number in range(points)]
    marks = np.random.default_rng(1).bytes(16 * points)
    fingerprints = [marks[16 * number : 16 * number + 16] for number in range(points)]
    recorded = pl.DataFrame(
        {"partition": sources, "document_id": documents, "point_id": ids, "fingerprint": fingerprints},
        schema={"partition": pl.String, "document_id": pl.Binary, "point_id": pl.Binary, "fingerprint": pl.Binary},
    )
    texts = [document.hex() for document in documents]
    indexed = pl.DataFrame(
        {
            "point_id": ids,
            "source": sources,
            "document_id": [f"{t[:8]}-{t[8:12]}-{t[12:16]}-{t[16:20]}-{t[20:]}" for t in texts],
            "payload_hash": [mark.hex() for mark in fingerprints],
        },
        schema={"point_id": pl.Binary, "source": pl.String, "document_id": pl.String, "payload_hash": pl.String},
    )
    if faults:
        number = pl.int_range(pl.len())
        stale = number.is_between(faults, 2 * faults - 1)
        indexed = indexed.with_columns(
            payload_hash=pl.when(stale).then(pl.lit("00" * 16)).otherwise(pl.col("payload_hash"))
        ).filter(number >= faults)
        stray = indexed.tail(faults).with_columns(
            point_id=pl.Series([os.urandom(16) for _ in range(faults)], dtype=pl.Binary)
        )
        indexed = pl.concat([indexed, stray])
    return {
        "recorded": recorded,
        "derived": recorded.select("partition", "document_id", "point_id"),
        "indexed": indexed,
        "known": recorded.select("partition").unique(),
        "kept_back": recorded.select("partition", "document_id").clear(),
        "settled": recorded.select("partition").unique(),
    }


def measure(points: int, faults: int, answer: multiprocessing.Queue[tuple[int, float, float, float]]) -> None:
    """Puts (offenders, seconds of the check, GB of the frames alone, GB at the peak) into the queue."""
    frames = make_frames(points, faults)
    held = sum(frame.estimated_size() for frame in frames.values()) / 1e9
    started = time.monotonic()
    offenders = run_sql(POINTS_MATCH_STATE, frames).height
    seconds = time.monotonic() - started
    answer.put((offenders, seconds, held, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=1_000_000)
    points = parser.parse_args().points
    table = Table("points", "faults put in", "offenders found", "seconds", "frames GB", "peak GB (all of it)")
    context = multiprocessing.get_context("spawn")
    for faults in (0, points // 1000):
        answer: multiprocessing.Queue[tuple[int, float, float, float]] = context.Queue()
        process = context.Process(target=measure, args=(points, faults, answer))
        process.start()
        while answer.empty():
            process.join(0.2)
            if process.exitcode:
                raise SystemExit("the check failed; see above")
        offenders, seconds, held, peak = answer.get()
        process.join()
        row = (f"{points:,}", f"{3 * faults:,}", f"{offenders:,}", f"{seconds:.1f}", f"{held:.2f}", f"{peak:.2f}")
        table.add_row(*row)
    console = Console()
    console.print(table)
    console.print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
