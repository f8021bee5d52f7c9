"""A small site and sources that read it, for tests that name no other."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vector_pipeline.sources.public_docs import connection, exchange
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.sources.public_docs.site_reading import Reading, page


@pytest.fixture
def site() -> Iterator[DocsSite]:
    with DocsSite([page("/"), page("/a/"), page("/b/")]) as site:
        yield site


@pytest.fixture
def opened(tmp_path: Path, site: DocsSite) -> Iterator[Any]:
    readings: list[Reading] = []

    def open_source(**settings: Any) -> Reading:
        readings.append(Reading(tmp_path / str(len(readings)), site, **settings))
        return readings[-1]

    yield open_source
    for reading in readings:
        reading.close()


class _HurriedClock:
    """Takes the place of the module `time`."""

    def __init__(self) -> None:
        self._looks = itertools.count()

    def monotonic(self) -> float:
        return time.monotonic() + next(self._looks)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look of an exchange at the clock takes a second, so its time is over after so many reads, soon, and on a
    machine that stands still meanwhile no sooner.
    """
    clock = _HurriedClock()
    for module in (connection, exchange):
        monkeypatch.setattr(module, "time", clock)
