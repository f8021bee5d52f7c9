"""Lists a folder: which files there are, in which version, without reading any of them.

One recursion over open folders (never over paths), so that no symbolic link can lead it out of the root and no path
is too long. A folder that can't be read is reported and never taken for empty.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from vector_pipeline.conversion.converter import Converter
from vector_pipeline.sources.ignore_rules import ALWAYS_IGNORED, MAX_IGNORE_FILE, Rules, TooManyRules, parse_rules

MAX_DEPTH = 256
"""Folders within folders; each level keeps one folder open."""
FINE_WINDOW = 100_000_000
COARSE_WINDOW = 2_100_000_000
"""Nanoseconds within which a second write may leave a file's times as they are; the latter for old file systems."""

_TEMPORARY = re.compile(rb"(?:~\$.*|\.#.*|#.*#|.*~|\..*\.sw[a-p]|.*\.(?:tmp|part|crdownload))", re.DOTALL)
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_Chain = tuple[tuple[Rules, int], ...]
"""Rules that apply in a folder, the strongest first, each with the length of the path they are relative to."""


@dataclass(frozen=True, slots=True)
class ScanRules:
    """What a scan takes and leaves out."""

    include: Rules
    exclude: Rules
    ignore_files: tuple[bytes, ...]
    hidden: bool
    max_file_size: int
    converter: Converter


@dataclass(slots=True)
class Scan:
    """What was found: paths (relative, exact bytes, in a stable order) with their versions, side by side.

    `unreadable` maps folders (with a slash at the end) to the reason; nothing below them is listed. `digest` names
    all of it.
    """

    paths: list[bytes] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    unreadable: dict[bytes, str] = field(default_factory=dict)
    digest: str = ""


def file_version(status: os.stat_result, since: int, until: int | None = None) -> str:
    """The version of a file with that status, seen at some time from `since` to `until` (nanoseconds), or at `since`.

    A file written to a moment before gets "~since" at its end: another write may not show in its times, so the version
    must not be taken for the same at the next scan.
    """
    changed, modified = status.st_ctime_ns, status.st_mtime_ns
    version = f"{status.st_size}:{modified}:{changed}:{status.st_ino}"
    window = FINE_WINDOW if changed % 1_000_000_000 else COARSE_WINDOW
    early, late = since - window, (until or since) + window
    if early < changed < late or early < modified < late:
        return f"{version}~{since}"
    return version


def modified_times(versions: Sequence[str]) -> pl.Series:
    """When the files of these versions were last written to, to the microsecond; null for times no calendar has."""
    nanoseconds = pl.Series(versions, dtype=pl.String).str.extract(r"^\d+:(-?\d+):", 1).cast(pl.Int64, strict=False)
    return (nanoseconds // 1_000).cast(pl.Datetime("us", "UTC"))


def converted_version(version: str, path: bytes, converter: Converter) -> str:
    """The version of a file with what its conversion depends on, where that is more than the bytes."""
    identity = converter.identity(path)
    return f"{version}+{identity}" if identity else version


def scan_folder(root: int, rules: ScanRules, identity: str) -> Scan:
    """Lists the open folder `root` and all below it. `identity` goes into the digest, as what else a listing is from.

    Raises OSError where the root itself can't be read.
    """
    walk = _Walk(rules, identity)
    walk.enter(root, b"", ((rules.exclude, 0),) if rules.exclude else (), -1, 0)
    walk.scan.digest = walk.digest.hexdigest()
    return walk.scan


class _Unreadable(Exception):
    """A folder can't be listed in full; carries the system's error."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


@dataclass(slots=True)
class _Entries:
    """The entries of one folder that matter."""

    files: list[tuple[bytes, str]] = field(default_factory=list)
    folders: list[tuple[bytes, int]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


class _Walk:
    """The state of one recursion."""

    def __init__(self, rules: ScanRules, identity: str) -> None:
        self.rules = rules
        self.scan = Scan()
        self.digest = hashlib.blake2b(identity.encode(), digest_size=16)

    def enter(self, folder: int, prefix: bytes, chain: _Chain, included: int, depth: int) -> None:
        """Lists one open folder and what is below it. `included` is the last include pattern its parents matched."""
        try:
            entries = self._entries(folder, prefix, chain, included)
        except _Unreadable as unreadable:
            if not prefix:
                raise unreadable.error from unreadable
            self._note_unreadable(prefix, _reason(unreadable.error))
            return
        chain = self._chain
        self.scan.skipped.update(entries.skipped)
        entries.files.sort()
        for path, version in entries.files:
            self.scan.paths.append(path)
            self.scan.versions.append(version)
        self.digest.update(b"".join(b"%b\0%b\0" % (path, version.encode()) for path, version in entries.files))
        entries.folders.sort()
        for path, matched in entries.folders:
            self._descend(folder, path, chain, matched, depth + 1)

    def _descend(self, parent: int, path: bytes, chain: _Chain, included: int, depth: int) -> None:
        if depth > MAX_DEPTH:
            self._note_unreadable(path + b"/", f"more than {MAX_DEPTH} folders deep")
            return
        try:
            folder = os.open(path[path.rfind(b"/") + 1 :], _FOLDER_FLAGS, dir_fd=parent)
        except OSError as error:
            if error.errno not in _GONE:
                self._note_unreadable(path + b"/", _reason(error))
            return
        try:
            self.enter(folder, path + b"/", chain, included, depth)
        finally:
            os.close(folder)

    def _note_unreadable(self, folder: bytes, reason: str) -> None:
        self.scan.unreadable[folder] = reason
        self.digest.update(b"%b\0unreadable\0" % folder)

    def _entries(self, folder: int, prefix: bytes, chain: _Chain, included: int) -> _Entries:
        """The entries of a folder after all rules; sets `_chain` to the rules that hold below it."""
        found = _Entries()
        try:
            with os.scandir(folder) as listed:
                entries = [(os.fsencode(entry.name), entry) for entry in listed]
            self._chain = chain = self._with_ignore_files(folder, {name for name, _ in entries}, prefix, chain)
            for name, entry in entries:
                self._take(found, name, entry, prefix, chain, included)
        except OSError as error:
            raise _Unreadable(error) from error
        return found

    def _take(
        self, found: _Entries, name: bytes, entry: os.DirEntry[str], prefix: bytes, chain: _Chain, included: int
    ) -> None:
        skipped = found.skipped
        if name in ALWAYS_IGNORED or _TEMPORARY.fullmatch(name):
            skipped["ignored"] += 1
            return
        if name[0] == 46 and not self.rules.hidden:  # "."
            skipped["hidden"] += 1
            return
        is_folder = entry.is_dir(follow_symlinks=False)
        if not is_folder and not entry.is_file(follow_symlinks=False):
            skipped["symlink" if entry.is_symlink() else "special file"] += 1
            return
        path = prefix + name
        for rules, base in chain:
            decision = rules.decides(path[base:], name, is_folder)
            if decision is not None:
                if decision:
                    skipped["ignored"] += 1
                    return
                break
        if self.rules.include:
            included = max(included, self.rules.include.last_match(path, name, is_folder))
        if is_folder:
            found.folders.append((path, included))
            return
        if self.rules.include and not self.rules.include.takes(included):
            skipped["ignored"] += 1
            return
        if reason := self.rules.converter.reason_to_skip(name):
            skipped[reason] += 1
            return
        since = time.time_ns()
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return  # gone since the folder was read
        if status.st_size > self.rules.max_file_size:
            skipped["too large"] += 1
            return
        version = converted_version(file_version(status, since, time.time_ns()), name, self.rules.converter)
        found.files.append((path, version))

    def _with_ignore_files(self, folder: int, names: set[bytes], prefix: bytes, chain: _Chain) -> _Chain:
        """The folder's own ignore files in front of those from above; what the settings say stays first."""
        own = []
        for name in self.rules.ignore_files:
            if name in names and (rules := _rules_of(folder, name)):
                own.append((rules, len(prefix)))
        if not own:
            return chain
        settings = 1 if self.rules.exclude else 0
        return (*chain[:settings], *reversed(own), *chain[settings:])


def _rules_of(folder: int, name: bytes) -> Rules:
    """The patterns of an ignore file. Raises OSError where they can't be read, or are too many."""
    try:
        return parse_rules(_read_ignore_file(folder, name))
    except TooManyRules as error:
        raise OSError(errno.EFBIG, f"{name.decode('utf-8', 'backslashreplace')} has {error}") from error


def _read_ignore_file(folder: int, name: bytes) -> bytes:
    """The patterns in a file; b"" if it is a link or no file. Raises OSError where it can't be read."""
    try:
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in (*_GONE, errno.ENXIO):
            return b""
        raise
    try:
        return os.read(opened, MAX_IGNORE_FILE + 1) if os.path.isfile(opened) else b""
    finally:
        os.close(opened)


def _reason(error: OSError) -> str:
    return (error.strerror or "can't be read").lower()


def kept_below(folders: Sequence[bytes], known: Sequence[bytes]) -> list[bytes]:
    """The known paths that lie below folders which could not be read."""
    prefixes = tuple(folders)
    return [path for path in known if path.startswith(prefixes)]
