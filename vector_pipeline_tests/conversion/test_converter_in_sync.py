"""Conversion as a sync sees it: what its settings make it read again, what is tried again, and that nothing else is."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from vector_pipeline.conversion.content import FEW_ATTEMPTS
from vector_pipeline_tests.cli.command import Command, write
from vector_pipeline_tests.conversion.pdf_files import make_pdf
from vector_pipeline_tests.git_repository import GitRepository
from vector_pipeline_tests.project import Project, counts
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sync.exactness import due, quarantined, scratch_folder, settle

PDF = make_pdf([f"The pump of station {number} is serviced in spring." for number in range(40)])
"""About 1,900 characters of text."""
NOTES = b"# Notes\n\nWords of a meeting about pumps.\n"
JIRA = "jira/work.OPS"


def _png() -> bytes:
    """One grey pixel that says nothing."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\x80")),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


PHOTO = _png()


@dataclass
class Life:
    """A project with one source, synced: a PDF file, notes, a photo and an archive in it."""

    project: Project
    partition: str

    def convert_with(self, **settings: Any) -> None:
        """Other settings of conversion from now on."""
        self.project.settings["conversion"] = settings
        self.project.write()

    def sync(self) -> dict[str, int]:
        """What the documents stage did, without zeros."""
        results = self.project.sync(self.partition)
        found = counts(results, "documents")
        return {name: number for name, number in found.items() if number and name != "unchanged"}


def in_folder(project: Project, folder: Path) -> Iterator[str]:
    write(folder / "notes", {"a.pdf": PDF, "notes.md": NOTES, "photo.png": PHOTO, "old.zip": b"PK"})
    yield project.add_folder("notes", folder / "notes")


def in_repository(project: Project, folder: Path) -> Iterator[str]:
    repository = GitRepository(folder / "repository.git")
    for name, data in {"a.pdf": PDF, "notes.md": NOTES, "photo.png": PHOTO, "old.zip": b"PK"}.items():
        repository.write(name, data)
    repository.commit()
    yield project.add_git("docs", repository.url)


def in_confluence(flavour: str) -> Callable[[Project, Path], Iterator[str]]:
    def serve(project: Project, _: Path) -> Iterator[str]:
        with ConfluenceServer(flavour) as server:
            server.state.add_space("ENG")
            page = server.state.add_page("ENG", "Pumps", "<p>All about pumps.</p>")
            for name, data in {"a.pdf": PDF, "notes.md": NOTES, "photo.png": PHOTO, "old.zip": b"PK"}.items():
                server.state.attach(page, name, data)
            server.clock.advance(minutes=600)
            server.state.add_page("ENG", "Newer", "<p>All that is new.</p>")
            server.clock.advance(minutes=60)
            project.add_confluence("wiki", server, "ENG")
            yield "confluence/wiki.ENG"

    return serve


def in_jira(flavour: str) -> Callable[[Project, Path], Iterator[str]]:
    def serve(project: Project, _: Path) -> Iterator[str]:
        with JiraServer(flavour) as server:
            operations = server.state.create_project("OPS")
            issue = server.state.create_issue(operations, "The pump is silent")
            for name, data in {"a.pdf": PDF, "notes.md": NOTES, "photo.png": PHOTO, "old.zip": b"PK"}.items():
                server.state.attach(issue, name, data)
            server.clock.advance(minutes=600)
            server.state.create_issue(operations, "A newer one")  # a delta looks no further back
            server.clock.advance(minutes=60)
            project.add_jira("work", server, "OPS")
            yield JIRA

    return serve


PLACES = {
    "folder": in_folder,
    "repository": in_repository,
    "confluence-cloud": in_confluence("cloud"),
    "confluence-data-center": in_confluence("data_center"),
    "jira-cloud": in_jira("cloud"),
    "jira-data-center": in_jira("data_center"),
}


@pytest.fixture(params=list(PLACES))
def life(request: pytest.FixtureRequest) -> Iterator[Life]:
    """Each kind of source that holds files, or those that a test names."""
    with scratch_folder() as folder:
        project = Project(folder / "project")
        for partition in PLACES[request.param](project, folder):
            yield Life(project, partition)


def test_a_changed_limit_reads_the_files_again_that_workers_convert_and_nothing_else(life: Life) -> None:
    life.sync()
    settle(life.project, life.partition)
    before = life.project.snapshot()
    life.convert_with(max_text=1000)
    reason = due(life.project, life.partition)
    assert reason is not None
    assert reason.reason == "changed at the source"
    assert life.sync() == {"failed": 1, "reread": 1, "skipped: archive, not entered": 1}, "the photo is short enough"
    [why] = quarantined(life.project).values()
    assert why.startswith("holds too much text (more than 1,000 characters)")
    assert due(life.project, life.partition) is None
    assert life.project.snapshot() == before, "the last good version stays"

    life.convert_with(max_text=50_000)
    assert life.sync() == {"reread": 2, "skipped: archive, not entered": 1}
    assert quarantined(life.project) == {}
    assert due(life.project, life.partition) is None
    assert life.project.snapshot() == before
    life.convert_with(max_text=50_000, workers=3, cache_size="1MB")
    assert due(life.project, life.partition) is None, "how much is done at once changes no document"


@pytest.mark.parametrize("life", ["folder", "repository", "jira-cloud"], indirect=True)
def test_installing_the_extra_brings_what_it_reads_and_reads_nothing_else_again(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "xberg", None)
        done = life.sync()
        if life.partition != JIRA or "skipped" in str(done):  # the first listing of Jira Cloud is of ids alone
            assert done["skipped: image: needs the office extra"] == 1
            assert done["skipped: archive, not entered"] == 1
        settle(life.project, life.partition)
        held = len(life.project.paths())
    assert due(life.project, life.partition) is not None
    done = life.sync()
    assert done["skipped: archive, not entered"] == 1
    assert "skipped: image: needs the office extra" not in done
    read = sum(done.get(name, 0) for name in ("added", "changed", "metadata", "reread", "failed"))
    assert read == 2, "the PDF file, which is read by another reader now, and the photo"
    assert len(life.project.paths()) == held, "the photo says nothing"
    assert due(life.project, life.partition) is None


def test_files_that_need_the_extra_wait_in_quarantine_and_leave_it_with_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path / "project")
    folder = project.add_folder("notes", tmp_path / "notes")
    write(tmp_path / "notes", {"letter.eml": b"Subject: Pumps\n\nThe pump is serviced in spring.\n", "notes.md": NOTES})
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "xberg", None)
        project.sync(folder)
        reason = 'needs the office extra; pip install "vector-pipeline[office]"'
        assert quarantined(project) == {"letter.eml": reason}
        settle(project, folder)
    documents = counts(project.sync(folder), "documents")
    assert (documents["added"], documents["reread"]) == (1, 0)
    assert quarantined(project) == {}
    assert project.search("When is the pump serviced?", limit=1)[0]["path"] == "letter.eml"


def test_a_file_that_took_too_long_is_tried_again_on_request_and_with_more_time(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", {"conversion": {"timeout": 0.001}})
    folder = project.add_folder("notes", tmp_path / "notes")
    write(tmp_path / "notes", {"a.pdf": PDF, "notes.md": NOTES})
    command = Command(project)

    def attempts() -> int:
        [row] = command.inside("quarantine", "list", "--json").json()["quarantined"]
        assert row["reason"].startswith("took longer than 0.001 s")
        assert (row["retry_at"] is not None) == (row["attempts"] < FEW_ATTEMPTS), "a few times it is tried of itself"
        return int(row["attempts"])

    project.sync(folder)
    settle(project, folder)
    before = attempts()
    project.sync(folder)
    assert attempts() == before, "not before its time"
    assert "1 due again" in command.inside("quarantine", "retry").out
    project.sync(folder)
    assert attempts() == before + 1
    for _ in range(before + 1, FEW_ATTEMPTS):
        command.inside("quarantine", "retry")
        project.sync(folder)
    assert attempts() == FEW_ATTEMPTS
    project.settings["conversion"] = {"timeout": "60s"}
    project.write()
    project.sync(folder)
    assert quarantined(project) == {}
    assert project.paths() == {"a.pdf", "notes.md"}


@pytest.mark.parametrize("life", ["repository"], indirect=True)
def test_a_probe_starts_no_worker_and_a_sync_leaves_none(life: Life) -> None:
    before = set(psutil.Process().children())
    due(life.project, life.partition)
    life.sync()
    assert set(psutil.Process().children()) <= before
    assert list((life.project.data / "conversions").rglob("*"))
