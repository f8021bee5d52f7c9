"""A small site and sources that read it, for tests that name no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
