"""Answers of workers kept on disk by what they depend on, so that the same bytes are never converted twice.

Losing an entry, or all, costs only time: one that is damaged is as good as none, and a full disk keeps nothing from
being converted. Of too many those go that were used longest ago.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

_log = logging.getLogger(__name__)

_LEVEL = 3
_BLOCK = 4096
"""What a file takes of the disk is a multiple of this."""
_KEPT_SHARE = 0.9
_PARTIAL = ".part"
_PARTIAL_SECONDS = 86_400.0


class ConversionCache:
    """Answers by key (hex digits), of at most `most_bytes` together as they lie in `folder`. Safe for threads.

    Processes may share a folder; each counts what the others add only when it looks again.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most = folder, most_bytes
        self._lock = threading.Lock()
        self._size: int | None = None
        self._has_warned = False

    def get(self, key: str, longest: int) -> bytes | None:
        """The answer; None where there is none, it can't be read, or it is longer than so many bytes."""
        path = self._path(key)
        try:
            packed = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        unpacking = zlib.decompressobj()
        try:
            answer = unpacking.decompress(packed, longest)
        except zlib.error:
            return None
        return answer if unpacking.eof and not unpacking.unused_data else None

    def put(self, key: str, answer: bytes) -> None:
        """Keeps an answer, unless it alone is too large or the disk refuses."""
        packed = zlib.compress(answer, _LEVEL)
        if _space(len(packed)) > self._most:
            return
        path = self._path(key)
        partial = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}{_PARTIAL}")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(partial, packed)
            partial.replace(path)
            self._count(_space(len(packed)))
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink()
            if not self._has_warned:
                self._has_warned = True
                _log.warning("conversions are not kept: %s: %s", self._folder, error.strerror)

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)

    def _count(self, added: int) -> None:
        with self._lock:
            self._size = sum(size for _, size, _ in self._entries()) if self._size is None else self._size + added
            if self._size > self._most:
                self._size = self._make_room()

    def _make_room(self) -> int:
        """Removes what was used longest ago; the bytes that stay."""
        entries = sorted(self._entries())
        size = sum(size for _, size, _ in entries)
        forgotten = time.time() - _PARTIAL_SECONDS
        for used, taken, path in entries:
            is_forgotten = path.endswith(_PARTIAL) and used < forgotten
            if size > self._most * _KEPT_SHARE or is_forgotten:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
                size -= taken
        return size

    def _entries(self) -> Iterator[tuple[float, int, str]]:
        """When each was used last, the bytes it takes, and its path."""
        for folder in os.scandir(self._folder):
            if not folder.is_dir(follow_symlinks=False):
                continue
            for file in os.scandir(folder):
                with contextlib.suppress(FileNotFoundError):  # another process made room
                    status = file.stat(follow_symlinks=False)
                    yield status.st_mtime, _space(status.st_size), file.path

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key[2:]


def _space(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
