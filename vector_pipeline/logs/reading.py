"""Reading the log back: the latest lines that match, and those that come while one waits."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from vector_pipeline.logs.file import kept_files
from vector_pipeline.logs.lines import LEVELS, Entry, bare_run, read_line

_LONGEST_LINE = 1_000_000
_PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines: of a source or site, of the run whose id begins so, of at least this level; "" wants all."""

    source: str = ""
    run: str = ""
    level: str = "debug"

    def takes(self, entry: Entry) -> bool:
        """Whether an entry is wanted."""
        # A line for people holds only the beginning of the id.
        ids = (entry.run, bare_run(entry.run)) if entry.run else ()
        run = not self.run or any(one.startswith(self.run) or bare_run(self.run).startswith(one) for one in ids)
        source = not self.source or entry.source == self.source or entry.source.startswith(f"{self.source}.")
        weight = LEVELS.index(entry.level) if entry.level in LEVELS else len(LEVELS)
        return run and source and weight >= LEVELS.index(self.level)


def latest(path: Path, wanted: Wanted, limit: int, end: int | None = None) -> list[Entry]:
    """The last `limit` entries that are wanted, of all files that are kept, in the order they were written.

    Of the file being written only the first `end` bytes, where that is given. Raises OSError.
    """
    found: deque[Entry] = deque(maxlen=limit)
    for file in kept_files(path):
        with file.open("rb") as lines:
            while (line := lines.readline(_LONGEST_LINE)) and not (file == path and end and lines.tell() > end):
                entry = read_line(line.decode("utf-8", "replace"))
                if entry is not None and wanted.takes(entry):
                    found.append(entry)
    return list(found)


class Tail:
    """What is written to a log from the moment this is made; a file that is put aside is read to its end first."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where there is a file that can't be read."""
        self._path = path
        self._file = self._opened()
        self.begin = self._file.seek(0, os.SEEK_END) if self._file else 0
        """Bytes there were in the file."""

    def follow(self, wanted: Wanted) -> Iterator[Entry | None]:
        """The entries that come, and None whenever there is nothing new for a moment; goes on until it is closed."""
        begun, is_aside = "", False
        try:
            while True:
                line = self._file.readline(_LONGEST_LINE) if self._file else ""
                if line:
                    begun += line
                    if begun.endswith("\n"):
                        entry, begun = read_line(begun), ""
                        if entry is not None and wanted.takes(entry):
                            yield entry
                elif is_aside or self._file is None:
                    self.close()
                    self._file, begun, is_aside = self._opened(), "", False
                    if self._file is None:
                        yield self._nothing()
                elif self._is_put_aside(self._file):
                    is_aside = True  # looked to its end once more: a last line may have come before that
                else:
                    yield self._nothing()
        finally:
            self.close()

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> TextIO | None:
        return self._path.open(encoding="utf-8", errors="replace") if self._path.exists() else None

    def _is_put_aside(self, file: TextIO) -> bool:
        return not self._path.exists() or self._path.stat().st_ino != os.fstat(file.fileno()).st_ino

    @staticmethod
    def _nothing() -> None:
        time.sleep(_PAUSE)
