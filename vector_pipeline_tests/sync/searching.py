"""Somebody who searches all the time: a thread that asks again and again and keeps what it was answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from vector_pipeline.sync.search import search
from vector_pipeline_tests.project import Project

ALL_HITS = 200
STOP_WORDS = "It is not what they were, and this is the one that was there."
"""Text of which no word is a term: only by its vector is it found first."""


@dataclass
class Answers:
    """What the questions were answered: the first path, and all paths, of each; and what went wrong."""

    first: list[str] = field(default_factory=list)
    paths: list[frozenset[str]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def wait_for(self, more: int, seconds: float = 60.0) -> None:
        """Until so many more questions were answered."""
        wanted = len(self.paths) + more
        deadline = time.monotonic() + seconds
        while len(self.paths) < wanted:
            assert not self.errors, self.errors
            assert time.monotonic() < deadline, f"{len(self.paths)} answers, not {wanted}"
            threading.Event().wait(0.005)


@contextmanager
def searching(project: Project, question: str) -> Iterator[Answers]:
    """Within the block somebody asks, each time with the settings as they stand then."""
    answers, ended = Answers(), threading.Event()

    def ask() -> None:
        while not ended.is_set():
            try:
                with project.open() as pipeline:
                    hits = search(pipeline, question, limit=ALL_HITS)
                answers.paths.append(frozenset(str(hit.payload["path"]) for hit in hits))
                answers.first.append(str(hits[0].payload["path"]) if hits else "")
            except BaseException as error:  # noqa: BLE001  # told to the test
                answers.errors.append(error)
                return

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        answers.wait_for(1)
        yield answers
    finally:
        ended.set()
        thread.join(60)
    assert not answers.errors, answers.errors
    assert not thread.is_alive(), "a search never ends"
