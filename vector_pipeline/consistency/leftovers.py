"""Files that nothing needs: mirrors of sources that left the settings, what is left of caches, what was put aside.

All of them are copies: one that is removed too early costs time and nothing else. Locks stay where they are: who
waits for one must find it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from vector_pipeline.consistency.prunable import Kind, Prunable
from vector_pipeline.sources.base import SourceError
from vector_pipeline.sync.pipeline import Pipeline

_LOCK = ".lock"
_PARTIAL_AGE = timedelta(days=1)
"""A file that is written in one go and still has its draft name after so long is one that nobody will finish."""
_ASIDE = ".before-restore-"
_REPOSITORY = re.compile(r"[0-9a-f]{24}\.(?:git|cache|new|old)")
_SITE = re.compile(r".+-[0-9a-f]{12}\.sqlite(?:-wal|-shm|-journal)?")
"""The files of mirrors; what else lies beside them belongs to all."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Files and folders that belong together: bytes on disk, when something in them was written last.

    With `lock`, whoever uses them holds that file.
    """

    name: str
    paths: tuple[Path, ...]
    size: int
    used_at: datetime
    lock: Path | None = None


def leftover_kinds(pipeline: Pipeline, now: datetime) -> list[Kind]:
    """Mirrors, files of conversions, budgets of requests, and what a restore put aside."""
    keep, data = pipeline.settings.retention, pipeline.data_dir
    caches = now - keep.caches
    return [
        _kind("mirrors of removed sources", lambda: unused_mirrors(pipeline), caches),
        _kind("unfinished conversions", lambda: partial_conversions(data / "conversions"), now - _PARTIAL_AGE),
        _kind("budgets of requests", lambda: old_budgets(data / "sites" / "budgets"), caches),
        _kind("files put aside by a restore", lambda: put_aside(pipeline), now - keep.collections),
    ]


def unused_mirrors(pipeline: Pipeline) -> list[Leftover]:
    """Mirrors of repositories and sites that no source of the settings uses; none while one can't be told."""
    try:
        used = _used_mirrors(pipeline)
    except SourceError:
        return []
    found: list[Leftover] = []
    for folder, files in ((pipeline.data_dir / "mirrors", _REPOSITORY), (pipeline.data_dir / "sites", _SITE)):
        groups: dict[str, list[Path]] = {}
        for path in _entries(folder):
            if files.fullmatch(path.name):
                groups.setdefault(_stem(path), []).append(path)
        for stem, paths in groups.items():
            if folder / stem not in used:
                found.append(_measured(stem, paths, folder / f"{stem}{_LOCK}"))
    return found


def partial_conversions(folder: Path) -> list[Leftover]:
    """Drafts in the cache of conversions."""
    return [
        _measured(path.name, [path])
        for part in _entries(folder)
        if part.is_dir()
        for path in _entries(part)
        if path.suffix == ".part"
    ]


def old_budgets(folder: Path) -> list[Leftover]:
    """What sites asked for by way of pauses: nothing in it holds for longer than an hour."""
    return [_measured(path.name, [path]) for path in _entries(folder) if path.suffix != _LOCK]


def put_aside(pipeline: Pipeline) -> list[Leftover]:
    """What a restore moved away from its place before it put a backup there."""
    places = {pipeline.data_dir}
    state = pipeline.store.location.path
    places |= {state.parent} if state else set()
    places |= {pipeline.settings.index.path.parent} if pipeline.settings.index.path else set()
    return [_measured(path.name, [path]) for place in sorted(places) for path in _entries(place) if _ASIDE in path.name]


def _used_mirrors(pipeline: Pipeline) -> set[Path]:
    """Folder and stem of every mirror that a source of the settings uses. Raises SourceMisconfigured."""
    from vector_pipeline.sources.git_mirror import Mirror as Repository
    from vector_pipeline.sources.git_remote import Remote
    from vector_pipeline.sources.public_docs.mirror_file import MirrorFile

    sources, data = pipeline.settings.sources, pipeline.data_dir
    used: set[Path] = set()
    for name, git in sources.git.items():
        folder = data / "mirrors"
        path = Repository(Remote(f"git/{name}", git, folder), folder, name).path
        used.add(folder / _stem(path))
    for name, site in sources.public_docs.items():
        path = MirrorFile(data / "sites", name, site.url, f"public_docs/{name}").path
        used.add(data / "sites" / _stem(path))
    return used


def _stem(path: Path) -> str:
    """What the files of one mirror share: a name without what follows its last dot."""
    return path.name.rpartition(".")[0] or path.name


def _kind(name: str, find: Callable[[], Iterable[Leftover]], before: datetime) -> Kind:
    def split() -> tuple[list[Leftover], int]:
        found = list(find())
        due = [one for one in found if one.used_at <= before]
        return due, len(found) - len(due)

    def look() -> Prunable:
        return _told(name, *split())

    def free() -> Prunable:
        due, waiting = split()
        gone = [one for one in due if _removed(one)]
        return _told(name, gone, waiting + len(due) - len(gone))

    return Kind(name, look, free)


def _told(name: str, due: list[Leftover], waiting: int) -> Prunable:
    oldest = min((one.used_at for one in due), default=None)
    names = tuple(sorted(one.name for one in due))
    return Prunable(name, len(due), sum(one.size for one in due) or None, oldest, waiting, names)


def _removed(leftover: Leftover) -> bool:
    """Removes the files; False where somebody is using them."""
    with contextlib.ExitStack() as held:
        if leftover.lock is not None:
            try:
                held.enter_context(FileLock(leftover.lock, timeout=0, thread_local=False).acquire())
            except (Timeout, OSError):
                return False
        for path in leftover.paths:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    path.unlink()
    return not any(os.path.lexists(path) for path in leftover.paths)


def _measured(name: str, paths: list[Path], lock: Path | None = None) -> Leftover:
    size, newest = 0, 0.0
    for path in paths:
        for status in _statuses(path):
            size += status.st_size
            # A rename changes this time only: what was put aside counts from then on.
            newest = max(newest, status.st_mtime, status.st_ctime)
    return Leftover(name, tuple(sorted(paths)), size, datetime.fromtimestamp(newest, UTC), lock)


def _statuses(path: Path) -> Iterator[os.stat_result]:
    with contextlib.suppress(OSError):
        yield path.lstat()
    for folder, _, files in os.walk(path):
        for file in files:
            with contextlib.suppress(OSError):
                yield os.lstat(os.path.join(folder, file))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
