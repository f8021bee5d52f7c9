"""The frame of the spot check: some documents, each read again at its source and compared with what was recorded.

Nothing is written. What differs at a source that has moved on since its last sync is that sync's matter; so the
source is asked once more for its version when anything differs. Sources are read side by side, within a time for all.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Sequence

import polars as pl

from vector_pipeline.consistency.look import Look
from vector_pipeline.documents import HASH_BYTES, Document, Failure, Restated, content_hash, metadata_hash, storable
from vector_pipeline.errors import PipelineError
from vector_pipeline.settings_sources import SourceSettings
from vector_pipeline.sources.base import Held, Source, reread
from vector_pipeline.state.contents import HashedDocument
from vector_pipeline.sync.footing import find_footing
from vector_pipeline.sync.pipeline import Pipeline

SPOT_CHECK = pl.Schema(
    {
        "partition": pl.String,
        "document_id": pl.Binary,
        "answer": pl.String,
        "same_version": pl.Boolean,
        "in_step": pl.Boolean,
    }
)
"""One row per document. `answer`: "same", "text" or "metadata" (what differs), "gone", "unread" (it could not be read
now) or "unreachable" (its source did not answer). `same_version`: the source gives it the version that is held.
`in_step`: the source, asked afterwards, is in the version that was built; true where nobody had to ask.
"""

SAME, TEXT, METADATA, GONE, UNREAD, UNREACHABLE = "same", "text", "metadata", "gone", "unread", "unreachable"

_LONGEST = 120.0
_AT_ONCE = 4
_GONE = ("no longer", "deleted", "moved to another", "archived", "is no page any more")
"""How the reasons of sources begin where a document vanished."""

_Row = tuple[str, bytes, str, bool, bool]


def spot_check(look: Look) -> pl.DataFrame:
    """The documents looked at, as SPOT_CHECK. A source that doesn't answer makes no error: others check for that."""
    pipeline = look.pipeline
    by_partition: dict[str, list[HashedDocument]] = {}
    for document in _chosen(look):
        by_partition.setdefault(document.partition, []).append(document)
    wanted = {name: documents for name, documents in by_partition.items() if _is_settled(pipeline, name)}
    arrived: queue.SimpleQueue[tuple[str, list[_Row]]] = queue.SimpleQueue()
    turns, given_up = threading.BoundedSemaphore(_AT_ONCE), threading.Event()

    def read(name: str, documents: list[HashedDocument]) -> None:
        with turns:
            if not given_up.is_set():
                arrived.put((name, _read(pipeline, name, documents)))

    for name, documents in wanted.items():
        # Daemon threads: neither Ctrl-C nor the end of the process waits for a source that hangs.
        threading.Thread(target=read, args=(name, documents), name=f"spot check {name}", daemon=True).start()
    answers, deadline = dict[str, list[_Row]](), time.monotonic() + _LONGEST
    while len(answers) < len(wanted):
        try:
            name, rows = arrived.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        answers[name] = rows
    given_up.set()
    found = [row for name, some in wanted.items() for row in answers.get(name, _all(some, UNREACHABLE))]
    return pl.DataFrame(found, schema=SPOT_CHECK, orient="row")


def _chosen(look: Look) -> list[HashedDocument]:
    """What was wrong at the first look, else a sample of all; without what is in quarantine."""
    store, number = look.pipeline.store, look.partition_number()
    if look.suspects is not None:
        ids = look.suspects["document_id"].unique().to_list()
        chosen = store.hashed_documents(number, [bytes.fromhex(one) for one in ids])
    else:
        start = random.Random(f"spot check {look.seed}").randbytes(HASH_BYTES)
        limit = look.pipeline.settings.checks.spot_check
        chosen = store.sample_documents(number, start=start, limit=limit)
    failed = set(store.quarantined(number)["document_id"].to_list())
    return [one for one in chosen if one.document_id not in failed]


def _is_settled(pipeline: Pipeline, name: str) -> bool:
    """Whether all documents of a partition were read under the settings of today, and no run was cut off in between."""
    settings = pipeline.source_settings(name)
    return settings is not None and _is_firm(pipeline, name, settings)


def _is_firm(pipeline: Pipeline, name: str, settings: SourceSettings) -> bool:
    number = pipeline.store.partition(name).partition_id
    config = pipeline.documents_config(settings)
    return find_footing(pipeline.store, number, config, holds_documents=True).is_firm


def _read(pipeline: Pipeline, name: str, documents: Sequence[HashedDocument]) -> list[_Row]:
    """The documents of one partition as its source has them now."""
    try:
        with pipeline.source(name) as source:
            rows = _compared(source, documents)
            if any(row[2] in (TEXT, METADATA, GONE) for row in rows):
                built = pipeline.store.source_state(pipeline.store.partition(name).partition_id).built_version
                in_step = bool(built) and source.probe() == built
                rows = [(*row[:4], in_step) for row in rows]
            return rows
    except PipelineError:
        return _all(documents, UNREACHABLE)
    except Exception:  # noqa: BLE001  # whatever a source raises, the others must still be heard
        return _all(documents, UNREACHABLE)


def _compared(source: Source, documents: Sequence[HashedDocument]) -> list[_Row]:
    by_id = {document.native_id: document for document in documents}
    held = [Held(one.native_id, one.version, one.uri, one.metadata) for one in documents]
    rows: dict[bytes, _Row] = {}
    for told in reread(source, held):
        # Attachments that a fetch finds besides are not asked for.
        if (document := by_id.get(told.native_id)) is not None:
            same_version = not isinstance(told, Failure) and told.version == document.version
            answer = _answer(document, told)
            rows[told.native_id] = (document.partition, document.document_id, answer, same_version, True)
    missing = [document for document in documents if document.native_id not in rows]
    return [*rows.values(), *_all(missing, UNREAD)]


def _answer(document: HashedDocument, told: Document | Restated | Failure) -> str:
    """What the source says of a document, against what was recorded."""
    match told:
        case Failure():
            return GONE if told.reason.startswith(_GONE) else UNREAD
        case Restated():
            return SAME
        case Document():
            # Hashed as it would be recorded.
            said = storable(told)
            if content_hash(said) != document.content_hash:
                return TEXT
            return SAME if metadata_hash(said) == document.metadata_hash else METADATA


def _all(documents: Sequence[HashedDocument], answer: str) -> list[_Row]:
    return [(one.partition, one.document_id, answer, False, True) for one in documents]
