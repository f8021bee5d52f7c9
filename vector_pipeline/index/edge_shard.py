"""One embedded shard: opened when it is used, closed as soon as nobody in this process keeps it.

Opening builds the engine's in-memory indexes (about 10 ms per 1,000 points), so bulk work keeps the shard open
between calls and gives way when another process waits for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qdrant_edge import EdgeShard

from vector_pipeline.index.base import CollectionMissing, IndexDamaged, VectorIndexError
from vector_pipeline.index.edge_lock import ShardLock

_GLANCE_SECONDS = 0.05
_MESSAGE_LENGTH = 200
_RENEW_AFTER = 8_000
_RENEW_SHARE = 15


def raises_as(error: BaseException) -> bool:
    """Whether an exception comes from the engine: it raises plain `Exception`, or a Rust panic.

    A panic derives from BaseException and its class is not importable, hence the name.
    """
    return type(error) is Exception or type(error).__name__ == "PanicException"


def first_line(error: BaseException) -> str:
    """The start of the engine's message."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:_MESSAGE_LENGTH]


class ShardKeeper:
    """The only way to a shard's files within a process; threads take turns.

    `folder` is the shard's own folder, `collection` its name in errors.
    """

    def __init__(self, folder: Path, collection: str, lock: ShardLock) -> None:
        self._folder = folder
        self._collection = collection
        self._lock = lock
        self._guard = threading.Lock()
        self._shard: EdgeShard | None = None
        self._opened_at = 0.0
        self._open_seconds = 0.0
        self._sessions = 0
        self._scrolls = 0
        self._written = 0

    @contextmanager
    def use(self) -> Iterator[EdgeShard]:
        """The open shard, for one operation.

        Raises CollectionMissing, IndexDamaged where it can't be read, IndexUnavailable where it stays locked, and
        VectorIndexError for whatever the engine raises within.
        """
        with self._guarded():
            shard = self._shard or self._open()
            try:
                yield shard
            except BaseException as error:
                self._close()
                if raises_as(error):
                    raise VectorIndexError(
                        f"the engine failed on collection {self._collection}: {first_line(error)}",
                        hint="check the free space of the disk; the next run repeats the work",
                    ) from error
                raise
            if not self._kept or self._should_give_way() or self._should_renew():
                self._close()

    def note_written(self, points: int) -> None:
        """Tells how many points the operation under way has written."""
        self._written += points

    @contextmanager
    def session(self) -> Iterator[None]:
        """Keeps the shard open between uses for as long as nobody else waits for it."""
        over = threading.Event()
        watch = threading.Thread(target=self._give_way_until, args=(over,), name="shard-watch", daemon=True)
        with self._guarded():
            self._sessions += 1
        watch.start()
        try:
            yield
        finally:
            over.set()
            watch.join()
            with self._guard:
                self._sessions -= 1
                if not self._kept:
                    self._close()

    @contextmanager
    def scroll(self) -> Iterator[None]:
        """Keeps the shard open between uses, whoever waits: all pages come from one state."""
        with self._guarded():
            self._scrolls += 1
        try:
            yield
        finally:
            with self._guard:
                self._scrolls -= 1
                if not self._kept:
                    self._close()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """The shard's files for oneself, with no engine on them: to create or remove them."""
        with self._guarded():
            self._close()
            self._lock.acquire()
            try:
                yield
            finally:
                self._lock.release()

    def close(self) -> None:
        """Closes the shard where it is open; the next use opens it again."""
        with self._guard:
            self._close()

    @property
    def _kept(self) -> bool:
        return self._sessions + self._scrolls > 0

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        if not self._guard.acquire(timeout=self._lock.timeout):
            raise self._lock.unavailable()
        try:
            yield
        finally:
            self._guard.release()

    def _open(self) -> EdgeShard:
        if not self._folder.parent.is_dir():
            raise CollectionMissing(
                f"there is no collection {self._collection} in {self._folder.parent.parent.parent}",
                hint="run `vector-pipeline sync` to build it",
            )
        self._lock.acquire()
        try:
            started = time.monotonic()
            self._shard = self._load(started + self._lock.timeout)
            self._opened_at = time.monotonic()
            self._written = 0
            self._open_seconds = self._opened_at - started
            return self._shard
        except BaseException:
            self._lock.release()
            raise

    def _load(self, deadline: float) -> EdgeShard:
        """Opens the files; waits where a program that does not use our lock has them open."""
        while True:
            if not self._folder.parent.is_dir():
                raise CollectionMissing(
                    f"collection {self._collection} was removed while it was waited for", hint="try again"
                )
            try:
                return EdgeShard.load(str(self._folder))
            except BaseException as error:
                if not raises_as(error):
                    raise
                if "WouldBlock" not in str(error):
                    raise IndexDamaged(
                        f"collection {self._collection} in {self._folder.parent} can't be opened: {first_line(error)}",
                        hint=f"remove the folder {self._folder.parent} and run `vector-pipeline sync --full`",
                    ) from error
                if time.monotonic() > deadline:
                    raise self._lock.unavailable() from error
            time.sleep(_GLANCE_SECONDS)

    def _close(self) -> None:
        """Closes the shard and gives the lock back; the caller holds the guard."""
        shard, self._shard = self._shard, None
        if shard is None:
            return
        try:
            shard.close()
        except BaseException as error:
            if not raises_as(error):
                raise
            raise VectorIndexError(
                f"collection {self._collection} could not be closed: {first_line(error)}",
                hint="check the free space of the disk; the next run repeats the work",
            ) from error
        finally:
            self._lock.release()

    def _should_give_way(self) -> bool:
        """True where others wait; opening costs, so it is kept at least as long as opening it took."""
        held = time.monotonic() - self._opened_at
        return self._scrolls == 0 and held >= self._open_seconds and self._lock.wanted()

    def _should_renew(self) -> bool:
        """True after many writes: the files they went to stay mapped, and count as this process's memory, until the
        shard is closed. Not so often that opening again would take a noticeable share of the time.
        """
        held = time.monotonic() - self._opened_at
        return self._scrolls == 0 and self._written >= _RENEW_AFTER and held >= _RENEW_SHARE * self._open_seconds

    def _give_way_until(self, over: threading.Event) -> None:
        """Closes a shard that a session keeps idle, as soon as another process waits."""
        while not over.wait(_GLANCE_SECONDS):
            if self._guard.acquire(blocking=False):
                try:
                    if self._shard is not None and self._should_give_way():
                        self._close()
                finally:
                    self._guard.release()
