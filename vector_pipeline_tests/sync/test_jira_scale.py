"""What a large project costs: requests are counted, and memory is measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from vector_pipeline.documents import Document, frame_items
from vector_pipeline.sources.base import Known, Listing
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sources.jira.follower import open_source

ISSUES = {"cloud": 50_000, "data_center": 20_000}
CENSUS = {"cloud": 60, "data_center": 30}
"""The most requests of a census: ids five thousand at a time on Cloud, rows a thousand at a time on Data Center."""
CHANGES = 20
LARGEST = 500_000_000


@pytest.fixture(scope="module", params=["cloud", "data_center"])
def large(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    """A site with a large project."""
    with JiraServer(request.param) as server:
        server.seed(server.state.create_project("DOC"), ISSUES[request.param])
        yield server


def scanned(server: JiraServer, known: Known) -> tuple[Listing, list[Document], int]:
    """A scan with the fetch of what it found new, and how many requests both took."""
    server.log.clear()
    source = open_source(server)
    listing = source.scan(known)
    changed = [item for item in frame_items(listing.items) if known.versions.get(item.native_id) != item.version]
    found = [answer for answer in source.fetch(changed if known.versions else []) if isinstance(answer, Document)]
    source.close()
    return listing, found, len(server.log.all())


def test_a_large_project_costs_few_requests(large: JiraServer) -> None:
    issues, most = ISSUES[large.flavour.value], CENSUS[large.flavour.value]
    first, _, requests = scanned(large, Known(census=True))
    assert first.items.height == issues
    assert requests <= most, "a census"
    versions = dict(zip(first.items["native_id"].to_list(), first.items["version"].to_list(), strict=True))

    large.clock.advance(minutes=30)
    for number in range(CHANGES):
        large.clock.advance(seconds=1)
        issue = large.state.issue(f"DOC-{900 * number + 7}")
        assert issue is not None
        large.state.edit(issue, summary=f"Changed {number}")
    large.log.clear()
    source = open_source(large)
    source.probe()
    source.close()
    probes = len(large.log.all())
    delta, documents, requests = scanned(large, Known(cursor=first.cursor, versions=versions))
    assert not delta.complete
    assert len(documents) <= CHANGES + 2, "and what was new as the first scan looked"
    pages = large.log.count("/search") - 1
    assert probes + requests <= pages + CHANGES + 2
    assert probes + requests <= 12, "changed issues are read together"

    versions |= {document.native_id: document.version for document in documents}
    gone = large.state.issue("DOC-12345")
    assert gone is not None
    large.state.delete(gone)
    census, documents, requests = scanned(large, Known(cursor=delta.cursor, versions=versions))
    assert census.complete
    assert not documents
    assert census.items.height == issues - 1
    assert list(census.reasons) == [str(gone.id).encode()]
    assert requests <= most


def test_a_first_sync_holds_only_a_part_in_memory() -> None:
    """Measured apart from the simulated site; the benchmark does the same with 50,000 issues."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.jira_scale", "--issues", "6000", "--flavour", "cloud", "--plain"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    documents, _requests, _seconds, peak, growth = map(float, done.stdout.split()[-5:])
    assert documents == 6000
    assert peak < LARGEST
    assert growth < 100_000_000, "what is fetched does not pile up"
