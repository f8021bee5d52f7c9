"""What a first sync and a later one of a large Jira project cost: requests, seconds and memory of the reading process.

    python -m benchmarks.jira_scale [--issues N] [--flavour cloud|data_center]

The simulated site runs in a process of its own, so that its memory does not count. Documents are read and let go, as
the pipeline does once it has recorded them. `--plain` prints numbers only.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import resource
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from vector_pipeline.documents import Document, frame_items
from vector_pipeline.settings_atlassian import JiraSettings
from vector_pipeline.sources.base import Known
from vector_pipeline.sources.jira.source import JiraSource
from vector_pipeline_tests.converting import any_converter
from vector_pipeline_tests.simulators.atlassian_access import site_settings
from vector_pipeline_tests.simulators.jira_server import JiraServer

FETCH_BATCH = 200
"""Documents asked for at once, as the pipeline does."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one phase took; `peak` is the most memory the process held so far, `growth` by how much that rose."""

    name: str
    documents: int
    requests: int
    seconds: float
    peak: int
    growth: int


def serve(flavour: str, issues: int, pipe: Connection) -> None:
    """Runs the site; "change" edits some issues and deletes one, anything else ends it."""
    with JiraServer(flavour) as server:
        server.seed(server.state.create_project("DOC", "Documents"), issues)
        pipe.send(site_settings(server))
        while pipe.recv() == "change":
            server.clock.advance(minutes=30)
            for number in range(20):
                if issue := server.state.issue(f"DOC-{1 + number * issues // 20}"):
                    server.state.edit(issue, summary=f"Changed {number}")
            pipe.send(True)


def peak_memory() -> int:
    """Bytes of memory that this process held at most; its own, where the system also tells that of its parent."""
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def read(name: str, settings: JiraSettings, known: Known) -> tuple[Cost, dict[bytes, str], Known]:
    """A scan and a fetch of all that is new; what is held afterwards, and what the next scan is told."""
    started, before = time.perf_counter(), peak_memory()
    source = JiraSource("work.DOC", "DOC", settings, any_converter())
    listing = source.scan(known)
    items = [item for item in frame_items(listing.items) if known.versions.get(item.native_id) != item.version]
    versions, documents = dict(known.versions), 0
    for start in range(0, len(items), FETCH_BATCH):
        for answer in source.fetch(items[start : start + FETCH_BATCH]):
            if isinstance(answer, Document):
                versions[answer.native_id] = answer.version
                documents += 1
    requests = source._api.site.sent
    source.close()
    seconds = time.perf_counter() - started
    cost = Cost(name, documents, requests, seconds, peak_memory(), peak_memory() - before)
    return cost, versions, Known(cursor=listing.cursor, versions=versions)


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--issues", type=int, default=50_000)
    parser.add_argument("--flavour", choices=["cloud", "data_center"], default="cloud")
    parser.add_argument("--plain", action="store_true", help="print the numbers of the first sync only")
    given = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    site = multiprocessing.get_context("spawn").Process(target=serve, args=(given.flavour, given.issues, theirs))
    site.start()
    settings = JiraSettings.model_validate({**ours.recv(), "projects": ["DOC"], "timeout": "60s"})
    costs = []
    first, _, known = read("first sync", settings, Known(census=True))
    costs.append(first)
    if not given.plain:
        ours.send("change")
        ours.recv()
        cost, _, known = read("20 changes", settings, known)
        costs.append(cost)
        cost, _, known = read("census", settings, Known(known.cursor, known.versions, census=True))
        costs.append(cost)
        cost, _, known = read(
            "every issue verified", settings, Known(known.cursor, known.versions, census=True, full=True)
        )
        costs.append(cost)
    ours.send("end")
    site.join()
    if given.plain:
        print(first.documents, first.requests, f"{first.seconds:.1f}", first.peak, first.growth)
        return
    print(f"Jira, {given.flavour}, {given.issues:,} issues\n")
    print(f"{'':22}{'documents':>10}{'requests':>10}{'seconds':>9}{'peak MB':>9}")
    for cost in costs:
        row = f"{cost.documents:>10,}{cost.requests:>10,}{cost.seconds:>9.1f}{cost.peak / 1e6:>9.0f}"
        print(f"{cost.name:22}{row}")


if __name__ == "__main__":
    main()
