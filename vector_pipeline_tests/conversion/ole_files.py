"""Compound files (the container of the old office formats), written byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Tree = Mapping[str, "bytes | Tree"]
_SECTOR, _MINI, _CUTOFF = 512, 64, 4096
_FREE, _END, _FAT_SECTOR, _NONE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF
_STORAGE, _STREAM, _ROOT = 1, 2, 5


@dataclass(slots=True)
class _Entry:
    name: str
    kind: int
    data: bytes = b""
    child: int = _NONE
    right: int = _NONE
    start: int = _END
    size: int = 0
    children: list[int] = field(default_factory=list)


def make_ole(tree: Tree) -> bytes:
    """A compound file with these streams (bytes) and storages (mappings). At most about 7 MB."""
    entries = [_Entry("Root Entry", _ROOT)]
    _add(entries, 0, tree)
    minis, mini_chain = bytearray(), list[int]()
    sectors, chain = bytearray(), list[int]()
    for entry in entries:
        if entry.kind == _STREAM:
            entry.size = len(entry.data)
            if 0 < entry.size < _CUTOFF:
                entry.start = _append(minis, mini_chain, entry.data, _MINI)
            elif entry.size:
                entry.start = _append(sectors, chain, entry.data, _SECTOR)
    if minis:
        entries[0].size, entries[0].start = len(minis), _append(sectors, chain, bytes(minis), _SECTOR)
    mini_table = struct.pack(f"<{len(mini_chain)}I", *mini_chain)
    mini_start = _append(sectors, chain, mini_table, _SECTOR, fill=b"\xff") if mini_chain else _END
    directory = b"".join(map(_packed, entries))
    directory_start = _append(sectors, chain, directory, _SECTOR)
    return _file(sectors, chain, directory_start, mini_start, -(-len(mini_table) // _SECTOR))


def _add(entries: list[_Entry], parent: int, tree: Tree) -> None:
    """Siblings hang on one another's right in the order the format sorts by: a tree that is a list."""
    before = None
    for name in sorted(tree, key=lambda name: (len(name), name.upper())):
        content = tree[name]
        number = len(entries)
        if isinstance(content, bytes):
            entries.append(_Entry(name, _STREAM, content))
        else:
            entries.append(_Entry(name, _STORAGE, start=0))
            _add(entries, number, content)
        if before is None:
            entries[parent].child = number
        else:
            entries[before].right = number
        before = number


def _append(to: bytearray, chain: list[int], data: bytes, unit: int, fill: bytes = b"\0") -> int:
    start, count = len(chain), -(-len(data) // unit)
    chain.extend(range(start + 1, start + count))
    chain.append(_END)
    to += data + fill * (count * unit - len(data))
    return start


def _packed(entry: _Entry) -> bytes:
    name = entry.name.encode("utf-16-le") + b"\0\0"
    head = struct.pack("<64sHBBIII", name, len(name), entry.kind, 1, _NONE, entry.right, entry.child)
    return head + bytes(36) + struct.pack("<IQ", entry.start, entry.size)


def _file(sectors: bytearray, chain: list[int], directory: int, mini_table: int, mini_sectors: int) -> bytes:
    tables = next(_table_counts(len(chain)))
    first = len(chain)
    table = [*chain, *[_FAT_SECTOR] * tables]
    table += [_FREE] * (tables * _SECTOR // 4 - len(table))
    places = [first + number for number in range(tables)] + [_FREE] * (109 - tables)
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, tables, directory, 0, _CUTOFF, mini_table, mini_sectors, _END, 0)
    return head + struct.pack("<109I", *places) + bytes(sectors) + struct.pack(f"<{len(table)}I", *table)


def _table_counts(sectors: int) -> Iterator[int]:
    for count in range(1, 110):
        if count * _SECTOR // 4 >= sectors + count:
            yield count
    raise ValueError("too large for a compound file without further tables")
