"""What following a large documentation site costs: requests, seconds, CPU and memory of each kind of visit.

`python -m benchmarks.public_docs_scale [--pages 20000] [--delay 0.002]` starts the site in a process of its own and
follows it from another one, so that CPU time and memory measured are the source's alone. Requests a second beside what
the delay allows tell what bounds a visit: the polite pace, or the machine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vector_pipeline_tests.simulators.docs_site_server import DocsSiteProcess
from vector_pipeline_tests.sync.measured_docs import Cost, following, settings_of

EDITS = 20
_PATIENCE = 600.0


def measure(pages: int, delay: float) -> Iterator[tuple[str, Cost, int, int, float]]:
    """(step, its cost, requests, conditional ones among them, seconds between the first and the last of them)."""
    with DocsSiteProcess(pages) as site, tempfile.TemporaryDirectory() as folder:
        settings = settings_of(site.url, delay)

        def counted(name: str, cost: Cost) -> tuple[str, Cost, int, int, float]:
            asked = site.counts()
            site.clear()
            return name, cost, asked.requests, asked.conditional, asked.seconds

        with following(Path(folder, "first"), settings) as follower:
            yield counted("first visit", follower("sync"))
            yield counted("nothing changed: probe", follower("probe"))
            yield counted("nothing changed: whole visit", follower("revisit"))
            site.edit(EDITS)
            yield counted(f"{EDITS} edits: probe and what the sitemap names", follower("sync"))
            site.release()
            yield counted("a release that changes all bytes and no text", follower("revisit"))
        with following(Path(folder, "second"), settings) as follower:
            follower.begin("sync")
            _wait_for_requests(site, pages // 2)
            follower.kill()
            yield counted("first visit, killed half way", Cost(0, 0.0, 0.0, 0.0))
        with following(Path(folder, "second"), settings) as follower:
            yield counted("resumed after the kill", follower("sync"))


def _wait_for_requests(site: DocsSiteProcess, count: int) -> None:
    end = time.monotonic() + _PATIENCE
    while site.counts().requests < count:
        if time.monotonic() > end:
            raise TimeoutError(f"not {count} requests in {_PATIENCE:g} s")
        time.sleep(0.2)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=20_000)
    parser.add_argument("--delay", type=float, default=0.002, help="seconds between requests")
    options = parser.parse_args()
    columns = ("requests", "conditional", "fetched", "seconds", "CPU s", "requests/s", "peak memory MB")
    allowed = f"a delay of {options.delay * 1000:g} ms allows {1 / options.delay:,.0f} requests/s"
    table = Table("step", *columns, title=f"{options.pages:,} pages; {allowed}")
    for name, cost, requests, conditional, seconds in measure(options.pages, options.delay):
        table.add_row(
            *(name, f"{requests:,}", f"{conditional:,}", f"{cost.fetched:,}", f"{cost.seconds:.1f}"),
            *(f"{cost.cpu:.1f}", f"{requests / seconds if seconds else 0:,.0f}", f"{cost.memory:.0f}"),
        )
    Console(width=None if Console().is_terminal else 140).print(table)


if __name__ == "__main__":
    main()
