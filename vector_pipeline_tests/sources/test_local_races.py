"""Folders that change while they are read: nothing outside is ever read, no torn file becomes a document."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from vector_pipeline.documents import Document, Failure, Item, frame_items
from vector_pipeline.settings_sources import LocalFilesSettings
from vector_pipeline.sources.base import Known
from vector_pipeline.sources.local_files import LocalFiles
from vector_pipeline.sources.local_read import ATTEMPTS
from vector_pipeline_tests.converting import any_converter

SECONDS = 1.5
TRANSIENT = ("no longer there", "keeps changing while it is read")


def source_of(root: Path) -> LocalFiles:
    """The source for a folder."""
    return LocalFiles("notes", LocalFilesSettings(path=root), root, any_converter())


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """Repeats `work` in another thread as long as the block runs."""
    done = threading.Event()

    def repeat() -> None:
        while not done.is_set():
            work()

    with ThreadPoolExecutor(1) as pool:
        repeating = pool.submit(repeat)
        try:
            yield
        finally:
            done.set()
        repeating.result(120)


def test_a_folder_swapped_for_a_link_never_leads_outside(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "folder").mkdir(parents=True)
    outside.mkdir()
    (root / "folder" / "a.md").write_text("inside")
    (outside / "a.md").write_text("secret")
    (outside / "only outside.md").write_text("secret")
    for number in range(1_000):  # so that time passes between the look at the root and the step into the folder
        (root / f"{number}.md").touch()
    link = root / "link"
    link.symlink_to(outside)

    def swap() -> None:
        (root / "folder").rename(root / "aside")
        link.rename(root / "folder")
        (root / "folder").rename(link)
        (root / "aside").rename(root / "folder")

    source = source_of(root)
    texts, reasons = set[str](), set[str]()
    with meanwhile(swap):
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline or not texts:
            assert b"folder/only outside.md" not in source.scan(Known()).items["native_id"].to_list()
            for answer in source.fetch([Item(b"folder/a.md", "1"), Item(b"link/a.md", "1")]):
                if isinstance(answer, Document):
                    texts.add(answer.text)
                else:
                    reasons.add(answer.reason)
    assert texts == {"inside"}
    assert all(reason.startswith("no longer there") for reason in reasons)


def test_a_file_rewritten_in_place_is_never_read_half_old_half_new(tmp_path: Path) -> None:
    note = tmp_path / "a.md"
    size = 1_500_000
    note.write_bytes(b"0" * size)
    turn = 0

    def rewrite() -> None:
        nonlocal turn
        turn += 1
        with open(note, "r+b") as file:
            for _ in range(3):
                file.write(b"%d" % (turn % 10) * (size // 3))
                file.flush()
        time.sleep(0.03)

    source = source_of(tmp_path)
    whole = 0
    with meanwhile(rewrite):
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline or not whole:
            [answer] = source.fetch([Item(b"a.md", "1")])
            if isinstance(answer, Document):
                # Kernel clocks tick every few milliseconds: a torn read may pass as one only while it is marked fresh.
                whole += 1
                assert len(set(answer.text)) == 1 or "~" in answer.version
            else:
                assert answer.reason == "keeps changing while it is read"
    [answer] = source.fetch([Item(b"a.md", "1")])
    assert isinstance(answer, Document)
    assert len(set(answer.text)) == 1


def test_a_file_that_never_rests_is_a_failure_that_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "log.txt"
    note.write_text("x")
    read = os.read

    def read_and_write(descriptor: int, size: int) -> bytes:
        block = read(descriptor, size)
        if not block:  # the end is reached, and moves on
            with note.open("a") as file:
                file.write("y")
        return block

    with monkeypatch.context() as patched:
        patched.setattr(os, "read", read_and_write)
        [failure] = source_of(tmp_path).fetch([Item(b"log.txt", "1")])
    assert isinstance(failure, Failure)
    assert (failure.reason, failure.permanent) == ("keeps changing while it is read", False)
    assert note.read_text() == "x" + "y" * ATTEMPTS


def test_a_pipe_in_place_of_a_file_blocks_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.md")
    [answer] = source_of(tmp_path).fetch([Item(b"a.md", "1")])  # or it would wait for somebody who writes
    assert isinstance(answer, Failure)


def test_files_that_come_and_go_while_listed_break_nothing(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number}.md").write_text("x")

    def churn() -> None:
        for number in range(50):
            (tmp_path / f"{number}.md").unlink()
            (tmp_path / f"new{number}").mkdir()
            (tmp_path / f"new{number}" / "x.md").write_text("x")
        for number in range(50):
            (tmp_path / f"{number}.md").write_text("x")
            (tmp_path / f"new{number}" / "x.md").unlink()
            (tmp_path / f"new{number}").rmdir()

    source = source_of(tmp_path)
    with meanwhile(churn):
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            listing = source.scan(Known())
            assert not listing.failures
            assert set(listing.items["native_id"]) >= {f"{number}.md".encode() for number in range(50, 200)}
            for answer in source.fetch(list(frame_items(listing.items))):
                assert isinstance(answer, Document) or answer.reason in TRANSIENT
