"""One document at a time: brought in, read again, taken out and kept out; and no later sync misses anything."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from vector_pipeline.consistency.check_file import all_checks
from vector_pipeline.consistency.checks import look_at, run_checks
from vector_pipeline.consistency.look import Depth
from vector_pipeline.consistency.resetting import reset
from vector_pipeline.documents import Document, Failure, Item, document_id
from vector_pipeline.settings_sources import GitSettings
from vector_pipeline.sources.base import SourceUnreachable
from vector_pipeline.sources.git import GitSource
from vector_pipeline.state.history_table import ONE_DOCUMENT
from vector_pipeline.sync.errors import SyncError
from vector_pipeline.sync.one_document import OneRun, bring_in, let_in, read_again, take_out
from vector_pipeline.sync.runner import sync_partition
from vector_pipeline_tests.git_repository import GitRepository
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.sync.exactness import assert_consistent, due, scratch_folder

NAMES = [b"a.md", b"sub/b.md", b"raw\xff.md"]
TEXTS = ["# Title\n\nWords about boats.\n", "# Title\n\nWords about trains.\n"]
CHANGES = ["write", "delete", "rewind"]
ACTIONS = ["add", "update", "remove", "keep out", "allow", "sync"]

operations = st.one_of(
    st.tuples(st.sampled_from(CHANGES), st.sampled_from(NAMES), st.sampled_from(TEXTS)),
    st.tuples(st.sampled_from(ACTIONS), st.sampled_from(NAMES), st.just("")),
)


class Upstream:
    """A repository and a folder with the same files; a rewind takes both back to what was before the last change."""

    def __init__(self, folder: Path) -> None:
        self.project = Project(folder / "project")
        self.root = folder / "files"
        self.partitions = [
            self.project.add_git("docs", folder / "repository"),
            self.project.add_folder("docs", self.root),
        ]
        self.repository = GitRepository(folder / "repository")
        self._former = ""
        self.change("write", b"always.md", "It is always there.\n")
        self.change("write", NAMES[0], TEXTS[0])

    @property
    def texts(self) -> dict[bytes, str]:
        return {name: content.decode() for name, (_, content) in self.repository.files.items()}

    def change(self, what: str, name: bytes, text: str) -> None:
        repository, former = self.repository, self.repository.head
        if what == "rewind" and former:
            former = self._former
            repository.reset(former)
        elif what == "write":
            repository.write(name, text).commit()
        elif what == "delete" and name in repository.files:
            repository.delete(name).commit()
        self._former = former
        for file in self.root.rglob("*"):
            if file.is_file() and os.fsencode(file.relative_to(self.root)) not in repository.files:
                file.unlink()
        for path, content in self.texts.items():
            file = self.root / os.fsdecode(path)
            file.parent.mkdir(exist_ok=True)
            if not file.exists() or file.read_text() != content:
                file.write_text(content)


def act(project: Project, name: str, action: str, native_id: bytes) -> OneRun | None:
    """What a person asks for; nothing where it is impossible."""
    with project.open() as pipeline, pipeline.source(name) as source, contextlib.suppress(SyncError):
        pid = pipeline.store.partition(name).partition_id
        held = pipeline.store.hashed_documents(pid, [document_id(source.type, source.name, native_id)])
        match action:
            case "add":
                return bring_in(pipeline, name, source, native_id)
            case "update" if held:
                return read_again(pipeline, name, source, held[0])
            case "remove" | "keep out" if held:
                return take_out(pipeline, name, source, held[0], keep_out=action == "keep out")
            case "allow":
                let_in(pipeline, name, source, [native_id])
    return None


def held_texts(project: Project, name: str) -> dict[bytes, str]:
    """The text of every document that is held, by native id."""
    with project.open() as pipeline:
        found = [pipeline.store.document(one.document_id) for one in pipeline.store.find_documents(partition=name)]
        return {one.native_id: one.text for one in found if one is not None}


def kept_out(project: Project, name: str) -> set[bytes]:
    with project.open() as pipeline:
        return {one.native_id for one in pipeline.store.kept_out() if one.partition == name}


def sync_where_due(project: Project, name: str) -> None:
    """What a sensor does: nothing where it sees nothing to do."""
    if due(project, name) is not None:
        with project.open() as pipeline:
            sync_partition(pipeline, name, f"sync-{os.urandom(4).hex()}")


@settings(
    max_examples=2, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(steps=st.lists(operations, min_size=4, max_size=10))
@example([("sync", b"", ""), ("write", NAMES[0], TEXTS[1]), ("update", NAMES[0], ""), ("rewind", b"", "")])
@example([("sync", b"", ""), ("keep out", NAMES[0], ""), ("sync", b"", ""), ("allow", NAMES[0], "")])
@example([("sync", b"", ""), ("remove", NAMES[0], "")])
def test_after_any_sequence_a_sync_that_comes_when_due_makes_everything_right(
    steps: list[tuple[str, bytes, str]],
) -> None:
    with scratch_folder() as folder:
        upstream = Upstream(folder)
        project = upstream.project
        for what, name, text in steps:
            if what in CHANGES:
                upstream.change(what, name, text)
                continue
            for partition in upstream.partitions:
                if what == "sync":
                    sync_where_due(project, partition)
                else:
                    act(project, partition, what, name)
                    assert not kept_out(project, partition) & held_texts(project, partition).keys()
        project.let_age()
        for partition in upstream.partitions:
            sync_where_due(project, partition)
            expected = {key: text for key, text in upstream.texts.items() if key not in kept_out(project, partition)}
            assert held_texts(project, partition) == expected, (partition, steps)
            assert due(project, partition) is None, "one sync is enough"
        assert_consistent(project)


def failing(project: Project) -> list[tuple[str, str]]:
    """What the checks find that do not count failures which are known."""
    with project.open() as pipeline:
        results = run_checks(look_at(pipeline, depth=Depth.FULL), all_checks().values())
    found = [(one.name, row["why"]) for one in results if not one.passed for row in one.offending.to_dicts()]
    return found + [(one.name, one.error) for one in results if one.error]


def test_no_check_takes_what_was_kept_out_or_brought_in_for_a_fault(folder: Path) -> None:
    upstream = Upstream(folder)
    project = upstream.project
    project.sync()
    assert failing(project) == []
    for name in upstream.partitions:
        assert act(project, name, "keep out", b"always.md") is not None
        project.sync(name)
    assert failing(project) == []
    upstream.change("write", b"new.md", TEXTS[1])
    for name in upstream.partitions:
        assert act(project, name, "add", b"new.md") is not None
        act(project, name, "remove", b"a.md")
    assert failing(project) == []
    with project.open() as pipeline:
        reset(pipeline, upstream.partitions[0], drop=True)
    project.sync(upstream.partitions[0])
    assert held_texts(project, upstream.partitions[0]).keys() == {b"a.md", b"new.md"}, "what is kept out stays out"
    with project.open() as pipeline:
        assert {row.mode for row in pipeline.store.ingestions()} == {"auto", ONE_DOCUMENT}


def test_what_failed_to_come_in_keeps_the_source_in_step(folder: Path) -> None:
    upstream = Upstream(folder)
    upstream.project.sync()
    (folder_partition,) = (name for name in upstream.partitions if name.startswith("local_files"))
    upstream.project.let_age()
    upstream.project.sync()
    assert due(upstream.project, folder_partition) is None
    for action in ("add", "update"):
        act(upstream.project, folder_partition, action, b"a.md")
        assert due(upstream.project, folder_partition) is None, "nothing had changed, so nothing is to be compared"
    with upstream.project.open() as pipeline, pipeline.source(folder_partition) as source:
        with pytest.raises(SyncError, match="no document"):
            bring_in(pipeline, folder_partition, source, b"nowhere.md")
        (last, *_) = pipeline.store.ingestions()
    assert (last.mode, last.status) == (ONE_DOCUMENT, "failed")
    assert due(upstream.project, folder_partition) is None


class BreaksOff(GitSource):
    """A repository that fails right after it has given its first answer."""

    def fetch(self, items: Sequence[Item]) -> Iterator[Document | Failure]:
        yield next(iter(super().fetch(items)))
        raise SourceUnreachable("git/docs: broken off")


def test_a_run_that_breaks_off_after_it_has_written_is_made_up_for(folder: Path) -> None:
    upstream = Upstream(folder)
    project, name = upstream.project, upstream.partitions[0]
    project.sync()
    upstream.change("write", b"new.md", TEXTS[0])
    with project.open() as pipeline:
        given_settings = pipeline.source_settings(name)
        assert isinstance(given_settings, GitSettings)
        source = BreaksOff("docs", given_settings, pipeline.data_dir / "mirrors", pipeline.converter)
        with pytest.raises(SourceUnreachable):
            bring_in(pipeline, name, source, b"new.md")
    assert b"new.md" in held_texts(project, name)
    # The repository goes back to what the last sync saw: only the note tells that there is something to compare.
    upstream.change("rewind", b"", "")
    sync_where_due(project, name)
    assert held_texts(project, name) == upstream.texts
    assert_consistent(project)
