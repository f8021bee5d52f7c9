"""Copies of the folder of an embedded collection: quick, complete, and without writing what is empty.

The engine allocates its files generously, so most of a small collection is holes and zeros: they are left out.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

_PIECE = 1 << 20
_ZEROS = bytes(_PIECE)


def copy_tree(source: Path, target: Path, *, durable: bool) -> None:
    """Copies a folder of plain files to `target`, which must not exist; for its owner only. Raises OSError.

    `durable`: everything is on the disk on return.
    """
    target.mkdir(mode=0o700, parents=True)
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                copy_tree(Path(entry.path), target / entry.name, durable=durable)
            elif entry.is_file(follow_symlinks=False):
                _copy_file(entry.path, target / entry.name, durable=durable)
    if durable:
        sync_folder(target)


def sync_folder(folder: Path) -> None:
    """What was made, renamed or removed in the folder is on the disk on return. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_file(source: str, target: Path, *, durable: bool) -> None:
    with open(source, "rb", buffering=0) as old, open(target, "xb", buffering=0, opener=_private) as new:
        size = os.fstat(old.fileno()).st_size
        for start, end in _written(old.fileno(), size):
            for position in range(start, end, _PIECE):
                piece = os.pread(old.fileno(), min(_PIECE, end - position), position)
                if piece != _ZEROS[: len(piece)]:
                    _write_all(new.fileno(), piece, position)
        new.truncate(size)
        if durable:
            os.fsync(new.fileno())


def _written(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """The parts of a file that are not holes, from position to position."""
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole from there on
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end


def _write_all(descriptor: int, piece: bytes, position: int) -> None:
    view = memoryview(piece)
    while view:
        done = os.pwrite(descriptor, view, position)
        view, position = view[done:], position + done


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
