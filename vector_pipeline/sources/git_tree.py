"""Trees of commits: what is in one, and what differs between two.

Reads names, modes, ids and sizes, never file contents. The one idea: which files are taken is a function of one
tree entry and the settings alone, so that a delta and a census of the same commit agree.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import IO

from vector_pipeline.conversion.converter import Converter
from vector_pipeline.settings_sources import GitSettings
from vector_pipeline.sources.base import SourceMisconfigured
from vector_pipeline.sources.git_mirror import Mirror, MirrorDamaged
from vector_pipeline.sources.git_url import checked_subpath
from vector_pipeline.sources.ignore_rules import ALWAYS_IGNORED, rules_from_settings

_NAMED_PATHS = 200
"""Paths asked for by name in one command; for ten times as many the whole tree is read instead."""

_ENTRY = re.compile(rb"(\d{6}) ([a-z]+) ([0-9a-f]{40,64}) +(\d+|-)\t(.+)", re.DOTALL)
_RENAME_CANDIDATES = 500
"""Git compares contents of at most so many deleted with so many added files; exact renames are always found."""

_FOLDERS_REMEMBERED = 10_000
"""Verdicts on folders that are kept, as most files share theirs with others."""

OUTSIDE = "outside"
"""The verdict on an entry that is not below the source's folder: it is not even counted."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file (or link, or submodule) of a tree; `size` is that of its blob in bytes."""

    path: bytes
    mode: str
    blob: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to `path` between two commits; an empty mode says it was or is not there.

    `previous` is the path it was renamed from, if it was.
    """

    path: bytes
    old_mode: str
    new_mode: str
    previous: bytes | None = None


class TreeFilter:
    """Which entries of a tree a source takes.

    Patterns are relative to the source's folder, and decide as in a folder on disk: whatever lies in a folder that is
    left out is left out, and of the include patterns that match a file or a folder above it the last one decides.
    """

    def __init__(self, settings: GitSettings, converter: Converter) -> None:
        self._converter = converter
        self.subpath = checked_subpath(settings.subpath)
        self._below = self.subpath + b"/" if self.subpath else b""
        self._include = rules_from_settings(settings.include)
        self._exclude = rules_from_settings(settings.exclude)
        self._folder_verdict = lru_cache(maxsize=_FOLDERS_REMEMBERED)(self._verdict_on_folder)
        self._max_size = settings.max_file_size

    def reason_to_skip(self, entry: Entry) -> str:
        """Why the entry is left out, or "" for one that is taken."""
        return self.reason_by_name(entry.path, entry.mode) or ("too large" if entry.size > self._max_size else "")

    def reason_by_name(self, path: bytes, mode: str) -> str:
        """The same without the size."""
        if not path.startswith(self._below):
            return OUTSIDE
        if mode == "120000":
            return "symlink"
        if mode == "160000":
            return "submodule"
        if self._is_ignored(path[len(self._below) :]):
            return "ignored"
        return self._converter.reason_to_skip(path)

    def _is_ignored(self, path: bytes) -> bool:
        folder, _, name = path.rpartition(b"/")
        ignored, included = self._folder_verdict(folder) if folder else (False, -1)
        if ignored or name in ALWAYS_IGNORED or self._exclude.decides(path, name, False):
            return True
        return bool(self._include) and not self._include.takes(
            max(included, self._include.last_match(path, name, False))
        )

    def _verdict_on_folder(self, folder: bytes) -> tuple[bool, int]:
        """Whether it is left out or lies in one that is, and the last include pattern that it or a parent matches."""
        names = folder.split(b"/")
        if not ALWAYS_IGNORED.isdisjoint(names):
            return True, -1
        if not self._include and not self._exclude:
            return False, -1
        included, end = -1, -1
        for name in names:
            end += 1 + len(name)
            if self._exclude.decides(folder[:end], name, True):
                return True, -1
            included = max(included, self._include.last_match(folder[:end], name, True))
        return False, included

    def check_subpath(self, mirror: Mirror, commit: str, label: str) -> None:
        """Raises SourceMisconfigured where the commit does not have the source's folder."""
        if not self.subpath:
            return
        name = self.subpath.decode("utf-8", "surrogateescape")
        found = mirror.read("ls-tree", "-z", "-d", "--full-tree", commit, "--", name)
        if not any(entry.endswith(b"\t" + self.subpath) and b" tree " in entry for entry in found.split(b"\0")):
            shown = self.subpath.decode("utf-8", "backslashreplace")
            raise SourceMisconfigured(f"{label}: the branch has no folder {shown!r}", hint="check subpath")


def iter_tree(mirror: Mirror, commit: str, below: bytes = b"") -> Iterator[Entry]:
    """Every entry of the commit's tree, or of a folder of it. Raises MirrorDamaged."""
    paths = ["--", below.decode("utf-8", "surrogateescape") + "/"] if below else []
    yield from _iter_listed(mirror, commit, paths)


def find_entries(mirror: Mirror, commit: str, paths: Collection[bytes]) -> dict[bytes, Entry]:
    """The entries at `paths`, as far as the commit has them. Raises MirrorDamaged."""
    names = sorted(paths)
    if len(names) > 10 * _NAMED_PATHS or any(_is_odd(name) for name in names):
        wanted = set(names)
        return {entry.path: entry for entry in iter_tree(mirror, commit) if entry.path in wanted}
    found: dict[bytes, Entry] = {}
    for start in range(0, len(names), _NAMED_PATHS):
        wanted = set(names[start : start + _NAMED_PATHS])
        arguments = ["--", *(name.decode("utf-8", "surrogateescape") for name in sorted(wanted))]
        # A name that is a folder by now lists what is in it: only exact matches count.
        found |= {e.path: e for e in _iter_listed(mirror, commit, arguments) if e.path in wanted}
    return found


def iter_changes(mirror: Mirror, old: str, new: str) -> Iterator[Change]:
    """What differs between two commits, related or not; changes of the mode bits alone do not count."""
    options = ("-r", "-z", "--raw", "--no-abbrev", "-M", f"-l{_RENAME_CANDIDATES}", "--no-ext-diff")
    with mirror.reading("diff-tree", *options, old, new) as stdout:
        tokens = iter_tokens(stdout)
        for token in tokens:
            old_mode, new_mode, old_blob, new_blob, status = raw_fields(token)
            path = _next(tokens)
            if status[:1] in ("R", "C"):
                previous, path = path, _next(tokens)
                yield Change(path, "", new_mode, previous if status[0] == "R" else None)
                if status[0] == "R":
                    yield Change(previous, old_mode, "")
            elif not only_mode_changed(old_mode, new_mode, old_blob, new_blob):
                yield Change(path, _present(old_mode), _present(new_mode))


def iter_tokens(stdout: IO[bytes]) -> Iterator[bytes]:
    """What stands between the NUL bytes of a stream."""
    rest = b""
    while piece := stdout.read(1 << 16):
        *whole, rest = (rest + piece).split(b"\0")
        yield from whole
    if rest.strip(b"\n"):
        yield rest


def raw_fields(token: bytes) -> tuple[str, str, str, str, str]:
    """(old mode, new mode, old blob, new blob, status) of one ":100644 100644 … M" of Git's raw output."""
    fields = token.decode("ascii", "replace").removeprefix(":").split(" ")
    if not token.startswith(b":") or len(fields) != 5:
        raise MirrorDamaged("git listed a change in a form that is not known")
    return fields[0], fields[1], fields[2], fields[3], fields[4]


def only_mode_changed(old_mode: str, new_mode: str, old_blob: str, new_blob: str) -> bool:
    """Whether a regular file stayed what it was but for its permission bits."""
    return old_blob == new_blob and old_mode.startswith("100") and new_mode.startswith("100")


def _iter_listed(mirror: Mirror, commit: str, paths: list[str]) -> Iterator[Entry]:
    with mirror.reading("ls-tree", "-r", "-z", "-l", "--full-tree", commit, *paths) as stdout:
        for token in iter_tokens(stdout):
            match = _ENTRY.fullmatch(token)
            if match is None:  # a blob that is missing has the size "BAD"
                raise MirrorDamaged("the mirror lacks files of the commit it holds")
            mode, _, blob, size, path = match.groups()
            yield Entry(path, mode.decode(), blob.decode(), 0 if size == b"-" else int(size))


def _next(tokens: Iterator[bytes]) -> bytes:
    path = next(tokens, None)
    if path is None:
        raise MirrorDamaged("git's listing of changes ended early")
    return path


def _present(mode: str) -> str:
    return "" if mode == "000000" else mode


def _is_odd(name: bytes) -> bool:
    """Whether a hostile tree made a name that Git would not take as an argument."""
    return any(part in (b"", b".", b"..") for part in name.split(b"/"))
