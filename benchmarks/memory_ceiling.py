"""Whether a run keeps below its memory ceiling on a corpus ten times as large, under a limit of the kernel.

    python -m benchmarks.memory_ceiling [--room 235] [--corpus MB]

`--room` is what the run may take beyond what it takes anyway, in MB; the corpus is ten times the whole ceiling unless
`--corpus` says otherwise. The embedded index keeps some bytes of every point: with much less room the run ends with the
error that names the setting. The same is run without a ceiling for comparison, on a tenth of the corpus.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vector_pipeline_tests.sync.limited_sync import limited_sync

USUAL_BASE = 135
"""MB that a run takes with the smallest source, to know beforehand what ten times the ceiling is."""

HOURS = 4


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--room", type=int, default=235, help="MB beyond what a run takes anyway")
    parser.add_argument("--corpus", type=int, default=0, help="MB of documents")
    given = parser.parse_args()
    corpus = given.corpus or 10 * (USUAL_BASE + given.room)
    table = Table(title=f"memory ceiling · load before {os.getloadavg()[0]:.2f}")
    for column in ("", "corpus MB", "base MB", "ceiling MB", "peak MB", "documents", "points"):
        table.add_column(column, justify="right")
    for label, size, governed in (("ceiling kept", corpus, True), ("without", corpus // 10, False)):
        with tempfile.TemporaryDirectory(prefix="vp-bench-") as folder:
            told = limited_sync(Path(folder), size, given.room, HOURS * 3600, governed=governed, slack=given.room)
        if told["exit"]:
            table.add_row(label, str(size), *["–"] * 2, f"failed with {told['exit']}", "–", "–")
            Console(stderr=True).print(told["error"], markup=False)
            continue
        memory = [f"{told[name] / 1e6:,.0f}" for name in ("base", "ceiling", "peak")]
        table.add_row(label, f"{size:,}", *memory, f"{told['added']:,}", f"{told['points']:,}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
