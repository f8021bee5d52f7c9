"""When each path was first and last committed, and by whom, from one pass over the log.

The facts of a path are a pure function of the set of commits (merges left out) that touch it: the smallest and
the largest (committer time, commit id). So facts of parts of a history combine exactly, and a fast-forward costs
only its new commits; the facts of the rest are kept in a file beside the mirror that can be lost at any time.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from vector_pipeline.sources.git_mirror import Mirror, MirrorDamaged
from vector_pipeline.sources.git_tree import iter_tokens, only_mode_changed, raw_fields

_FACTS = pl.Schema({"path": pl.Binary, "first": pl.Int64, "last": pl.Int64, "commit": pl.String, "author": pl.String})
_LONGEST_AUTHOR = 200
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Facts:
    """Committer times (seconds since 1970, UTC) of the first and last commit of a path, and the last one's author."""

    first: int
    last: int
    author: str


def update_history(mirror: Mirror, branch: str, commit: str) -> pl.DataFrame:
    """The facts of every path that ever was in the history of `commit`, from the kept file and what is new since.

    Writes the kept file. Raises MirrorDamaged where the history can't be read.
    """
    cache = _Cache(mirror, branch)
    known, facts = cache.load()
    if facts is not None and known == commit:
        return facts
    if facts is not None and mirror.is_ancestor(known, commit):
        facts = _combine(facts, read_facts(mirror, commit, f"^{known}"))
    else:
        facts = read_facts(mirror, commit)
    cache.record(commit, facts)
    return facts


def facts_of(history: pl.DataFrame, paths: pl.Series | None = None) -> Mapping[bytes, Facts]:
    """Path to facts, of all paths or of `paths`."""
    if paths is not None:
        history = history.join(pl.DataFrame({"path": paths}), on="path", how="semi")
    columns = history.select("path", "first", "last", "author")
    return {path: Facts(first, last, author) for path, first, last, author in columns.iter_rows()}


def iter_touched(mirror: Mirror, old: str, new: str) -> Iterator[bytes]:
    """Every path touched by a commit (merges left out) that only one of the two histories has."""
    for _, paths in _iter_log(mirror, f"{old}...{new}"):
        yield from paths


def read_facts(mirror: Mirror, *revisions: str) -> pl.DataFrame:
    """The facts of the paths that the commits of `revisions` touch."""
    facts: dict[bytes, tuple[int, int, str, str]] = {}
    for (commit, time, author), paths in _iter_log(mirror, *revisions):
        for path in paths:
            if (known := facts.get(path)) is None:
                facts[path] = (time, time, commit, author)
            elif (time, commit) > (known[1], known[2]):
                facts[path] = (min(time, known[0]), time, commit, author)
            elif time < known[0]:
                facts[path] = (time, *known[1:])
    return pl.DataFrame(
        {
            "path": list(facts),
            "first": [row[0] for row in facts.values()],
            "last": [row[1] for row in facts.values()],
            "commit": [row[2] for row in facts.values()],
            "author": [row[3] for row in facts.values()],
        },
        schema=_FACTS,
    )


def _combine(kept: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The facts of two sets of commits together."""
    touched = kept.join(new, on="path", how="semi")
    both = (
        pl.concat([touched, new])
        .sort("last", "commit")
        .group_by("path", maintain_order=True)
        .agg(pl.col("first").min(), pl.col("last").last(), pl.col("commit").last(), pl.col("author").last())
    )
    return pl.concat([kept.join(new, on="path", how="anti"), both.select(list(_FACTS))])


def _iter_log(mirror: Mirror, *revisions: str) -> Iterator[tuple[tuple[str, int, str], list[bytes]]]:
    """((commit, committer time, author), paths) of every commit that is not a merge. A mode change is no touch."""
    options = ("-z", "--raw", "--no-abbrev", "--no-merges", "--no-renames", "--root", "--no-ext-diff", "--no-color")
    with mirror.reading("log", *options, "--encoding=UTF-8", "--format=%H %ct %an", *revisions, "--") as stdout:
        head: tuple[str, int, str] | None = None
        paths: list[bytes] = []
        tokens = iter_tokens(stdout)
        for token in tokens:
            token = token.removeprefix(b"\n")
            if token.startswith(b":"):
                path = next(tokens, b"")
                if not only_mode_changed(*raw_fields(token)[:4]):
                    paths.append(path)
                continue
            if head is not None and paths:
                yield head, paths
            head, paths = _head(token), []
        if head is not None and paths:
            yield head, paths


def _head(token: bytes) -> tuple[str, int, str]:
    commit, _, rest = token.decode("utf-8", "replace").partition(" ")
    time, _, author = rest.partition(" ")
    try:
        return commit, max(-(2**62), min(2**62, int(time))), author[:_LONGEST_AUTHOR]
    except ValueError:
        raise MirrorDamaged("git's log has a commit without a time") from None


class _Cache:
    """The kept file of one branch: its name says for which commit it holds, its first 32 bytes are its checksum."""

    def __init__(self, mirror: Mirror, branch: str) -> None:
        self._folder = mirror.caches
        key = f"{_FORMAT} {branch} {mirror.shallow_state()}"
        self._prefix = "history-" + hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:16] + "-"

    def load(self) -> tuple[str, pl.DataFrame | None]:
        """(commit, facts), or ("", None) where there is no file or it is damaged."""
        for path in self._files():
            data = path.read_bytes()
            if hashlib.sha256(data[32:]).digest() == data[:32]:
                return path.stem.removeprefix(self._prefix), pl.read_parquet(io.BytesIO(data[32:]))
        return "", None

    def record(self, commit: str, facts: pl.DataFrame) -> None:
        """Keeps the facts of `commit` in place of those of earlier ones."""
        self._folder.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        facts.write_parquet(buffer, compression="zstd")
        data = buffer.getvalue()
        path = self._folder / f"{self._prefix}{commit}.facts"
        partial = path.with_suffix(f".{os.getpid()}.part")
        partial.write_bytes(hashlib.sha256(data).digest() + data)
        partial.replace(path)
        for other in self._files():
            if other != path:
                with suppress(FileNotFoundError):
                    other.unlink()

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob(f"{self._prefix}*.facts"))
