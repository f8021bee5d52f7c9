"""Which part of a plan a run carries out, and what it leaves out, by reason.

Pure. What a listing does not tell (a title, a time) is judged when the document has been read: it is read, and left
out then. What is left out is counted, so that nobody takes a part for the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from vector_pipeline.documents import Document
from vector_pipeline.sync.patterns import Patterns
from vector_pipeline.sync.planning import DocumentPlan
from vector_pipeline.sync.stages import Mode, Options

HELD, NEW, OLDER, PATTERN, LIMIT, DELETIONS = (
    "held documents",
    "new documents",
    "older changes",
    "other documents",
    "above the limit",
    "deletions",
)
"""Why changes are left out: the mode (the first two), `since`, `only`, `limit`, and that such a run does not delete."""

LEFT_OUT = "left out: "
"""In front of the reason, among the counts of a run."""

_YES, _ASK = "yes", "ask"


@dataclass(frozen=True, slots=True)
class Names:
    """What documents are called: `held` maps native ids to address and title; `are_paths`: an id is a path."""

    held: Mapping[bytes, tuple[str, str]] = field(default_factory=dict)
    are_paths: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """The part of a plan that a run carries out.

    `plan` holds what is read and deleted. `left_out` counts the changes left out, by reason. Documents of which only
    reading tells are in `unsure_when` (whether recent enough) and `unsure_which` (whether meant); at most `room` of
    them are taken (None: all).
    """

    plan: DocumentPlan
    left_out: Mapping[str, int] = field(default_factory=dict)
    unsure_when: frozenset[bytes] = frozenset()
    unsure_which: frozenset[bytes] = frozenset()
    room: int | None = None


def select(whole: DocumentPlan, options: Options, names: Names) -> Selection:
    """The part of a plan that the options select; all of it where they select nothing."""
    if not options.is_partial:
        return Selection(whole)
    left_out: Counter[str] = Counter()
    patterns = Patterns(options.only)
    fetch = _of_mode(whole.fetch, options.mode, left_out)
    fetch = _meant(fetch, options, patterns, names).with_columns(when=_when(options))
    fetch = _kept(fetch, pl.col("which").is_not_null(), PATTERN, left_out)
    fetch = _kept(fetch, pl.col("when").is_not_null(), OLDER, left_out)
    unsure = (pl.col("which") == _ASK) | (pl.col("when") == _ASK)
    fetch, room = _limited(fetch, unsure, options.limit, left_out)
    delete = _deletions(whole, fetch.filter(~unsure), options, patterns, names)
    left_out[DELETIONS] += whole.delete.height - delete.height
    return Selection(
        DocumentPlan(
            fetch.drop("which", "when"),
            delete,
            # Of what is left out nobody knows yet whether it is settled.
            [] if left_out.total() else whole.release,
            whole.unchanged,
        ),
        {reason: number for reason, number in left_out.items() if number},
        unsure_when=_ids(fetch.filter(pl.col("when") == _ASK)),
        unsure_which=_ids(fetch.filter(pl.col("which") == _ASK)),
        room=room,
    )


class Judge:
    """Judges the documents of one run as they are read; `left_out` counts by reason what the run leaves out."""

    def __init__(self, selection: Selection, options: Options) -> None:
        self.left_out: Counter[str] = Counter(selection.left_out)
        self._selection, self._options = selection, options
        self._patterns = Patterns(options.only)
        self._room = selection.room
        self._forced = _ids(selection.plan.fetch.filter("forced"))

    @property
    def leaves_out(self) -> bool:
        """Whether the run has left out any change so far."""
        return any(self.left_out.values())

    def takes(self, document: Document) -> bool:
        """Whether the run brings the document in. What comes besides, unasked for, always comes: the source takes it
        for held as soon as that is held with which it came.
        """
        key, chosen = document.native_id, self._selection
        if key not in chosen.unsure_when and key not in chosen.unsure_which:
            return True
        reason = self._reason_against(document)
        if reason:
            self.left_out[reason] += 0 if key in self._forced else 1
        elif self._room is not None:
            self._room -= 1
        return not reason

    def _reason_against(self, document: Document) -> str:
        key, chosen, changed_at = document.native_id, self._selection, document.source_updated_at
        if key in chosen.unsure_which and not self._patterns.means(key, document.uri, document.title):
            return PATTERN
        since = self._options.since
        if key in chosen.unsure_when and since is not None and changed_at is not None and changed_at < since:
            return OLDER
        return LIMIT if self._room is not None and self._room <= 0 else ""


def _of_mode(fetch: pl.DataFrame, mode: Mode, left_out: Counter[str]) -> pl.DataFrame:
    match mode:
        case Mode.AUTO:
            return fetch
        case Mode.ADD_ONLY | Mode.SKIP_EXISTING:
            return _kept(fetch, ~pl.col("known"), HELD, left_out)
        case Mode.UPDATE_ONLY:
            return _kept(fetch, pl.col("known"), NEW, left_out)


def _kept(fetch: pl.DataFrame, condition: pl.Expr, reason: str, left_out: Counter[str]) -> pl.DataFrame:
    """The rows that the condition holds for; the others are counted, but for those that have not changed."""
    left_out[reason] += fetch.filter(~condition & ~pl.col("forced")).height
    return fetch.filter(condition)


def _meant(fetch: pl.DataFrame, options: Options, patterns: Patterns, names: Names) -> pl.DataFrame:
    """With the column `which`: whether `only` means a document; null where it does not."""
    if not options.only:
        return fetch.with_columns(which=pl.lit(_YES))
    rows = fetch.select("native_id", "uri", "forced").iter_rows()
    answers = [_means(patterns, names, key, uri, is_held=forced and key in names.held) for key, uri, forced in rows]
    return fetch.with_columns(which=pl.Series(answers, dtype=pl.String))


def _means(patterns: Patterns, names: Names, native_id: bytes, uri: str, *, is_held: bool) -> str | None:
    """Whether a document is meant; of one that is held as it is, the names are known."""
    if names.are_paths:
        return _YES if patterns.means_path(native_id, uri) else None
    if patterns.means(native_id, uri, "") or _means_held(patterns, names, native_id):
        return _YES
    return _ASK if not is_held and (patterns.may_be_titles or not uri) else None


def _means_held(patterns: Patterns, names: Names, native_id: bytes) -> bool:
    uri, title = names.held.get(native_id, ("", ""))
    return patterns.means_path(native_id, uri) if names.are_paths else patterns.means(native_id, uri, title)


def _when(options: Options) -> pl.Expr:
    """Whether a document changed within the time asked for; null where it did not."""
    if options.since is None:
        return pl.lit(_YES)
    changed_at = pl.col("updated_at")
    return pl.when(changed_at.is_null()).then(pl.lit(_ASK)).when(changed_at >= options.since).then(pl.lit(_YES))


def _limited(
    fetch: pl.DataFrame, unsure: pl.Expr, limit: int | None, left_out: Counter[str]
) -> tuple[pl.DataFrame, int | None]:
    """At most `limit` of the documents that are sure, the newest first; and how many unsure ones may be taken."""
    if limit is None:
        return fetch, None
    ordered = fetch.sort("updated_at", descending=True, nulls_last=True, maintain_order=True)
    sure, asked = ordered.filter(~unsure), ordered.filter(unsure)
    first = sure.head(limit)
    left_out[LIMIT] += sure.slice(limit).filter(~pl.col("forced")).height
    room = limit - first.height
    if room == 0:
        left_out[LIMIT] += asked.filter(~pl.col("forced")).height
        return first, 0
    return pl.concat([first, asked]), room


def _deletions(
    whole: DocumentPlan, surely: pl.DataFrame, options: Options, patterns: Patterns, names: Names
) -> pl.DataFrame:
    """What goes. A document that goes on under another id stays where that one may be left out."""
    if not options.deletes:
        return whole.delete.clear()
    goes_on = whole.fetch.join(surely, on="native_id", how="anti")["previous_id"].drop_nulls()
    delete = whole.delete.filter(~pl.col("native_id").is_in(goes_on.implode()))
    if not options.only:
        return delete
    meant = [_means_held(patterns, names, key) for key in delete["native_id"].to_list()]
    return delete.filter(pl.Series(meant, dtype=pl.Boolean))


def _ids(frame: pl.DataFrame) -> frozenset[bytes]:
    return frozenset(frame["native_id"].to_list())
