"""Documentation sites under Dagster: observed and brought in step by the same chain and sensor as all others."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest

from vector_pipeline.orchestration.names import chain_keys
from vector_pipeline.orchestration.sensors import SourceNotObserved
from vector_pipeline_tests.conversion.pdf_files import make_pdf
from vector_pipeline_tests.orchestration.dagster_project import DagsterProject, definitions, evaluations
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_faults import unavailable
from vector_pipeline_tests.simulators.docs_site_pages import Page, Section

DOCS = "public_docs"
FRESH = dict.fromkeys(("documents", "chunks", "embeddings", "points"), "FRESH")


@pytest.fixture
def site() -> Iterator[DocsSite]:
    """Four pages and a manual."""
    texts = {"valves": "Tighten the valve.", "seals": "Grease the seal.", "hoses": "Clamp the hose."}
    pages = [Page(f"/{name}/", name.title(), (Section("How", (text,)),)) for name, text in texts.items()]
    start = Page("/", "Pumps", (Section("Welcome", ("All about pumps.",)),), (("/manual.pdf", "Manual"),))
    with DocsSite([start, *pages]) as site:
        site.serve("/manual.pdf", make_pdf(["# Manual", "The impeller spins clockwise."]), "application/pdf")
        yield site


@pytest.fixture
def followed(dagster_project: DagsterProject, site: DocsSite) -> DagsterProject:
    """The site, found by the first tick and in step. Each probe looks at every page."""
    dagster_project.project.add_public_docs("pumps", site.url, max_retries=0, observe_every="0.001s", sample=100)
    dagster_project.project.settings["sources"][DOCS]["pumps"]["discover"] = "both"
    dagster_project.project.write()
    assert dagster_project.settle(DOCS) == ["pumps"]
    return dagster_project


def test_the_chain_of_sites_is_like_all_others(followed: DagsterProject, site: DocsSite) -> None:
    graph = definitions().resolve_asset_graph()
    assert [key.path for key in chain_keys(DOCS)] == [[DOCS, stage] for stage in FRESH]
    for key, above in zip(chain_keys(DOCS), [[DOCS, "source"], *([DOCS, stage] for stage in FRESH)], strict=False):
        assert above in [parent.path for parent in graph.get(key).parent_keys]
    assert followed.keys(DOCS) == {"pumps"}
    assert followed.staleness("pumps", DOCS) == FRESH
    metadata = followed.metadata("pumps", "documents", DOCS)
    assert metadata["added"] == 5
    assert metadata["url"] == site.url
    assert f"(<{site.address('/manual.pdf')}>)" in metadata["latest_changes"]
    assert "impeller" not in str(metadata), "no text of documents"


def test_a_changed_page_is_seen_and_launched_by_the_next_tick(followed: DagsterProject, site: DocsSite) -> None:
    children = set(psutil.Process().children(recursive=True))
    site.edit("/seals/", "Replace the seal by a walrus.")
    tick = followed.tick(DOCS)
    assert [request.partition_key for request in tick.requests] == ["pumps"]
    assert set(psutil.Process().children(recursive=True)) <= children, "a probe starts no worker"
    result = followed.run(DOCS, "pumps", tags=tick.requests[0].tags)
    assert result.success
    assert all(evaluation.passed for evaluation in evaluations(result).values())
    assert evaluations(result)
    assert followed.metadata("pumps", "documents", DOCS)["changed"] == 1
    assert followed.metadata("pumps", "embeddings", DOCS)["embedded"] == 1
    assert followed.project.search("a walrus")[0]["uri"] == site.address("/seals/")
    assert followed.settle(DOCS) == [], "nothing is left to do"
    assert followed.staleness("pumps", DOCS) == FRESH
    assert followed.check().success


def test_a_release_without_a_new_word_starts_nothing_and_a_removed_page_is_deleted(
    followed: DagsterProject, site: DocsSite
) -> None:
    before = followed.project.snapshot()
    site.release()
    assert followed.settle(DOCS) == [], "every byte has changed, and no text"
    assert followed.project.snapshot() == before
    site.remove("/hoses/")
    assert followed.settle(DOCS) == ["pumps"]
    assert followed.metadata("pumps", "documents", DOCS)["deleted"] == 1
    assert not any(hit["uri"].endswith("/hoses/") for hit in followed.project.search("clamp the hose", limit=20))
    assert followed.settle(DOCS) == []


def test_a_site_that_is_away_is_an_error_someone_sees_and_loses_nothing(
    followed: DagsterProject, site: DocsSite
) -> None:
    before = followed.project.snapshot()
    with site.failing(unavailable()):
        followed.tick(DOCS)  # once may be over in a moment
        with pytest.raises(SourceNotObserved, match=r"public_docs/pumps.*503"):
            followed.tick(DOCS)
    assert followed.project.snapshot() == before
    assert followed.settle(DOCS) == []
    assert followed.project.snapshot() == before
