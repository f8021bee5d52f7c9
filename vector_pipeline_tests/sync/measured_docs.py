"""A documentation site followed from a process of its own: memory and time measured are the source's alone."""

from __future__ import annotations

import multiprocessing
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vector_pipeline.documents import Document, frame_items
from vector_pipeline.settings_public_docs import PublicDocsSettings
from vector_pipeline.sources.base import Known
from vector_pipeline.sources.public_docs.source import PublicDocs
from vector_pipeline_tests.converting import any_converter

_BATCH = 500
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step took. `cpu` are seconds of the follower's processor time, `memory` its peak so far in MB."""

    fetched: int
    seconds: float
    cpu: float
    memory: float


def follow(folder: Path, settings: dict[str, Any], orders: Connection) -> None:
    """Does what is ordered ("probe", "sync", "revisit") as the pipeline does, tells what each cost, until killed."""
    source = PublicDocs("guide", PublicDocsSettings.model_validate(settings), folder, any_converter())
    versions: dict[bytes, str] = {}
    cursor: dict[str, Any] = {}
    while True:
        order = orders.recv()
        started, cpu = time.perf_counter(), time.process_time()
        fetched = 0
        observed = source.probe()
        if order != "probe":
            listing = source.scan(Known(cursor, dict(versions), census=order == "revisit"))
            items = [item for item in frame_items(listing.items) if versions.get(item.native_id) != item.version]
            for start in range(0, len(items), _BATCH):
                for answer in source.fetch(items[start : start + _BATCH]):
                    assert isinstance(answer, Document), answer
                    versions[answer.native_id] = answer.version
            cursor, fetched, observed = dict(listing.cursor), len(items), listing.version
        cost = Cost(fetched, time.perf_counter() - started, time.process_time() - cpu, peak_memory())
        assert order == "probe" or observed == source.probe(), "a visit that leaves nothing to visit"
        orders.send(cost)


class Follower:
    """A source in a process of its own."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self._orders, theirs = context.Pipe()
        self.process = context.Process(target=follow, args=(folder, settings, theirs), daemon=True)
        self.process.start()
        theirs.close()  # so that a follower that broke is noticed

    def begin(self, order: str) -> None:
        """Lets it work, without waiting."""
        self._orders.send(order)

    def __call__(self, order: str) -> Cost:
        """What an order costs."""
        self.begin(order)
        cost: Cost = self._orders.recv()
        return cost

    def kill(self) -> None:
        """Ends it without notice, if it is still there."""
        self.process.kill()
        self.process.join()


@contextmanager
def following(folder: Path, settings: dict[str, Any]) -> Iterator[Follower]:
    """A follower, killed at the end: there is nothing that it would have to finish."""
    follower = Follower(folder, settings)
    try:
        yield follower
    finally:
        follower.kill()


def settings_of(url: str, delay: float) -> dict[str, Any]:
    """Settings of the simulated site; whole visits are made whenever they are ordered."""
    host = urlsplit(url).netloc
    return {
        "url": url,
        "private_hosts": [host],
        "delay": f"{delay:g}s",
        "max_pages": 1_000_000,
        "census_every": "0.001s",
        "revisit_soonest": "0.001s",
    }


def peak_memory() -> float:
    """The most memory that this process had in use, in MB. Unlike `ru_maxrss` it forgets what its parent had."""
    found = re.search(r"^VmHWM:\s*(\d+) kB", _STATUS.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024
