"""How long a sync takes and how much memory, for a folder of markdown files: initial, unchanged, 1 % changed.

    python -m benchmarks.sync_speed [--files 4000] [--scale 10] [--folder PATH] [--repeat 3]

Every sync is the command line in a process of its own; seconds are its own, from the start of the command. What is
compared in one table was measured in one go on the same machine, alternating; quote ratios and medians.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.corpus import edit, write_corpus

_EMBED_ALONE = """
import json, sys, time
from pathlib import Path
from vector_pipeline.settings_file import load_settings
from vector_pipeline.sync.pipeline import Pipeline
loaded = load_settings(Path(sys.argv[1]))
with Pipeline(loaded.settings, loaded.data_dir) as pipeline:
    numbers = list(range(1, 1 + pipeline.store.sizes()["texts"]))
    bodies = [text for at in range(0, len(numbers), 4000) for text in
              pipeline.store.text_bodies(numbers[at:at + 4000]).values()]
    texts = [text for text in bodies if len(text) < 4000]
    pipeline.embedder.embed_query("warm")
    pipeline.sparse.encode(["warm"])
    started = time.perf_counter()
    for at in range(0, len(texts), 4000):
        for _ in pipeline.embedder.embed(texts[at:at + 4000]):
            pass
    dense = time.perf_counter() - started
    started = time.perf_counter()
    for at in range(0, len(texts), 4000):
        pipeline.sparse.encode(texts[at:at + 4000])
    print(json.dumps({"texts": len(texts), "dense": dense, "sparse": time.perf_counter() - started}))
"""


def run_sync(settings: Path) -> dict[str, Any]:
    """One `vector-pipeline sync` in its own process: its seconds, the whole process's, its peak memory in MB."""
    started = time.perf_counter()
    process = psutil.Popen(
        [sys.executable, "-m", "vector_pipeline", "--config", str(settings), "sync", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if key != "DAGSTER_HOME"},
    )
    output, errors = process.communicate(timeout=3600)
    if process.returncode != 0:
        raise SystemExit(f"sync failed with exit code {process.returncode}:\n{errors.decode()[-2000:]}")
    result = json.loads(output)
    return {
        "seconds": result["seconds"],
        "process": time.perf_counter() - started,
        "peak": _children_peak(),
        "result": result,
    }


def _children_peak() -> float:
    """Peak resident memory of the largest child so far, in MB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def measure(files: int, folder: Path | None, repeat: int) -> dict[str, float]:
    """All phases for one corpus, medians over `repeat` rounds."""
    rounds: list[dict[str, float]] = []
    for _ in range(repeat):
        base = Path(tempfile.mkdtemp(prefix="vp-bench-"))
        try:
            rounds.append(_measure_once(base, files, folder))
        finally:
            shutil.rmtree(base, ignore_errors=True)
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def _measure_once(base: Path, files: int, folder: Path | None) -> dict[str, float]:
    notes = base / "notes"
    if folder is None:
        write_corpus(notes, files)
    else:
        shutil.copytree(folder, notes)
    settings = base / "pipeline.yaml"
    settings.write_text(f"data_dir: {base / 'data'}\nsources:\n  local_files:\n    notes: {{path: {notes}}}\n")
    initial = run_sync(settings)
    unchanged = run_sync(settings)
    paths = sorted(notes.rglob("*.md"))
    changed_files = max(1, len(paths) // 100)
    for path in random.Random(1).sample(paths, changed_files):
        edit(path, "autumn")
    changed = run_sync(settings)
    alone = json.loads(
        subprocess.run(
            [sys.executable, "-c", _EMBED_ALONE, str(settings)], capture_output=True, check=True, timeout=3600
        ).stdout
    )
    counts = initial["result"]["sources"][0]["counts"]
    return {
        "files": len(paths),
        "chunks": counts["chunks: chunks"],
        "embedding alone (dense) s": alone["dense"] * counts["embeddings: embedded"] / max(1, alone["texts"]),
        "sparse encoding alone s": alone["sparse"] * counts["embeddings: embedded"] / max(1, alone["texts"]),
        "initial sync s": initial["seconds"],
        "unchanged sync s": unchanged["seconds"],
        "1 % changed sync s": changed["seconds"],
        "texts embedded after 1 % change": changed["result"]["sources"][0]["counts"]["embeddings: embedded"],
        "initial, whole process s": initial["process"],
        "unchanged, whole process s": unchanged["process"],
        "peak memory MB": max(initial["peak"], unchanged["peak"], changed["peak"]),
    }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=4000, help="files of the made corpus")
    parser.add_argument("--scale", type=int, default=0, help="measure a corpus this many times as large too")
    parser.add_argument("--folder", type=Path, help="measure a copy of this folder instead")
    parser.add_argument("--repeat", type=int, default=1, help="rounds; the median is printed")
    given = parser.parse_args()
    before = os.getloadavg()
    columns = [measure(given.files, given.folder, given.repeat)]
    if given.scale > 1:
        columns.append(measure(given.files * given.scale, given.folder, 1))
    table = Table(title=f"sync of a folder · {os.cpu_count()} cores · load before {before[0]:.2f}")
    table.add_column("what")
    for column in columns:
        table.add_column(f"{column['files']:,.0f} files", justify="right")
    for name in columns[0]:
        table.add_row(name, *(f"{column[name]:,.2f}".removesuffix(".00") for column in columns))
    table.add_row(
        "initial sync : embedding alone",
        *(f"{column['initial sync s'] / column['embedding alone (dense) s']:.2f}" for column in columns),
    )
    if len(columns) == 2:
        growth = columns[1]["initial sync s"] / columns[0]["initial sync s"]
        table.add_row("growth of the initial sync", "1.00", f"{growth:.2f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
