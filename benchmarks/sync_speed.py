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
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.corpus import edit, write_corpus

_EMBED_ALONE = """
import json, sys, time
from pathlib import Path
import wordllama
from vector_pipeline.settings_file import load_settings
from vector_pipeline.sync.pipeline import Pipeline
library = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
loaded = load_settings(Path(sys.argv[1]))
with Pipeline(loaded.settings, loaded.data_dir) as pipeline:
    numbers = list(range(1, 1 + pipeline.store.sizes()["texts"]))
    bodies = [text for at in range(0, len(numbers), 4000)
              for text in pipeline.store.text_bodies(numbers[at:at + 4000]).values()]
    texts = [text for text in bodies if 0 < len(text) < 4000][:int(sys.argv[2])]
    pipeline.embedder.embed_query("warm")
    pipeline.sparse.encode(["warm"])
    library.embed(["warm"], norm=True)

    def timed(run):
        started = time.perf_counter()
        for at in range(0, len(texts), 4000):
            run(texts[at:at + 4000])
        return (time.perf_counter() - started) / len(texts)

    print(json.dumps({
        "dense": timed(lambda part: list(pipeline.embedder.embed(part))),
        "sparse": timed(pipeline.sparse.encode),
        "library": timed(lambda part: library.embed(part, norm=True, batch_size=32)),
    }))
"""


_RATIOS = {
    "initial sync : embedding alone (dense and sparse)": ("embedding alone: dense s", "embedding alone: sparse s"),
    "initial sync : the library's dense and our sparse": (
        "the model's own library, dense s",
        "embedding alone: sparse s",
    ),
}


@dataclass(frozen=True)
class Run:
    """One `vector-pipeline sync`: its own seconds, the whole process's, its result, and its memory in MB.

    `resident` is the peak of all resident memory, `own` the peak of what is not mapped from files: the engine maps
    the points it writes and the system may take those pages back at any time.
    """

    seconds: float
    process: float
    resident: float
    own: float
    result: dict[str, Any]

    def count(self, name: str) -> float:
        """A count of the first source."""
        return float(self.result["sources"][0]["counts"].get(name, 0))


def run_sync(settings: Path) -> Run:
    """Runs the command line in a process of its own."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = psutil.Popen(
            [sys.executable, "-m", "vector_pipeline", "--config", str(settings), "sync", "--json"],
            stdout=output,
            stderr=errors,
            env={key: value for key, value in os.environ.items() if key != "DAGSTER_HOME"},
        )
        resident = own = 0.0
        while process.poll() is None:
            now_resident, now_own = _memory(process.pid)
            resident, own = max(resident, now_resident), max(own, now_own)
            time.sleep(0.02)
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            raise SystemExit(f"sync failed with exit code {process.returncode}:\n{errors.read().decode()[-2000:]}")
        result = json.loads(output.read())
    return Run(result["seconds"], time.perf_counter() - started, resident, own, result)


def _memory(pid: int) -> tuple[float, float]:
    """Resident and anonymous memory of a process, in MB; zeros once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    values = dict(line.split(":", 1) for line in lines if line.startswith(("VmRSS", "RssAnon")))
    return tuple(int(values.get(name, "0 kB").split()[0]) / 1024 for name in ("VmRSS", "RssAnon"))  # type: ignore[return-value]


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
            [sys.executable, "-c", _EMBED_ALONE, str(settings), "12000"], capture_output=True, check=True, timeout=3600
        ).stdout
    )
    embedded = initial.count("embeddings: embedded")
    runs = (initial, unchanged, changed)
    return {
        "files": len(paths),
        "chunks": initial.count("chunks: chunks"),
        "embedding alone: dense s": alone["dense"] * embedded,
        "embedding alone: sparse s": alone["sparse"] * embedded,
        "the model's own library, dense s": alone["library"] * embedded,
        "initial sync s": initial.seconds,
        "unchanged sync s": unchanged.seconds,
        "1 % changed sync s": changed.seconds,
        "texts embedded after 1 % change": changed.count("embeddings: embedded"),
        "initial, whole process s": initial.process,
        "unchanged, whole process s": unchanged.process,
        "peak memory MB": max(run.resident for run in runs),
        "peak memory without mapped files MB": max(run.own for run in runs),
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
    for title, parts in _RATIOS.items():
        ratios = (column["initial sync s"] / sum(column[part] for part in parts) for column in columns)
        table.add_row(title, *(f"{ratio:.2f}" for ratio in ratios))
    if len(columns) == 2:
        growth = columns[1]["initial sync s"] / columns[0]["initial sync s"]
        table.add_row("growth of the initial sync", "1.00", f"{growth:.2f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
