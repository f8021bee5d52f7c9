"""Sites through all stages: what an interrupted run keeps, and what is remembered of a document that left."""

from __future__ import annotations

from pathlib import Path

import pytest

from vector_pipeline.sources.base import SourceUnreachable
from vector_pipeline.sync.stages import DOCUMENTS
from vector_pipeline_tests.project import Project, counts
from vector_pipeline_tests.simulators.atlassian_conditions import server_error
from vector_pipeline_tests.simulators.atlassian_http import Request, Response
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sync.exactness import assert_exact


def held(project: Project) -> int:
    """Number of documents held."""
    with project.open() as pipeline:
        return len(pipeline.store.find_documents(limit=10_000))


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_a_first_sync_that_is_cut_off_again_and_again_comes_to_its_end(tmp_path: Path, flavour: str) -> None:
    """The site answers eight questions, and then no more until the run has given up."""
    with JiraServer(flavour) as server:
        server.seed(server.state.create_project("OPS"), 700)
        project = Project(tmp_path / "project", {"limits": {"fetch_batch": 100}})
        project.add_jira("work", server, "OPS", max_wait="0.05s", concurrency=1)
        asked = 0

        def break_down(request: Request, template: str, answer: Response) -> None:
            nonlocal asked
            asked += 1
            if asked >= 8:
                server.faults.always(server_error(503))

        progress = []
        for _ in range(6):
            asked = 0
            server.observers.append(break_down)
            try:
                project.sync("jira/work.OPS")
                break
            except SourceUnreachable:
                progress.append(held(project))
            finally:
                server.observers.clear()
                server.faults.clear()
        assert progress, "the site did stop it"
        assert progress == sorted(set(progress)), "every run came further than the one before"
        assert held(project) == 700
        assert_exact(project)


def test_why_a_document_left_stands_in_its_history(tmp_path: Path) -> None:
    with ConfluenceServer("cloud") as server:
        server.state.add_space("ENG")
        page = server.state.add_page("ENG", "Rota", "<p>The rota changes on Monday.</p>")
        project = Project(tmp_path / "project")
        project.add_confluence("wiki", server, "ENG")
        project.sync("confluence/wiki.ENG")
        server.clock.advance(minutes=1)
        server.state.trash(page)
        results = project.sync("confluence/wiki.ENG")
        assert counts(results, DOCUMENTS)["gone: in the trash"] == 1
        with project.open() as pipeline:
            partition = pipeline.store.partition("confluence/wiki.ENG").partition_id
            run_id = pipeline.store.ingestions(partition, 1)[0].run_id
            (change,) = pipeline.store.document_changes(partition, run_id, 10)
        assert change.change == "deleted: in the trash"
        assert change.native_id == str(page.id).encode()
