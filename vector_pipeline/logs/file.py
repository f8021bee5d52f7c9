"""The log file: one that several processes add to at once, put aside when it has grown.

A record is one write at the end of the file, so that lines of different processes never mix. Whoever finds the file
too large puts it aside under a lock; the others notice that theirs has another name now.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

_LOCK_SECONDS = 5.0


def kept_files(path: Path) -> list[Path]:
    """The files of a log that there are, the oldest first, the one being written last."""
    aside = []
    for found in path.parent.glob(f"{path.name}.*"):
        number = found.name.removeprefix(f"{path.name}.")
        if number.isascii() and number.isdigit():
            aside.append((int(number), found))
    return [found for _, found in sorted(aside, reverse=True)] + ([path] if path.exists() else [])


class LogFile(logging.Handler):
    """Adds records to a file. A file that can't be written is said once on standard error, and ends no run."""

    def __init__(self, path: Path, form: Callable[[logging.LogRecord], str], max_size: int, keep: int) -> None:
        super().__init__()
        self._path, self._form, self._max_size, self._keep = path, form, max_size, keep
        self._file: int | None = None
        self._complained = False

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the record."""
        try:
            line = (self._form(record) + "\n").encode("utf-8", "backslashreplace")
            os.write(self._opened(len(line)), line)
        except OSError as error:
            self._complain(error)
        except Exception:  # noqa: BLE001  # a record that can't be written must not end what it tells of
            self.handleError(record)

    def close(self) -> None:
        """Closes the file; a later record opens it again."""
        self.acquire()
        try:
            if self._file is not None:
                os.close(self._file)
                self._file = None
        finally:
            self.release()
        super().close()

    def _opened(self, more: int) -> int:
        """The file under its name, with room for so many bytes more."""
        file = self._current()
        size = os.fstat(file).st_size
        if size and size + more > self._max_size:
            self._put_aside(more)
            file = self._current()
        return file

    def _current(self) -> int:
        """The open file, opened again where another process has put it aside."""
        if self._file is not None:
            try:
                there, ours = os.stat(self._path), os.fstat(self._file)
                if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
                    return self._file
            except FileNotFoundError:
                pass
            os.close(self._file)
            self._file = None
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._file

    def _put_aside(self, more: int) -> None:
        """Renames the file, and those put aside before, unless another process has just done so."""
        with contextlib.suppress(Timeout), FileLock(f"{self._path}.lock", timeout=_LOCK_SECONDS):
            with contextlib.suppress(FileNotFoundError):
                if os.stat(self._path).st_size + more <= self._max_size:
                    return
            for number in range(self._keep, 0, -1):
                older = self._path.with_name(f"{self._path.name}.{number - 1}") if number > 1 else self._path
                with contextlib.suppress(FileNotFoundError):
                    older.replace(self._path.with_name(f"{self._path.name}.{number}"))

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            sys.stderr.write(f"the log {self._path} can't be written: {error.strerror}\n")
