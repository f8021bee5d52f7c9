"""Compound files, the small file system inside older office files and Outlook messages: their streams by path.

Only what is asked for is read. Chains are followed for as many steps as the file has sectors, so a loop ends.
Layout: [MS-CFB].
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from vector_pipeline.conversion.office.signatures import OLE

MAX_ENTRIES = 100_000
_HEAD, _ENTRY, _LAST_SECTOR, _NONE = 512, 128, 0xFFFFFFFA, 0xFFFFFFFF
_STORAGE, _STREAM, _ROOT = 1, 2, 5


class BrokenCompoundFile(Exception):
    """The file system inside the file can't be followed."""


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    kind: int
    left: int
    right: int
    child: int
    start: int
    size: int


class CompoundFile:
    """A file's storages and streams. Every method raises BrokenCompoundFile where they can't be followed."""

    def __init__(self, data: bytes) -> None:
        """Reads the tables and the directory."""
        try:
            self._open(data)
        except (struct.error, IndexError, ValueError) as error:
            raise BrokenCompoundFile("broken tables") from error

    def _open(self, data: bytes) -> None:
        if len(data) < _HEAD or not data.startswith(OLE):
            raise BrokenCompoundFile("no header")
        self._data = data
        sector_bits, mini_bits = struct.unpack_from("<HH", data, 30)
        if sector_bits not in (9, 12) or mini_bits != 6:
            raise BrokenCompoundFile("unusual sectors")
        self._sector, self._mini = 1 << sector_bits, 1 << mini_bits
        directory, _, self._cutoff, mini_table, _, more, _ = struct.unpack_from("<7I", data, 48)
        self._most = len(data) // self._sector + 2
        places = [place for place in struct.unpack_from("<109I", data, 76) if place < _LAST_SECTOR]
        per_sector = self._sector // 4
        for _ in range(self._most):
            if more >= _LAST_SECTOR:
                break
            numbers = struct.unpack(f"<{per_sector}I", self._sector_at(more))
            places += [place for place in numbers[:-1] if place < _LAST_SECTOR]
            more = numbers[-1]
        table = b"".join(self._sector_at(place) for place in places[: self._most])
        self._table = struct.unpack(f"<{len(table) // 4}I", table)
        packed = b"".join(self._sector_at(place) for place in self._chain(directory, self._table))
        self._entries = [self._entry(packed, place) for place in range(0, len(packed) - _ENTRY + 1, _ENTRY)]
        if not self._entries or self._entries[0].kind != _ROOT:
            raise BrokenCompoundFile("no root")
        minis = b"".join(self._sector_at(place) for place in self._chain(mini_table, self._table))
        self._mini_table = struct.unpack(f"<{len(minis) // 4}I", minis)
        self._mini_data: bytes | None = None
        self._paths = dict(self._walk())

    def names(self, storage: str = "") -> list[str]:
        """The names directly below a storage; "" is the root."""
        above = f"{storage}/" if storage else ""
        return [path[len(above) :] for path in self._paths if path.startswith(above) and "/" not in path[len(above) :]]

    def has(self, path: str) -> bool:
        """Whether there is a stream or a storage at a path such as "a/b"; the case counts."""
        return path in self._paths

    def read(self, path: str) -> bytes:
        """The bytes of a stream; b"" where there is none of this name."""
        number = self._paths.get(path)
        entry = self._entries[number] if number is not None else None
        if entry is None or entry.kind != _STREAM:
            return b""
        try:
            if entry.size >= self._cutoff:
                data = b"".join(self._sector_at(place) for place in self._chain(entry.start, self._table))
            else:
                data = b"".join(self._mini_at(place) for place in self._chain(entry.start, self._mini_table))
        except IndexError as error:
            raise BrokenCompoundFile("a stream ends too early") from error
        if len(data) < entry.size:
            raise BrokenCompoundFile("a stream ends too early")
        return data[: entry.size]

    def _walk(self) -> Iterator[tuple[str, int]]:
        """(path, number) of every entry that can be reached, in the order of the directory's tree."""
        seen: set[int] = set()
        waiting = [(self._entries[0].child, "")]
        while waiting:
            number, above = waiting.pop()
            if number == _NONE or number in seen:
                continue
            seen.add(number)
            entry = self._entries[number]
            waiting += [(entry.right, above), (entry.left, above)]
            path = f"{above}{entry.name}"
            yield path, number
            if entry.kind == _STORAGE:
                waiting.append((entry.child, f"{path}/"))

    def _entry(self, packed: bytes, place: int) -> _Entry:
        if place // _ENTRY > MAX_ENTRIES:
            raise BrokenCompoundFile("too many entries")
        name, length, kind, _, left, right, child = struct.unpack_from("<64sHBBIII", packed, place)
        start, size = struct.unpack_from("<IQ", packed, place + 116)
        text = name[: max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
        # Short sectors go with 32-bit sizes; what stands above is not always zero.
        return _Entry(text, kind, left, right, child, start, size & _NONE if self._sector == 512 else size)

    def _chain(self, start: int, table: tuple[int, ...]) -> Iterator[int]:
        seen = 0
        while start < _LAST_SECTOR:
            if seen > len(table) or start >= len(table):
                raise BrokenCompoundFile("a chain of sectors has no end")
            yield start
            start, seen = table[start], seen + 1

    def _sector_at(self, number: int) -> bytes:
        start = (number + 1) * self._sector
        found = self._data[start : start + self._sector]
        if not found:
            raise BrokenCompoundFile("a sector is missing")
        return found.ljust(self._sector, b"\0")

    def _mini_at(self, number: int) -> bytes:
        if self._mini_data is None:
            root = self._entries[0]
            self._mini_data = b"".join(self._sector_at(place) for place in self._chain(root.start, self._table))
        return self._mini_data[number * self._mini : (number + 1) * self._mini]
