"""What following a large Confluence space costs: requests, seconds and memory of each kind of scan.

`python -m benchmarks.confluence_scale [--pages 50000]` starts the simulated service in a process of its own, once as
Cloud and once as Data Center, and follows it from another one, so that the memory measured is the source's alone.
Seconds hold the simulated service's own time, which is most of them; on a real site the network takes its place.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from rich.console import Console
from rich.table import Table

from vector_pipeline.documents import Document, frame_items
from vector_pipeline.settings_atlassian import ConfluenceSettings
from vector_pipeline.sources.base import Known
from vector_pipeline.sources.confluence.source import ConfluenceSource
from vector_pipeline_tests.converting import any_converter
from vector_pipeline_tests.simulators.atlassian_conditions import API_TOKEN, EMAIL, PERSONAL_ACCESS_TOKEN
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer

CHANGES = 20
BATCH = 500
BODY = "<h2>Part {number}</h2>" + "<p>Words that a page of a wiki could hold, about boats and trains.</p>" * 20


def serve(flavour: str, pages: int, control: Connection) -> None:
    """Runs the service; "edit" and "purge" change it, "count" tells the requests since the last time."""
    with ConfluenceServer(flavour) as server:
        server.state.add_space("ENG", "Engineering")
        server.state.fill("ENG", pages, body=BODY)
        control.send(server.url)
        while (order := control.recv()) != "stop":
            held = [content for content in server.state.contents.values() if content.type == "page"]
            if order == "edit":
                for page in held[1 :: max(1, pages // CHANGES)][:CHANGES]:
                    server.clock.advance(seconds=30)
                    server.state.edit(page, f"<p>Edited at {server.clock.now()}.</p>")
            elif order == "purge":
                server.state.purge(held[-1])
            control.send(server.log.count())
            server.log.clear()


def follow(flavour: str, url: str, control: Connection, results: Connection) -> None:
    """Scans and fetches as the pipeline does; sends a row of figures per step."""
    secrets = {"email": EMAIL, "token": API_TOKEN} if flavour == "cloud" else {"token": PERSONAL_ACCESS_TOKEN}
    settings = ConfluenceSettings.model_validate({"url": url, "deployment": flavour, "spaces": ["ENG"], **secrets})
    source = ConfluenceSource("wiki.ENG", "ENG", settings, any_converter())
    versions: dict[bytes, str] = {}
    cursor: dict[str, Any] = {}

    def ask(order: str) -> int:
        control.send(order)
        found: int = control.recv()
        return found

    def sync(full: bool = False) -> int:
        nonlocal cursor
        source.probe()
        listing = source.scan(Known(cursor, dict(versions), full=full))
        items = [item for item in frame_items(listing.items) if versions.get(item.native_id) != item.version]
        for start in range(0, len(items), BATCH):
            for answer in source.fetch(items[start : start + BATCH]):
                if isinstance(answer, Document):
                    versions[answer.native_id] = answer.version
        cursor = dict(listing.cursor)
        return len(items)

    def step(name: str, work: Callable[[], int]) -> None:
        started = time.perf_counter()
        fetched = work()
        seconds = time.perf_counter() - started
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        results.send((name, ask("count"), fetched, seconds, memory))

    step("first sync", sync)
    step("nothing changed, probe", lambda: len(source.probe()) * 0)
    ask("edit")
    step(f"{CHANGES} edits", sync)
    ask("purge")
    step("one deletion", sync)
    step("census with labels and restrictions", lambda: sync(full=True))
    source.close()
    results.send(None)


def measure(flavour: str, pages: int) -> list[tuple[str, int, int, float, float]]:
    """The rows of one flavour."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    received, sent = context.Pipe(duplex=False)
    server = context.Process(target=serve, args=(flavour, pages, theirs), daemon=True)
    server.start()
    url = ours.recv()
    follower = context.Process(target=follow, args=(flavour, url, ours, sent), daemon=True)
    follower.start()
    rows = list(iter(received.recv, None))
    follower.join()
    ours.send("stop")
    server.join()
    return rows


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=50_000)
    pages = parser.parse_args().pages
    table = Table("flavour", "step", "requests", "fetched", "seconds", "peak memory MB", title=f"{pages:,} pages")
    for flavour in ("cloud", "data_center"):
        for name, requests, fetched, seconds, memory in measure(flavour, pages):
            table.add_row(flavour, name, f"{requests:,}", f"{fetched:,}", f"{seconds:.1f}", f"{memory:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
