"""Who may open an embedded shard: one process at a time, in turn, after a bounded wait.

Two file locks: `held` is the right to open the shard, `turn` the right to wait for it. Whoever gives the shard
back and wants it again queues behind the one that already waits, so a bulk write can't starve a search; and
the holder can see that somebody waits.
"""

from __future__ import annotations

import time
from pathlib import Path

from filelock import FileLock, Timeout

from vector_pipeline.index.base import IndexUnavailable

_POLL_SECONDS = 0.02


class ShardLock:
    """The lock of one shard. Not for concurrent use by threads: its owner serialises them."""

    def __init__(self, folder: Path, name: str, timeout: float) -> None:
        self._subject = f"collection {name} in {folder.parent}"
        self._timeout = timeout
        self._held = _file_lock(folder / f"{name}.held")
        self._turn = _file_lock(folder / f"{name}.turn")
        self._glance = _file_lock(folder / f"{name}.turn")

    @property
    def timeout(self) -> float:
        """The longest wait, in seconds."""
        return self._timeout

    def acquire(self) -> None:
        """Waits for the shard. Raises IndexUnavailable when others hold it for longer than the timeout."""
        deadline = time.monotonic() + self._timeout
        try:
            with self._turn.acquire(timeout=self._timeout, poll_interval=_POLL_SECONDS):
                self._held.acquire(timeout=max(0.0, deadline - time.monotonic()), poll_interval=_POLL_SECONDS)
        except Timeout:
            raise self.unavailable() from None
        except OSError as error:
            raise IndexUnavailable(
                f"the lock of {self._subject} can't be taken: {error.strerror or error}",
                hint="check that the folder exists, is yours and is on a local disk with free space",
            ) from error

    def release(self) -> None:
        """Gives the shard back; nothing happens where it is not held."""
        self._held.release()

    def wanted(self) -> bool:
        """Whether somebody waits for the shard while this lock is held."""
        try:
            with self._glance.acquire(blocking=False):
                return False
        except Timeout:
            return True

    def unavailable(self) -> IndexUnavailable:
        """The error that says who is waited for."""
        return IndexUnavailable(
            f"{self._subject} was in use by others for {self._timeout:g} s",
            hint="wait for the other run or search to end, stop it, or raise index.lock_timeout",
        )


def _file_lock(path: Path) -> FileLock:
    # thread_local=False: the thread that closes an idle shard is not the one that opened it.
    return FileLock(path, mode=0o600, thread_local=False)
