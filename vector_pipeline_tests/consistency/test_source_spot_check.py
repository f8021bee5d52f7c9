"""What differs from a source that says that nothing has changed is named; what the next sync will see is not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vector_pipeline.sources.base import Known
from vector_pipeline_tests.consistency.answers import answer, change_store, offences
from vector_pipeline_tests.consistency.damage import stored
from vector_pipeline_tests.git_repository import GitRepository
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.atlassian_conditions import server_error
from vector_pipeline_tests.simulators.confluence_body import Body
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.simulators.docs_site import DocsSite
from vector_pipeline_tests.simulators.docs_site_pages import Page, Section
from vector_pipeline_tests.simulators.jira_server import JiraServer

CHECK = "source_spot_check"
NOTES = "local_files/notes"
TEXT, METADATA = (
    f"not the {what} that its source has, which says that nothing has changed" for what in ("text", "metadata")
)
GONE = "no longer at its source, which says that nothing has changed"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three notes."""
    place = tmp_path / "notes"
    place.mkdir()
    for name in ("harvest", "plumbing", "telescopes"):
        (place / f"{name}.md").write_text(f"# {name}\n\nAll about {name}.\n")
    return place


@pytest.fixture
def project(tmp_path: Path, folder: Path) -> Project:
    """A project with the notes, synced."""
    made = Project(tmp_path / "project")
    made.add_folder("notes", folder)
    made.sync()
    return made


def fool_the_listing(project: Project, partition: str) -> None:
    """Lets the store believe that it has read what the source has now."""
    deadline = time.monotonic() + 60
    with project.open() as pipeline, pipeline.source(partition) as source:
        listing = source.scan(Known(census=True))
        while source.probe() != listing.version:  # a file written a moment ago has no version yet that stays
            assert time.monotonic() < deadline
            listing = source.scan(Known(census=True))
    for native_id, version in listing.items.select("native_id", "version").iter_rows():
        change_store(project, "UPDATE documents SET version = ? WHERE native_id = ?", version, native_id)
    change_store(project, "UPDATE source_cursors SET built_version = ?", listing.version)


def test_every_document_of_a_healthy_source_is_as_its_source_says(project: Project) -> None:
    result = answer(project, CHECK)
    assert result.passed
    assert result.compared == 3
    assert dict(result.numbers) == {"unread": 0, "unreachable": 0, "moved_on": 0}
    for number in (0, 2):
        project.settings["checks"] = {"spot_check": number}
        project.write()
        assert answer(project, CHECK).compared == number


def test_a_change_that_the_listing_did_not_show_is_named(project: Project, folder: Path) -> None:
    (folder / "harvest.md").write_text("# harvest\n\nAll about stealth.\n")
    fool_the_listing(project, NOTES)
    result = answer(project, CHECK)
    assert result.offending["why"].to_list() == [TEXT]
    assert result.offending["repair"].to_list() == ["fetch"]
    assert list(result.documents.values()) == ["harvest.md"]


def test_metadata_that_the_store_has_otherwise_is_named(project: Project) -> None:
    fool_the_listing(project, NOTES)
    change_store(project, "UPDATE documents SET metadata_hash = ? WHERE native_id = ?", bytes(16), b"plumbing.md")
    assert offences(project, CHECK) == [METADATA]


def test_what_changed_since_the_last_sync_is_that_syncs_matter_and_nothing_is_written(
    project: Project, folder: Path
) -> None:
    (folder / "harvest.md").write_text("# harvest\n\nAll about something new.\n")
    (folder / "plumbing.md").unlink()
    with project.open() as pipeline:
        before = stored(pipeline)
    result = answer(project, CHECK)
    assert result.passed
    assert result.numbers["moved_on"] == 2
    with project.open() as pipeline:
        assert stored(pipeline) == before


def test_a_file_that_is_gone_though_the_listing_says_not_is_named(project: Project, folder: Path) -> None:
    (folder / "plumbing.md").unlink()
    fool_the_listing(project, NOTES)
    assert offences(project, CHECK) == [GONE]


def test_a_source_out_of_reach_is_no_fault_of_its_documents(project: Project, folder: Path) -> None:
    folder.rename(folder.with_name("away"))
    result = answer(project, CHECK)
    assert result.passed
    assert (result.compared, result.numbers["unreachable"]) == (0, 3)


def test_documents_read_under_other_settings_are_not_compared(project: Project, folder: Path) -> None:
    project.add_folder("notes", folder, tags=["new"])
    assert (answer(project, CHECK).passed, answer(project, CHECK).compared) == (True, 0)
    project.remove(NOTES)
    assert (answer(project, CHECK).passed, answer(project, CHECK).compared) == (True, 0)


def test_a_repository_is_read_again(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "repository.git")
    repository.write("a.md", "# One\n\nThe first.\n").write("b.md", "# Two\n\nThe second.\n").commit()
    project = Project(tmp_path / "project")
    project.add_git("docs", repository.url)
    project.sync()
    assert (answer(project, CHECK).compared, offences(project, CHECK)) == (2, [])
    repository.write("a.md", "# One\n\nQuite another.\n").commit()
    result = answer(project, CHECK)
    assert (result.passed, result.numbers["moved_on"]) == (True, 1)
    fool_the_listing(project, "git/docs")
    assert offences(project, CHECK) == [TEXT]


@pytest.fixture(params=["cloud", "data_center"])
def wiki(request: pytest.FixtureRequest) -> Iterator[ConfluenceServer]:
    """Pages below each other, one of them restricted, with a label, a comment and an attachment."""
    with ConfluenceServer(request.param) as server:
        state = server.state
        state.add_space("ENG", "Engineering")
        pumps = state.add_page("ENG", "Pumps", "<p>All about pumps.</p>")
        valves = state.add_page("ENG", "Valves", "<p>All about valves.</p>", parent=pumps)
        deep = state.add_page("ENG", "Brass valves", "<p>All about brass.</p>", parent=valves)
        state.label(valves, "metal")
        server.accounts.ada.groups.add("dev")
        state.restrict(deep, groups=["dev"])
        state.comment(pumps, "<p>Well said.</p>")
        state.attach(valves, "notes.md", b"# Notes\n\nWords of a meeting.\n")
        server.clock.advance(minutes=600)
        yield server


def test_a_space_is_read_again_in_few_requests(tmp_path: Path, wiki: ConfluenceServer) -> None:
    project = Project(tmp_path / "project")
    project.add_confluence("wiki", wiki, "ENG", max_wait="2s", timeout="60s")
    project.discover()
    project.sync()
    wiki.log.clear()
    result = answer(project, CHECK)
    assert offences(project, CHECK) == []
    assert result.compared >= 4
    assert result.numbers["unread"] == 0
    assert wiki.log.count() <= 20
    page = next(one for one in wiki.state.contents.values() if one.title == "Valves")
    page.current.body = Body.of("<p>All about something else.</p>")
    assert offences(project, CHECK) == [TEXT]
    wiki.faults.always(server_error(503))
    assert answer(project, CHECK).numbers["unreachable"] == result.compared


def test_a_project_is_read_again_in_few_requests(tmp_path: Path) -> None:
    with JiraServer("data_center") as tracker:
        state = tracker.state
        home = state.create_project("OPS", "Operations")
        issues = [state.create_issue(home, f"The pump {number} is silent") for number in range(6)]
        tracker.clock.advance(minutes=600)
        project = Project(tmp_path / "project")
        project.add_jira("work", tracker, "OPS")
        project.discover()
        project.sync()
        tracker.log.clear()
        result = answer(project, CHECK)
        assert (result.passed, result.compared) == (True, 6)
        assert tracker.log.count() <= 6
        state.edit(issues[3], silent=True, summary="The pump sings")
        assert offences(project, CHECK) == [TEXT]


def test_a_page_of_a_site_that_changed_is_left_to_the_next_visit_which_comes_soon(tmp_path: Path) -> None:
    pages = [Page(f"/p{number}/", f"Page {number}", (Section("Text", (f"All of {number}.",)),)) for number in range(6)]
    start = Page("/", "Start", (Section("Welcome", ("To all.",)),), tuple((page.path, page.title) for page in pages))
    with DocsSite([start, *pages]) as site:
        project = Project(tmp_path / "project")
        partition = project.add_public_docs("docs", site.url, sample=1)
        project.sync()
        result = answer(project, CHECK)
        assert (result.passed, result.compared) == (True, 7)
        site.edit("/p3/", "Quite another text.")
        result = answer(project, CHECK)
        assert result.passed
        with project.open() as pipeline, pipeline.source(partition) as source:
            built = pipeline.store.source_state(pipeline.store.partition(partition).partition_id).built_version
            assert source.probe() != built
