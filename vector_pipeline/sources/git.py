"""The Git source: the files of one branch of a repository, whole or below a folder.

Blob ids are the versions, together with what the history says about a path; a probe is one `ls-remote`, a scan
the difference of two trees in the kept mirror, and only blobs that are asked for are read. `native_id` is the exact
path from the root of the repository, whatever bytes it is made of; patterns are relative to `subpath`.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import quote_from_bytes

import polars as pl

from vector_pipeline.conversion.content import ConversionError
from vector_pipeline.conversion.convert import CONVERSION_IDENTITY
from vector_pipeline.conversion.converter import Converter
from vector_pipeline.conversion.file_documents import document_from_file
from vector_pipeline.documents import LISTED, Document, Failure, Item, canonical_json, hash16, listing_frame
from vector_pipeline.settings_sources import GitSettings
from vector_pipeline.sources.base import Known, Listing, SourceMisconfigured
from vector_pipeline.sources.git_history import Facts, facts_of, iter_touched, update_history
from vector_pipeline.sources.git_mirror import Mirror, MirrorDamaged
from vector_pipeline.sources.git_remote import Remote, Tip
from vector_pipeline.sources.git_tree import OUTSIDE, Entry, TreeFilter, find_entries, iter_changes, iter_tree
from vector_pipeline.sources.git_url import checked_branch
from vector_pipeline.sources.web_links import FileLinks, file_links

_log = logging.getLogger(__name__)

_T = TypeVar("_T")
_FORMAT = "git-2"
"""Part of every version: another value means that every file has to be read again."""

_ROWS_AT_ONCE = 10_000
_REQUESTS_AHEAD = 400
"""Ids sent to `cat-file` before its answers are read: they must fit in a pipe (64 kB), or both sides would wait."""

_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"
_BATCH_HEADER = re.compile(rb"[0-9a-f]+ blob (\d+)\n")
_REGULAR = "100644"
_ANY_BRANCH = "any-branch"
"""Stands for the name of the default branch, which only the repository tells."""


class GitSource:
    """A branch as a source (see `Source`). Mirrors live below `mirror_dir`, shared by all sources of a repository."""

    def __init__(self, name: str, settings: GitSettings, mirror_dir: Path, converter: Converter) -> None:
        """Touches nothing yet. Raises SourceMisconfigured for a url, branch or folder that can't be."""
        self._name, self._settings, self._converter = name, settings, converter
        label = f"git/{name}"
        try:
            self._branch = checked_branch(settings.branch)
            self._filter = TreeFilter(settings, converter)
            self._remote = Remote(label, settings, mirror_dir)
        except SourceMisconfigured as error:
            raise type(error)(f"{label}: {error.message}", hint=error.hint) from None
        self._mirror = Mirror(self._remote, mirror_dir, name)
        self._label = label

    @property
    def type(self) -> str:
        """ "git"."""
        return "git"

    @property
    def name(self) -> str:
        """The partition key."""
        return self._name

    @property
    def url(self) -> str:
        """The repository's address without credentials."""
        return self._settings.web_url or self._remote.url.display

    def probe(self) -> str:
        """The branch's commit and the identity of filters and conversion, from one `ls-remote`."""
        return self._version(self._remote.tip(self._branch))

    def scan(self, known: Known) -> Listing:
        """A delta from the commit in the cursor where that is still here, else the whole tree.

        An empty repository is an empty census. Raises SourceError.
        """
        tip = self._remote.tip(self._branch)
        if not tip.commit:
            return Listing(LISTED.to_frame(), complete=True, version=self._version(tip))
        return self._healing(tip, lambda: self._scan(known, tip))

    def fetch(self, items: Sequence[Item]) -> Iterator[Document | Failure]:
        """Documents of the blobs that the items name, each read once. Raises SourceError.

        A Git LFS pointer is a permanent Failure: the repository holds only the file's address.
        """
        bare = [item for item in items if not item.detail]
        waiting = deque(item for item in items if item.detail)
        if bare:
            found = self._look_up([item.native_id for item in bare])
            waiting.extend(found.values())
            yield from (self._failed(item, "no longer there") for item in bare if item.native_id not in found)
        try:
            yield from self._answers(waiting)
        except MirrorDamaged as error:
            _log.warning("%s; building it again", error.message)
            tip = self._remote.tip(self._branch)
            if tip.commit:
                with self._mirror.locked():
                    self._mirror.rebuild(tip)
            yield from self._answers(waiting, healed=True)

    def claims(self, wanted: str) -> bool:
        """Whether a link leads to the repository, or a path may be one below the source's folder."""
        if "://" in wanted and not self._branch:
            return wanted.startswith(self._links(Tip(_ANY_BRANCH, "")).prefix.partition(_ANY_BRANCH)[0])
        path = self._path(wanted, Tip(self._branch, ""))
        return path is not None and not self._filter.reason_by_name(path, _REGULAR)

    def identify(self, wanted: str) -> bytes | None:
        """The path in the repository: from a link to the file, or as it is."""
        return self._path(wanted, self._remote.tip(self._branch) if "://" in wanted else Tip(self._branch, ""))

    def _path(self, wanted: str, tip: Tip) -> bytes | None:
        links = self._links(tip)
        if "://" in wanted:
            return links.path(wanted)
        on_disk = links.path("file://" + quote_from_bytes(os.path.abspath(os.fsencode(wanted))))
        if on_disk is not None:
            return on_disk
        path = os.path.normpath(os.fsencode(wanted))
        return path if not path.startswith((b"/", b"../")) and path not in (b".", b"..") else None

    def has(self, native_id: bytes) -> bool:
        """Whether the branch has such a file that the settings take. Raises SourceError."""
        return native_id in self._look_up([native_id])

    def look_up(self, native_id: bytes, known: Known) -> Item | None:
        """The file as the branch has it now. Raises SourceError."""
        return self._look_up([native_id]).get(native_id)

    def close(self) -> None:
        """Nothing is held open between calls."""

    def _healing(self, tip: Tip, work: Callable[[], _T]) -> _T:
        """Does the work under the mirror's lock, a second time with a new mirror if the old one is damaged."""
        with self._mirror.locked():
            try:
                return work()
            except MirrorDamaged as error:
                _log.warning("%s; building it again", error.message)
                self._mirror.rebuild(tip)
                return work()

    def _scan(self, known: Known, tip: Tip) -> Listing:
        applied = str(known.cursor.get("commit", ""))
        if self._mirror.holds(applied):
            self._mirror.keep_applied(applied)
        commit = self._mirror.fetch(tip)
        tip = Tip(tip.ref, commit)
        self._filter.check_subpath(self._mirror, commit, self._label)
        history = update_history(self._mirror, tip.ref, commit)
        cursor = {"commit": commit, "identity": self._identity(tip), "shallow": self._mirror.shallow_state()}
        same_rules = all(known.cursor.get(key) == cursor[key] for key in ("identity", "shallow"))
        if same_rules and not known.census and not known.due and self._mirror.holds(applied):
            return self._delta(applied, tip, history, cursor)
        return self._census(tip, history, cursor)

    def _census(self, tip: Tip, history: pl.DataFrame, cursor: Mapping[str, str]) -> Listing:
        skipped: Counter[str] = Counter()
        facts = facts_of(history)

        def taken() -> Iterator[Entry]:
            for entry in iter_tree(self._mirror, tip.commit, self._filter.subpath):
                if reason := self._filter.reason_to_skip(entry):
                    skipped[reason] += 1
                else:
                    yield entry

        items = _frame(self._items(tip, taken(), facts, {}))
        skipped.pop(OUTSIDE, None)
        return Listing(items, complete=True, version=self._version(tip), cursor=cursor, skipped=dict(skipped))

    def _delta(self, applied: str, tip: Tip, history: pl.DataFrame, cursor: Mapping[str, str]) -> Listing:
        """What the two commits disagree on: files, and what their histories say about files that stayed the same."""
        changes = {change.path: change for change in iter_changes(self._mirror, applied, tip.commit)}
        touched = set(iter_touched(self._mirror, applied, tip.commit)) if applied != tip.commit else set()
        candidates = [p for p in changes.keys() | touched if self._filter.reason_by_name(p, _REGULAR) != OUTSIDE]
        entries = find_entries(self._mirror, tip.commit, candidates)
        facts = facts_of(history, pl.Series(candidates, dtype=pl.Binary))
        skipped: Counter[str] = Counter()
        taken, removed, previous = [], [], {}
        for path in sorted(candidates):
            entry, change = entries.get(path), changes.get(path)
            reason = self._filter.reason_to_skip(entry) if entry else "gone"
            if entry and not reason:
                taken.append(entry)
                if (
                    change
                    and change.previous is not None
                    and not self._filter.reason_by_name(change.previous, _REGULAR)
                ):
                    previous[path] = change.previous
            elif change:
                if entry:
                    skipped[reason] += 1
                if change.old_mode and not self._filter.reason_by_name(path, change.old_mode):
                    removed.append(path)
        items = _frame(self._items(tip, taken, facts, previous))
        return Listing(items, False, self._version(tip), cursor=cursor, removed=tuple(removed), skipped=dict(skipped))

    def _items(
        self, tip: Tip, entries: Iterable[Entry], facts: Mapping[bytes, Facts], previous: Mapping[bytes, bytes]
    ) -> Iterator[Item]:
        """The entries as items. The version covers all that a document is made of, so that a change of any is seen."""
        links, rendering = self._links(tip), self._rendering(tip).encode()
        for entry in entries:
            fact = facts.get(entry.path)
            detail = {"blob": entry.blob, "web": links.web}
            if fact is not None:
                detail |= {"first": fact.first, "last": fact.last, "author": fact.author}
            text = canonical_json(detail)
            conversion = self._converter.identity(entry.path).encode()
            parts = (rendering, text.encode(), *((conversion,) if conversion else ()))
            version = f"{entry.blob}.{hash16(*parts)[:6].hex()}"
            updated_at = _time(fact.last) if fact is not None else None
            yield Item(entry.path, version, links.link(entry.path), previous.get(entry.path), text, updated_at)

    def _look_up(self, paths: Sequence[bytes]) -> dict[bytes, Item]:
        """Items as the branch has them now, for paths that come without what `scan` said about them."""
        tip = self._remote.tip(self._branch)

        def look_up() -> dict[bytes, Item]:
            now = Tip(tip.ref, self._mirror.fetch(tip))
            entries = find_entries(self._mirror, now.commit, paths)
            taken = [entry for entry in entries.values() if not self._filter.reason_to_skip(entry)]
            history = update_history(self._mirror, now.ref, now.commit)
            facts = facts_of(history, pl.Series([entry.path for entry in taken], dtype=pl.Binary))
            return {item.native_id: item for item in self._items(now, taken, facts, {})}

        return self._healing(tip, look_up) if tip.commit else {}

    def _answers(self, waiting: deque[Item], healed: bool = False) -> Iterator[Document | Failure]:
        """One answer per waiting item, in order; what is answered no longer waits. Raises MirrorDamaged."""
        blobs = ((item.native_id, (item, blob)) for item, blob in self._blobs(list(waiting), healed))
        for answer in self._converter.ahead(self._answer, blobs):
            waiting.popleft()
            yield answer

    def _answer(self, read: tuple[Item, bytes | Failure]) -> Document | Failure:
        item, blob = read
        return blob if isinstance(blob, Failure) else self._document(item, json.loads(item.detail), blob)

    def _blobs(self, items: Sequence[Item], healed: bool) -> Iterator[tuple[Item, bytes | Failure]]:
        """The bytes of each item, or why there are none. Raises MirrorDamaged."""
        if not items:
            return
        with self._mirror.git.conversation("cat-file", "--batch") as (stdin, stdout):
            for start in range(0, len(items), _REQUESTS_AHEAD):
                requested = items[start : start + _REQUESTS_AHEAD]
                numbers = [json.loads(item.detail)["blob"] for item in requested]
                try:
                    stdin.write(b"".join(f"{number}\n".encode() for number in numbers))
                    stdin.flush()
                except BrokenPipeError:
                    raise self._unreadable() from None
                for item, number in zip(requested, numbers, strict=True):
                    yield item, self._blob(item, number, stdout, healed)

    def _blob(self, item: Item, number: str, stdout: IO[bytes], healed: bool) -> bytes | Failure:
        header = stdout.readline()
        if header.endswith(b" missing\n"):
            if not healed and self._must_hold(item, number):
                raise self._unreadable()
            return self._failed(item, "no longer there")
        match = _BATCH_HEADER.fullmatch(header)
        if match is None:
            raise self._unreadable()
        size = int(match[1])
        if size > self._settings.max_file_size:
            self._read(stdout, size, keep=False)
            return self._failed(item, "too large", permanent=True)
        data = self._read(stdout, size)
        if data.startswith(_LFS_POINTER):
            return self._failed(item, "a Git LFS pointer: the content is not in the repository", permanent=True)
        return data

    def _read(self, stdout: IO[bytes], size: int, keep: bool = True) -> bytes:
        """The blob's bytes (none with `keep` off) and the newline behind them. Raises MirrorDamaged."""
        data, left = [], size + 1
        while left:
            piece = stdout.read(min(left, 1 << 20))
            if not piece:
                raise self._unreadable()
            left -= len(piece)
            if keep:
                data.append(piece)
        return b"".join(data)[:size]

    def _document(self, item: Item, detail: Mapping[str, Any], data: bytes) -> Document | Failure:
        # Undecodable bytes are spelled out: they must not reach JSON as half characters.
        path = item.native_id.decode("utf-8", "backslashreplace")
        extra: dict[str, Any] = {"version": detail["blob"], "author": detail.get("author") or None}
        extra["created_at"] = created.isoformat() if (created := _time(detail.get("first"))) else None
        extra["web_url"] = item.uri if detail["web"] else None
        extra["access"] = list(self._settings.access) or None
        extra["tags"] = list(self._settings.tags) or None
        try:
            return document_from_file(
                converter=self._converter,
                native_id=item.native_id,
                version=item.version,
                uri=item.uri,
                path=path,
                data=data,
                title_fallback=Path(path).stem,
                extra_metadata={key: value for key, value in extra.items() if value is not None},
                source_updated_at=_time(detail.get("last")),
            )
        except ConversionError as error:
            failed = self._failed(item, str(error), permanent=error.permanent, stage="convert")
            return replace(failed, most_attempts=error.attempts)

    def _must_hold(self, item: Item, number: str) -> bool:
        """Whether a blob that the mirror lacks belongs to the commit it holds, or that can't even be told."""
        try:
            tip = self._mirror.fetched_commit()
            entry = find_entries(self._mirror, tip, [item.native_id]).get(item.native_id)
        except MirrorDamaged:
            return True
        return entry is not None and entry.blob == number

    def _unreadable(self) -> MirrorDamaged:
        return MirrorDamaged(f"{self._label}: the mirror can't be read", hint=f"remove {self._mirror.path}")

    @staticmethod
    def _failed(item: Item, reason: str, *, permanent: bool = False, stage: str = "fetch") -> Failure:
        return Failure(item.native_id, item.version, item.uri, stage, reason, permanent)

    def _links(self, tip: Tip) -> FileLinks:
        return file_links(self._remote.url, tip.branch, self._settings.web_url)

    def _rendering(self, tip: Tip) -> str:
        """All that a document depends on besides blob and history."""
        links, settings = self._links(tip), self._settings
        tags, access = list(settings.tags), list(settings.access)
        return canonical_json([_FORMAT, CONVERSION_IDENTITY, tags, access, links.prefix, links.suffix])

    def _identity(self, tip: Tip) -> str:
        """A short hash of all that decides which files are taken and what is made of them."""
        settings = self._settings
        rules = [list(settings.include), list(settings.exclude), settings.subpath, settings.max_file_size]
        files = self._converter.files_identity
        return hash16(canonical_json(rules).encode(), self._rendering(tip).encode(), files.encode())[:4].hex()

    def _version(self, tip: Tip) -> str:
        return f"{tip.commit or 'empty'}+{self._identity(tip)}"


def _frame(items: Iterator[Item]) -> pl.DataFrame:
    """A LISTED frame, built in slices so that the items need not all be Python objects at once."""
    slices = [LISTED.to_frame()]
    while rows := list(itertools.islice(items, _ROWS_AT_ONCE)):
        slices.append(listing_frame(rows))
    return pl.concat(slices).unique("native_id", keep="last", maintain_order=True)


def _time(seconds: int | None) -> datetime | None:
    """A commit's time; None for one that no calendar has, which anybody may write into a commit."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
