"""Later stages that follow while the documents of a large source are still read.

Each works in a thread of its own on what the stage before has done, in rounds. A round is a reconciliation like the
stage itself, so the stages find little left to do afterwards, and all of it where the followers had to stop. Reading
waits where it gets too far ahead.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from types import TracebackType

from vector_pipeline.errors import PipelineError
from vector_pipeline.sync.builds import active_builds
from vector_pipeline.sync.chunks import advance_chunks
from vector_pipeline.sync.cursors import EVERYTHING
from vector_pipeline.sync.embeddings import advance_embeddings
from vector_pipeline.sync.halting import Halted
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.points import advance_points
from vector_pipeline.sync.progress import ignored, report
from vector_pipeline.sync.stages import CHUNKS, DOCUMENTS, EMBEDDINGS, POINTS, STAGES, Options

BESIDE = "live "
"""Put before the counts of the collection that is searched while another one is built."""

_FOLLOWING = STAGES[1:]

_TELL_SECONDS = 1.0
_TOLD = ((POINTS, "points", "upserted"), (EMBEDDINGS, "texts", "embedded"))

_PARTING_SECONDS = 2.0
"""So long a run that is stopped waits for an answer of the endpoint. One that comes later is recorded, or lost."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Done:
    """What a stage did ahead, also what it is at: its counts, and the seconds of what is done beside the reading."""

    seconds: float = 0.0
    _counters: list[tuple[str, Counter[str], Callable[[int], float]]] = field(default_factory=list)

    def count(self, prefix: str, cost: Callable[[int], float]) -> Counter[str]:
        """A counter that belongs to it from now on; `cost` is the price of tokens."""
        counter: Counter[str] = Counter()
        self._counters.append((prefix, counter, cost))
        return counter

    @property
    def counts(self) -> Mapping[str, int | float]:
        """The sums of all counters by now."""
        found: defaultdict[str, int | float] = defaultdict(int)
        for prefix, counter, cost in self._counters:
            for name, number in dict(counter).items():
                found[prefix + name] += number
            if tokens := counter["tokens"]:
                found[f"{prefix}cost"] += cost(tokens)
        return found


class Follower:
    """Follows the documents stage of one run. A context manager: at its end the work ends after the batch under way.

    `done` says what came of it, by stage, also where the run fails.
    """

    def __init__(self, pipeline: Pipeline, partition: str) -> None:
        self._pipeline, self._partition = pipeline, partition
        limits = pipeline.settings.limits
        self._above, self._lag = limits.stream_above, limits.stream_lag
        self._changed = threading.Condition()
        self._reached = dict.fromkeys((DOCUMENTS, *_FOLLOWING), 0)
        self._is_over = False
        self._threads: list[tuple[str, threading.Thread]] = []
        self._told: dict[str, int] = {}
        self.done: dict[str, Done] = {stage: Done() for stage in _FOLLOWING}

    def expect(self, documents: int) -> None:
        """Begins to follow where so many documents, all that will be read, are worth it."""
        if documents > self._above and not self._threads:
            self._pipeline.store  # noqa: B018 - opened here, not by two threads at once
            self._start(self._prepare)

    def note(self, recorded: int) -> None:
        """Says how many documents are recorded by now; waits where the last stage is too far behind."""
        with self._changed:
            self._reached[DOCUMENTS] = recorded
            self._changed.notify_all()
            if self._threads:
                while not self._changed.wait_for(
                    lambda: self._is_over or recorded - self._reached[POINTS] <= self._lag, _TELL_SECONDS
                ):
                    self._tell()

    def __enter__(self) -> Follower:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()
        is_stopped = error is not None and not isinstance(error, Exception)
        for stage, thread in self._threads:  # one that is begun meanwhile is appended, and met here
            thread.join(_PARTING_SECONDS if is_stopped and stage == EMBEDDINGS else None)

    def _start(self, work: Callable[[], None], stage: str = "") -> None:
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(self._guarded, work), name="follower", daemon=True)
        thread.start()
        self._threads.append((stage, thread))

    def _guarded(self, work: Callable[[], None]) -> None:
        """Ends all following where something fails: the stage itself meets that again, and says it."""
        try:
            with ignored():
                work()
        except Halted:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the documents are read on
            said = error.message if isinstance(error, PipelineError) else type(error).__name__
            _log.info("%s: later stages wait for the end of the documents: %s", self._partition, said)
            self._end()
        except BaseException:  # a panic of a library: nobody may wait for this thread any more
            self._end()
            raise

    def _prepare(self) -> None:
        """Opens what the stages need, one after the other, and sets them to work beside each other."""
        builds = active_builds(self._pipeline)
        for build in builds:
            _ = build.index, build.splitter, build.sparse, build.chunking, build.model
        followed = [_Build(build, self) for build in builds]
        for before, stage in pairwise((DOCUMENTS, *_FOLLOWING)):
            self._start(partial(self._follow, followed, before, stage), stage)

    def _follow(self, builds: Sequence[_Build], before: str, stage: str) -> None:
        """Rounds of a stage over what the one before has done, until the reading ends."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_over or self._reached[before] > self._reached[stage])
                target = self._reached[before]
            self.halt_if_over()
            for build in builds:
                build.advance(stage, self._partition)
            with self._changed:
                self._reached[stage] = target
                self._changed.notify_all()

    def halt_if_over(self) -> None:
        """Raises Halted once the reading has ended."""
        if self._is_over:
            raise Halted

    def _tell(self) -> None:
        """Reports what goes on while reading waits: of the stages that moved, the one that most waits are for last."""
        for stage, unit, name in _TOLD:
            number = int(self.done[stage].counts.get(name, 0))
            if self._told.get(stage) != number:
                self._told[stage] = number
                report(self._partition, stage, unit, number)

    def _end(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()


class _Build:
    """One collection that is kept in step, followed as far as it goes."""

    def __init__(self, pipeline: Pipeline, follower: Follower) -> None:
        self._pipeline, self._follower = pipeline, follower
        self._written = EVERYTHING
        self._is_left = self._leaves_points = False
        prefix, cost = BESIDE if pipeline.beside else "", pipeline.settings.embedding.cost
        self._counts = {stage: follower.done[stage].count(prefix, cost) for stage in _FOLLOWING}

    def advance(self, stage: str, name: str) -> None:
        """One round of a later stage over what the stage before has done of the partition by now."""
        if self._is_left or (stage == POINTS and self._leaves_points):
            return
        pipeline, halt = self._pipeline, self._follower.halt_if_over
        partition = pipeline.store.partition(name)
        with self._timed(stage):
            counts = self._counts[stage]
            if stage == CHUNKS:
                advance_chunks(pipeline, partition, Options(), counts, halt)
            elif stage == EMBEDDINGS:
                advance_embeddings(pipeline, partition, Options(), counts, halt)
                # The model of former settings may be gone for good: asked once more by the stage, not every round.
                self._is_left = pipeline.beside is not None and counts["failed"] > 0
            else:
                written = advance_points(pipeline, partition, self._written, counts, halt)
                self._leaves_points = written is None
                self._written = self._written if written is None else written

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self._follower.done[stage].seconds += time.monotonic() - started
