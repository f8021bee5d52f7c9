"""Reads files below a folder without ever leaving it, and only bytes that belong together.

Every folder on the way is opened from its parent and never through a symbolic link, so a folder swapped for a link
while we look leads nowhere. A file is read again when it changed meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from dataclasses import dataclass

from vector_pipeline.sources.local_scan import file_version

ATTEMPTS = 5
_FIRST_PAUSE = 0.02
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_BLOCK = 1 << 20


class FileNotRead(Exception):
    """Why a file could not be read, in words for people. `permanent` if only another version can help."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class FileContent:
    """The bytes of a file with the version and time of modification (nanoseconds) they had."""

    data: bytes
    version: str
    modified_ns: int


class FolderReader:
    """Reads files by their path below an open folder; keeps the folders of the last path open. Closed after use."""

    def __init__(self, root: int, max_file_size: int) -> None:
        self._root = root
        self._max_file_size = max_file_size
        self._open: list[tuple[bytes, int]] = []

    def read(self, path: bytes) -> FileContent:
        """The content of a file, unchanged while it was read. Raises FileNotRead."""
        pause = _FIRST_PAUSE
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(pause)
                pause *= 2
            content = self._read_once(path)
            if content is not None:
                return content
        raise FileNotRead("keeps changing while it is read")

    def close(self) -> None:
        """Closes the folders that are open; may be called twice."""
        while self._open:
            os.close(self._open.pop()[1])

    def _read_once(self, path: bytes) -> FileContent | None:
        *folders, name = path.split(b"/")
        if not name or any(part in (b"", b".", b"..") for part in (*folders, name)):
            raise FileNotRead("not a path below the folder", permanent=True)
        try:
            opened = os.open(name, _FILE_FLAGS, dir_fd=self._folder(folders))
        except OSError as error:
            raise _not_read(error) from error
        try:
            return self._read_open(opened)
        except OSError as error:
            raise _not_read(error) from error
        finally:
            os.close(opened)

    def _read_open(self, opened: int) -> FileContent | None:
        since = time.time_ns()
        before = os.fstat(opened)
        if not stat.S_ISREG(before.st_mode):
            raise FileNotRead("no longer there (not a file any more)")
        blocks = []
        left = self._max_file_size + 1
        while left > 0 and (block := os.read(opened, min(left, _BLOCK))):
            blocks.append(block)
            left -= len(block)
        after = os.fstat(opened)
        if left <= 0:
            raise FileNotRead(f"larger than max_file_size ({self._max_file_size:,} bytes)")
        data = b"".join(blocks)
        if _marks(before) != _marks(after) or len(data) != after.st_size:
            return None
        return FileContent(data, file_version(after, since, time.time_ns()), after.st_mtime_ns)

    def _folder(self, parts: list[bytes]) -> int:
        """The open folder at that path; shares what it can with the one of the last path."""
        shared = 0
        while shared < min(len(parts), len(self._open)) and self._open[shared][0] == parts[shared]:
            shared += 1
        while len(self._open) > shared:
            os.close(self._open.pop()[1])
        for part in parts[shared:]:
            parent = self._open[-1][1] if self._open else self._root
            self._open.append((part, os.open(part, _FOLDER_FLAGS, dir_fd=parent)))
        return self._open[-1][1] if self._open else self._root


def _marks(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _not_read(error: OSError) -> FileNotRead:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return FileNotRead("no longer there")
        case errno.ELOOP:
            return FileNotRead("no longer there (replaced by a symbolic link)")
        case errno.ENXIO | errno.ENODEV:
            return FileNotRead("no longer there (not a file any more)")
        case errno.EACCES | errno.EPERM:
            return FileNotRead("not readable by this user (permission denied)")
        case _:
            return FileNotRead(f"could not be read ({(error.strerror or 'input/output error').lower()})")
