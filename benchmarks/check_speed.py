"""How fast the checks compare, and in how much memory.

    python -m benchmarks.check_speed [--points 1000000]      made frames of that size, healthy and with faults
    python -m benchmarks.check_speed --files 13500           a real project of so many files: reading and comparing

Each row is a process of its own. The first form measures the comparing alone, all checks of points, chunks and vectors
one after the other as a look makes them; the second also what it takes to read the state store and the collection.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from benchmarks.corpus import write_corpus
from vector_pipeline.consistency.check_file import all_checks
from vector_pipeline.consistency.checks import each_result, look_at, run_sql
from vector_pipeline.consistency.frames.contents import CONTENTS
from vector_pipeline.consistency.frames.coverage import COVERAGE
from vector_pipeline.consistency.frames.points import CURRENT, PRESENT, RECORDED
from vector_pipeline.consistency.look import Depth
from vector_pipeline.settings_file import load_settings
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.runner import sync_partition

CHECKS = ("chunks_cover_documents", "no_partial_documents", "payloads_valid", "points_match_state", "vectors_valid")
CHUNKS_PER_DOCUMENT = 10
SOURCES = 8
SAMPLE = 500

Row = tuple[str, ...]


def make_frames(points: int, faults: int) -> dict[str, pl.DataFrame]:
    """The frames of CHECKS for so many points, `faults` of which are missing, stale and orphaned each."""
    ids = pl.Series([number.to_bytes(16, "big") for number in range(points)], dtype=pl.Binary)
    documents = pl.Series(
        [(number // CHUNKS_PER_DOCUMENT).to_bytes(16, "little") for number in range(points)], dtype=pl.Binary
    )
    marks = np.random.default_rng(1).bytes(16 * points)
    fingerprints = pl.Series([marks[16 * number : 16 * number + 16] for number in range(points)], dtype=pl.Binary)
    sources = pl.Series([f"git/source-{number * SOURCES // points}" for number in range(points)])
    recorded = pl.DataFrame(
        {"partition": sources, "document_id": documents, "point_id": ids, "fingerprint": fingerprints}
    ).cast(RECORDED)
    indexed = recorded.select("document_id", "point_id", source="partition", payload_hash="fingerprint").select(
        list(PRESENT)
    )
    if faults:
        number = pl.int_range(pl.len())
        stale = number.is_between(faults, 2 * faults - 1)
        indexed = indexed.with_columns(
            payload_hash=pl.when(stale).then(pl.lit(bytes(16))).otherwise(pl.col("payload_hash"))
        ).filter(number >= faults)
        stray = indexed.tail(faults).with_columns(
            point_id=pl.Series([os.urandom(16) for _ in range(faults)], dtype=pl.Binary)
        )
        indexed = pl.concat([indexed, stray])
    names = recorded.select(pl.col("partition").cast(pl.String)).unique()
    return {
        "recorded": recorded,
        "derived": recorded.select(list(CURRENT)),
        "indexed": indexed,
        "known": names,
        "settled": names,
        "kept_back": pl.DataFrame(schema={"partition": pl.String, "document_id": pl.Binary}),
        "contents": _contents(recorded.sample(min(points, SAMPLE), seed=1)),
        "coverage": _coverage(recorded.unique("document_id", maintain_order=True)),
    }


def _contents(recorded: pl.DataFrame) -> pl.DataFrame:
    """Sound contents of points."""
    sound: dict[str, Any] = {
        "dimension": 256, "wanted_dimension": 256, "finite": True, "length": 1.0, "wanted_length": 1.0,
        "likeness": 1.0, "stored": "sound", "terms": 50, "wanted_terms": 50, "same_terms": True,
        "as_recorded": True, "as_derived": True,
    }  # fmt: skip
    columns = {name: pl.lit(value) for name, value in sound.items()}
    return recorded.with_columns(**columns).select(list(CONTENTS)).cast(CONTENTS)


def _coverage(documents: pl.DataFrame) -> pl.DataFrame:
    """Sound coverage of documents."""
    sound: dict[str, Any] = {
        "deleted": False, "due": False, "failed": False, "current": True, "lost": False,
        "counted": CHUNKS_PER_DOCUMENT, "rows": CHUNKS_PER_DOCUMENT, "last": CHUNKS_PER_DOCUMENT - 1, "backward": 0,
        "read": False, "text_sound": None, "gaps": None, "different": None,
    }  # fmt: skip
    columns = {name: pl.lit(value) for name, value in sound.items()}
    return documents.with_columns(**columns).select(list(COVERAGE)).cast(COVERAGE)


def compare(points: int, faults: int) -> list[Row]:
    """A row for each check over made frames, and one for all of them."""
    frames = make_frames(points, faults)
    held, before = sum(frame.estimated_size() for frame in frames.values()) / 1e9, _peak()
    rows: list[Row] = []
    begun = time.monotonic()
    for name in CHECKS:
        started = time.monotonic()
        found = run_sql(name, {one: frames[one] for one in all_checks()[name].frames}).height
        rows.append((name, f"{found:,}", f"{time.monotonic() - started:.1f}", ""))
    memory = f"{_peak():.2f} (frames {held:.2f}, before {before:.2f})"
    return [*rows, ("all of them", "", f"{time.monotonic() - begun:.1f}", memory)]


def read_and_compare(folder: Path, depth: str) -> list[Row]:
    """A row for each frame and each check over a real project."""
    loaded = load_settings(folder / "pipeline.yaml")
    rows: list[Row] = []
    with Pipeline(loaded.settings, loaded.data_dir) as pipeline:
        pipeline.embedder.embed_query("warm")
        look = look_at(pipeline, depth=Depth(depth), seed=1)
        begun = time.monotonic()
        for name in sorted({frame for check in CHECKS for frame in all_checks()[check].frames}):
            started = time.monotonic()
            height = look.frame(name).height
            rows.append((f"read: {name}", f"{height:,}", f"{time.monotonic() - started:.1f}", ""))
        for result in each_result(look, [all_checks()[name] for name in CHECKS]):
            rows.append((result.name, f"{result.offenders:,}", f"{result.seconds:.1f}", ""))
        return [*rows, ("all", "", f"{time.monotonic() - begun:.1f}", f"{_peak():.2f}")]


def make_project(folder: Path, files: int) -> None:
    """A synced project with one folder of files."""
    write_corpus(folder / "notes", files)
    (folder / "pipeline.yaml").write_text(
        f"data_dir: {folder / 'data'}\nsources:\n  local_files:\n    notes: {{path: {folder / 'notes'}}}\n"
    )
    loaded = load_settings(folder / "pipeline.yaml")
    with Pipeline(loaded.settings, loaded.data_dir) as pipeline:
        sync_partition(pipeline, "local_files/notes", "benchmark")


def _peak() -> float:
    """Most memory of this process so far, in GB; pages that the engine maps from its files count too."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _alone(work: Callable[..., list[Row]], *arguments: object) -> list[Row]:
    """The rows of some work in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=1_000_000, help="points of the made frames")
    parser.add_argument("--files", type=int, default=0, help="measure a real project of so many files instead")
    given = parser.parse_args()
    tables: dict[str, list[Row]] = {}
    if given.files:
        folder = Path(tempfile.mkdtemp(prefix="vp-bench-"))
        try:
            make_project(folder, given.files)
            for depth in (Depth.SAMPLE, Depth.FULL):
                tables[f"{given.files:,} files, {depth.value}"] = _alone(read_and_compare, folder, depth.value)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    else:
        for faults in (0, given.points // 1000):
            title = f"{given.points:,} points, {faults:,} missing, stale and orphaned each"
            tables[title] = _alone(compare, given.points, faults)
    console = Console(width=120)
    for title, rows in tables.items():
        table = Table("", "rows or offenders", "seconds", "GB at the peak", title=title)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    console.print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
