"""What it brings that stages overlap: the first sync of a source with and without, taken in turns.

    python -m benchmarks.stream_speed [--files 2000] [--pages 600] [--repeat 3] [--only folder,endpoint,wiki]

Three cases: a folder with the bundled model, where both processors are busy either way; a folder with an endpoint
that takes 50 ms to answer; a wiki that takes 200 ms, with that endpoint. Quote the ratios: the medians of several
rounds that alternate.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from benchmarks.corpus import write_corpus
from benchmarks.sync_speed import Run, run_sync
from vector_pipeline_tests.simulators.atlassian_access import site_settings
from vector_pipeline_tests.simulators.atlassian_conditions import Flavour, slow
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.simulators.openai_server import OpenAIServer

NEVER = 10**9
ENDPOINT_SECONDS, WIKI_SECONDS = 0.05, 0.2
BODY = "<h2>Part {number}</h2>" + "<p>Words of page {number} that a wiki could hold, about boats and trains.</p>" * 20

Case = Callable[[Path, ExitStack, int], Mapping[str, Any]]


def folder(base: Path, stack: ExitStack, size: int) -> Mapping[str, Any]:
    """Settings of a folder of notes."""
    write_corpus(base / "notes", size)
    return {"sources": {"local_files": {"notes": {"path": str(base / "notes")}}}}


def endpoint(base: Path, stack: ExitStack, size: int) -> Mapping[str, Any]:
    """The same with an endpoint that takes its time."""
    return {**folder(base, stack, size), **_served(stack)}


def wiki(base: Path, stack: ExitStack, size: int) -> Mapping[str, Any]:
    """Settings of a wiki that takes its time, with that endpoint."""
    server = stack.enter_context(ConfluenceServer(Flavour.CLOUD))
    server.state.add_space("ENG", "Engineering")
    server.state.fill("ENG", size, body=BODY)
    server.faults.always(slow(WIKI_SECONDS))
    return {"sources": {"confluence": {"wiki": {**site_settings(server), "spaces": ["ENG"]}}}, **_served(stack)}


def _served(stack: ExitStack) -> Mapping[str, Any]:
    server = stack.enter_context(OpenAIServer(dimension=256, keep=10))
    server.faults.delay = ENDPOINT_SECONDS
    given = {"provider": "openai", "model": server.model, "base_url": server.url, "dimensions": 256}
    return {"embedding": given}


CASES: Mapping[str, Case] = {"folder": folder, "endpoint": endpoint, "wiki": wiki}


def measure(case: Case, size: int, above: int) -> Run:
    """One first sync; documents above `above` are streamed."""
    base = Path(tempfile.mkdtemp(prefix="vp-bench-"))
    try:
        with ExitStack() as stack:
            settings = {"data_dir": str(base / "data"), **case(base, stack, size), "limits": {"stream_above": above}}
            file = base / "pipeline.yaml"
            file.write_text(yaml.safe_dump(settings))
            return run_sync(file)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000, help="files of the made folder")
    parser.add_argument("--pages", type=int, default=600, help="pages of the wiki")
    parser.add_argument("--repeat", type=int, default=3, help="rounds; medians are printed")
    parser.add_argument("--only", default=",".join(CASES), help="cases, with commas between them")
    given = parser.parse_args()
    table = Table(title=f"first sync · {os.cpu_count()} cores · load before {os.getloadavg()[0]:.2f}")
    for column in ("case", "one after the other s", "overlapped s", "ratio", "memory MB", "overlapped MB"):
        table.add_column(column, justify="left" if column == "case" else "right")
    for name in given.only.split(","):
        size = given.pages if name == "wiki" else given.files
        runs: dict[int, list[Run]] = {NEVER: [], 100: []}
        for _ in range(given.repeat):
            for above, found in runs.items():
                found.append(measure(CASES[name], size, above))
        apart, together = runs.values()
        ratio = statistics.median(b.seconds / a.seconds for a, b in zip(apart, together, strict=True))
        seconds = [statistics.median(run.seconds for run in found) for found in runs.values()]
        memory = [statistics.median(run.own for run in found) for found in runs.values()]
        table.add_row(name, *(f"{one:.1f}" for one in seconds), f"{ratio:.2f}", *(f"{one:,.0f}" for one in memory))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
