"""The documents stage rehearsed: the source is read as a sync reads it, and nothing of it is stored.

What is read is compared with what is held by the store's own rule, then handed to the later stages' foresight batch by
batch, so that no more than a batch is in memory.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from vector_pipeline.documents import Document, Failure
from vector_pipeline.sources.base import Source
from vector_pipeline.state.documents_table import classified
from vector_pipeline.state.records import Applied, DocumentRow, Partition
from vector_pipeline.sync.fetching import Fetching
from vector_pipeline.sync.foresight import Foresight
from vector_pipeline.sync.listing import Looked
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.plan import Change, DocumentChange

_NO_CHUNKING = -1
_CHANGES = {"added": Change.ADDED, "changed": Change.CHANGED, "metadata": Change.METADATA}


class _Read(NamedTuple):
    """The hashes of a document that was read, as if it were held."""

    content_hash: bytes
    metadata_hash: bytes
    deleted: int = 0


class Rehearsal(Fetching):
    """Reads what a look at a source wants. `changes` counts documents by what would become of them, and with
    `is_detailed` `documents` names them."""

    def __init__(
        self,
        pipeline: Pipeline,
        partition: Partition,
        source: Source,
        looked: Looked,
        takes: Callable[[Document], bool],
        *,
        are_paths: bool,
        is_detailed: bool,
    ) -> None:
        super().__init__(pipeline, partition, source, run_id="", takes=takes)
        self._are_paths, self._is_detailed = are_paths, is_detailed
        self._held: dict[bytes, _Read] = {}
        self._formers = _formers(looked)
        self._gone = set(looked.plan.delete["content_hash"].to_list())
        self._newcomers: defaultdict[bytes, list[int]] = defaultdict(list)
        self._renamed: dict[bytes, int] = {}
        self.later: list[Foresight] = []
        """The later stages of each collection that is kept up, to be added before anything is read."""
        self.changes: Counter[Change] = Counter()
        self.documents: list[DocumentChange] = []

    def goes_on(self, native_id: bytes, content: bytes, name: str) -> bool:
        """Whether a document that goes was read under a new name: the source says so, or its text is that of a new
        one. That one is then told as renamed.
        """
        position = self._renamed.pop(native_id, None)
        if position is None and self._newcomers.get(content):
            position = self._newcomers[content].pop()
        if position is None:
            return False
        self.changes[Change.ADDED] -= 1
        self.changes[Change.RENAMED] += 1
        if self._is_detailed:
            added = self.documents[position]
            self.documents[position] = DocumentChange(Change.RENAMED, added.name, former=name)
        return True

    def quarantine(self, failures: Sequence[Failure]) -> None:
        """Notes what could not be read."""
        self.counts["failed"] += len(failures)
        for failure in failures:
            self._note(Change.FAILED, self._shown(failure.native_id, failure.uri), reason=failure.reason)

    def _record(self, rows: Sequence[DocumentRow]) -> Applied:
        """Says how many documents are what, and lets the later stages see them."""
        latest = {row.document_id: row for row in rows}
        held = self._store.held_documents(self._pid, latest.keys() - self._held.keys(), _NO_CHUNKING)
        change = {key: classified(row, self._held.get(key) or held.get(key)) for key, row in latest.items()}
        for key, row in latest.items():
            self._held[key] = _Read(row.content_hash, row.metadata_hash)
            if change[key] != "unchanged":
                self._note_row(_CHANGES[change[key]], row)
        moved = [row for key, row in latest.items() if change[key] != "unchanged"]
        for stages in self.later:
            stages.take(moved)
        kinds = Counter(change.values())
        return Applied(kinds["added"], kinds["changed"], kinds["metadata"], kinds["unchanged"])

    def _note_row(self, change: Change, row: DocumentRow) -> None:
        native_id = row.document.native_id
        if change == Change.ADDED and native_id in self._formers:
            self._renamed[self._formers[native_id]] = len(self.documents)
        elif change == Change.ADDED and row.content_hash in self._gone:
            self._newcomers[row.content_hash].append(len(self.documents))
        self._note(change, self._shown(native_id, row.document.uri))

    def _shown(self, native_id: bytes, uri: str) -> str:
        return shown_name(native_id, uri, is_path=self._are_paths)

    def _note(self, change: Change, name: str, *, reason: str = "") -> None:
        self.changes[change] += 1
        if self._is_detailed:
            self.documents.append(DocumentChange(change, name, reason=reason))


def shown_name(native_id: bytes, uri: str, *, is_path: bool) -> str:
    """What people call a document: its path where its id is one, else its address."""
    return native_id.decode("utf-8", "replace") if is_path or not uri else uri


def _formers(looked: Looked) -> Mapping[bytes, bytes]:
    """Native id to that which the document had before, of those whose former one is about to go."""
    gone = looked.plan.delete["native_id"].implode()
    renamed = looked.plan.fetch.filter(pl.col("previous_id").is_in(gone))
    return dict(renamed.select("native_id", "previous_id").iter_rows())
