"""One document at a time at Confluence, Jira and a documentation site, found by what people call it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from vector_pipeline.settings_atlassian import JiraSettings
from vector_pipeline.sources.base import Source
from vector_pipeline.sources.confluence.finding import named_content
from vector_pipeline.sources.jira.finding import named_issue
from vector_pipeline.state.contents import HashedDocument
from vector_pipeline.sync.claiming import NotClaimed, find_claim
from vector_pipeline.sync.one_document import OneRun, bring_in, let_in, read_again, take_out
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sync.exactness import assert_exact, due


@contextmanager
def opened(project: Project, partition: str) -> Iterator[tuple[Pipeline, Source]]:
    with project.open() as pipeline, pipeline.source(partition) as source:
        yield pipeline, source


def add(project: Project, wanted: str) -> OneRun:
    """What `documents add` does."""
    with project.open() as pipeline:
        claim = find_claim(pipeline, wanted, pipeline.partitions())
        with pipeline.source(claim.partition) as source:
            return bring_in(pipeline, claim.partition, source, claim.native_id)


def held(project: Project, title: str) -> list[HashedDocument]:
    with project.open() as pipeline:
        found = pipeline.store.find_documents(pattern=title)
        return pipeline.store.hashed_documents(None, [one.document_id for one in found if one.title == title])


def titles(project: Project) -> set[str]:
    with project.open() as pipeline:
        return {one.title for one in pipeline.store.find_documents()}


def text_of(project: Project, title: str) -> str:
    with project.open() as pipeline:
        document = pipeline.store.document(held(project, title)[0].document_id)
        return document.text if document else ""


def take(project: Project, title: str, *, keep_out: bool) -> OneRun:
    (document,) = held(project, title)
    with opened(project, document.partition) as (pipeline, source):
        return take_out(pipeline, document.partition, source, document, keep_out=keep_out)


def update(project: Project, title: str) -> OneRun:
    (document,) = held(project, title)
    with opened(project, document.partition) as (pipeline, source):
        return read_again(pipeline, document.partition, source, document)


def allow(project: Project, partition: str, native_id: str) -> int:
    with opened(project, partition) as (pipeline, source):
        return let_in(pipeline, partition, source, [native_id.encode()])


def listed_at(project: Project, partition: str) -> datetime | None:
    """When everything was last listed."""
    with project.open() as pipeline:
        return pipeline.store.source_state(pipeline.store.partition(partition).partition_id).census_at


@pytest.mark.parametrize(
    "wanted",
    ["http://[::1", "http://h:99999/x", "https://h:abc/browse/1", "http://h:1:2/", "https://\u2100.example/", "://"],
)
def test_what_is_no_address_names_nothing(wanted: str) -> None:
    for host in ("h", "api.atlassian.com/ex/jira/1", "api.atlassian.com/ex/confluence/1"):
        jira = JiraSettings(url=f"https://{host}", token="t", projects=["OPS"])
        assert named_issue(wanted, "OPS", jira) == ""
        assert named_content(wanted, "ENG", f"https://{host}") is None


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_a_page_is_found_by_id_and_address_and_takes_its_attachments_along(flavour: str, folder: Path) -> None:
    with ConfluenceServer(flavour) as server:
        state, name = server.state, "confluence/wiki.ENG"
        state.add_space("ENG")
        home = state.add_page("ENG", "Home", "<p>Words about boats.</p>")
        guide = state.add_page("ENG", "Guide", "<p>Words about trains.</p>", parent=home)
        state.attach(guide, "notes.md", b"# Notes\n\nOf a meeting.\n")
        project = Project(folder / "project")
        project.add_confluence("wiki", server, "ENG", attachments=True)
        project.sync()
        whole = titles(project)

        server.clock.advance(minutes=5)
        state.edit(guide, "<p>Words about planes.</p>")
        state.edit(home, "<p>Not asked for.</p>")
        sent = server.log.count()
        assert add(project, held(project, "Guide")[0].uri).counts["documents"]["changed"] == 1
        assert server.log.count() - sent < 15
        assert ("planes" in text_of(project, "Guide"), "boats" in text_of(project, "Home")) == (True, True)
        new = state.add_page("ENG", "New", "<p>Words about trams.</p>", parent=guide)
        assert add(project, str(new.id)).counts["documents"]["added"] == 1
        assert "trams" in text_of(project, "New")
        assert due(project, name) is not None
        project.sync()
        assert_exact(project)

        assert take(project, "Guide", keep_out=True).counts["documents"]["deleted"] == 2, "and its attachment"
        before = listed_at(project, name)
        server.clock.advance(days=2)
        state.edit(home, "<p>Words about sledges.</p>")
        project.sync()
        assert "sledges" in text_of(project, "Home")
        assert listed_at(project, name) == before, "what is kept out does not make the counts wrong"
        assert due(project, name) is None
        server.clock.advance(minutes=5)
        state.attach(guide, "more.md", b"# More\n\nOf another meeting.\n")
        project.sync()
        assert titles(project) == (whole - {"Guide", "Notes"}) | {"New"}
        assert allow(project, name, str(guide.id)) == 3
        project.sync()
        assert_exact(project)


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_an_issue_is_found_by_key_and_address_and_takes_its_attachments_along(flavour: str, folder: Path) -> None:
    with JiraServer(flavour) as server:
        state, name = server.state, "jira/work.DOC"
        doc = state.create_project("DOC", "Documents")
        first = state.create_issue(doc, "First", description="Words about boats.")
        second = state.create_issue(doc, "Second", description="Words about trains.")
        state.attach(second, "notes.md", b"# Notes\n\nOf a meeting.\n")
        project = Project(folder / "project")
        project.add_jira("work", server, "DOC", attachments=True)
        project.sync()
        whole = titles(project)
        shown = next(one for one in whole if "Second" in one)

        server.clock.advance(minutes=5)
        state.edit(second, description="Words about planes.")
        state.edit(first, description="Not asked for.")
        sent = server.log.count()
        assert add(project, second.key).counts["documents"]["changed"] == 1
        assert server.log.count() - sent < 15
        assert "planes" in text_of(project, shown)
        new = state.create_issue(doc, "Third", description="Words about trams.")
        state.attach(new, "plan.md", b"# Plan\n\nOf a tram.\n")
        assert add(project, f"{server.url}/browse/{new.key}").counts["documents"]["added"] == 2
        project.sync()
        assert_exact(project)

        assert take(project, shown, keep_out=True).counts["documents"]["deleted"] == 2, "and its attachment"
        before = listed_at(project, name)
        for text in ("Words about sledges.", "Words about balloons."):
            server.clock.advance(days=2)
            state.edit(first, description=text)
            project.sync()
        assert listed_at(project, name) == before, "what is kept out does not make the counts wrong"
        assert due(project, name) is None
        state.attach(second, "more.md", b"# More\n\nOf another meeting.\n")
        project.sync()
        assert not {shown, "Notes", "More"} & titles(project)
        with project.open() as pipeline:
            addresses = {one.native_id.decode(): one.uri for one in pipeline.store.kept_out()}
        assert addresses[str(second.id)].endswith(f"/browse/{second.key}"), "listings of issues tell no address"
        assert allow(project, name, str(second.id)) == 3
        project.sync()
        assert_exact(project)

        # An attachment alone comes back too, though its issue has not changed.
        for text in ("Words about trams.", "Words about boats."):
            server.clock.advance(days=2)
            state.edit(first, description=text)
            project.sync()
        take(project, "Plan", keep_out=False)
        project.sync()
        assert_exact(project)
        with project.open() as pipeline, pytest.raises(NotClaimed, match="no configured source"):
            find_claim(pipeline, "OPS-1", pipeline.partitions())


def test_a_page_of_a_site_is_read_at_once_and_the_next_sync_agrees(folder: Path) -> None:
    with DocsSite(generated=6, seed=3) as site:
        project = Project(folder / "project")
        name = project.add_public_docs("docs", site.url)
        project.sync()
        path = site.paths()[2]
        site.edit(path, "Words about planes that were not there before.")
        sent = len(site.log.all())
        run = add(project, site.address(path) + "#part")
        assert run.counts["documents"]["changed"] == 1
        assert len(site.log.all()) - sent < 5
        with project.open() as pipeline:
            (found,) = (one for one in pipeline.store.find_documents() if one.uri == site.address(path))
            document = pipeline.store.document(found.document_id)
        assert document is not None
        assert "Words about planes" in document.text
        assert due(project, name) is not None
        project.sync()
        assert_exact(project)
        with pytest.raises(Exception, match=r"no document|not to be found"):
            add(project, site.address("/never/was/"))
        assert due(project, name) is None
