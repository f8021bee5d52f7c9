"""The frame of coverage: how each document was cut, and whether what it was cut into is all of its text.

The outline (how many chunks, in which order) is read of all documents; texts only of some: of those that changed last
after a run, otherwise of a sample or of all, and always of documents that have a text and no chunks.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import polars as pl

from vector_pipeline.consistency.look import Depth, Look
from vector_pipeline.consistency.repair_plan import NO_PARTITION
from vector_pipeline.documents import text_hash
from vector_pipeline.state.contents import Cut, Outline
from vector_pipeline.state.records import Partition
from vector_pipeline.state.rows import batches
from vector_pipeline.sync.cursors import reached_revision
from vector_pipeline.sync.stages import CHUNKS

COVERAGE = pl.Schema(
    [
        ("partition", pl.Categorical()),
        ("document_id", pl.Binary),
        ("point_id", pl.Binary),
        ("unowned", pl.Boolean),
        ("deleted", pl.Boolean),
        ("due", pl.Boolean),
        ("failed", pl.Boolean),
        ("current", pl.Boolean),
        ("lost", pl.Boolean),
        ("counted", pl.Int32),
        ("rows", pl.Int32),
        ("last", pl.Int32),
        ("backward", pl.Int32),
        ("read", pl.Boolean),
        ("text_sound", pl.Boolean),
        ("gaps", pl.Int32),
        ("different", pl.Int32),
    ]
)
"""One row per document looked at.

`unowned`: the store has chunks of the document and no row. Its partition and id are those in the payload of
`point_id`, the point of one of the chunks; "?" and null where the collection does not tell. Nothing else is said of it.
`due`: the chunks stage has still to look at it; `failed`: it could not be cut; `lost`: the store has no text of it.
`counted`, `current`, `rows`, `last` and `backward` are those of an outline. Where the text was `read`: whether it is
what its hash says, how many places with words lie between chunks, how many chunks are not what stands in their place.
"""

LATEST = 200
"""Documents of a partition that are looked at after a run."""

_BYTES_AT_ONCE = 8_000_000
_MOST_AT_ONCE = 500


def coverage(look: Look) -> pl.DataFrame:
    """The coverage of the documents looked at, as COVERAGE."""
    share = _share(look)
    parts = [pl.DataFrame(schema=COVERAGE)]
    for partition in look.pipeline.store.partitions():
        if look.partition in (None, partition.name):
            for outlines in _outlines(look, partition):
                rows = list(_rows(look, partition, outlines, share))
                parts.append(pl.DataFrame(rows, schema=COVERAGE, orient="row"))
    if look.depth is not Depth.LATEST:
        parts.append(_unowned(look))
    return pl.concat(parts)


def _unowned(look: Look) -> pl.DataFrame:
    """A row for each document without a row in the store."""
    pipeline = look.pipeline
    known = {one.name for one in pipeline.store.partitions()}
    rows = []
    for some in batches(pipeline.store.unowned_chunks(pipeline.chunking).values()):
        told = {point.point_id: point.payload for point in pipeline.index.retrieve(pipeline.collection, some)}
        for chunk_id in some:
            name, document = _told(told.get(chunk_id, {}))
            owner = (name, document) if document and name in known else (NO_PARTITION, None)
            if look.partition in (None, owner[0]):
                rows.append({"partition": owner[0], "document_id": owner[1], "point_id": chunk_id, "unowned": True})
    return pl.DataFrame(rows, schema=COVERAGE).with_columns(due=pl.lit(value=False))


def _told(payload: Mapping[str, Any]) -> tuple[str, bytes]:
    """Source and document that a payload names; a document's id that is none is b""."""
    try:
        document = UUID(str(payload.get("document_id"))).bytes
    except ValueError:
        document = b""
    return str(payload.get("source")), document


def _share(look: Look) -> float:
    """The part of all documents whose text is read."""
    if look.depth is not Depth.SAMPLE or look.suspects is not None:
        return 1.0
    store = look.pipeline.store
    names = [one for one in store.partitions() if look.partition in (None, one.name)]
    held = sum(store.count_documents(one.partition_id) for one in names)
    return min(1.0, look.pipeline.settings.checks.sample / max(1, held))


def _outlines(look: Look, partition: Partition) -> Iterator[list[Outline]]:
    """The outlines of the documents to look at."""
    store, number, chunking = look.pipeline.store, partition.partition_id, look.pipeline.chunking
    if look.suspects is not None:
        ids = [bytes.fromhex(one) for one in look.suspects["document_id"].unique().to_list() if one]
        yield from store.outlines(chunking, number, document_nos=store.document_numbers(number, ids=ids))
    elif look.depth is Depth.LATEST:
        yield from store.outlines(chunking, number, document_nos=store.document_numbers(number, latest=LATEST))
    else:
        yield from store.outlines(chunking, number)


def _rows(look: Look, partition: Partition, outlines: Sequence[Outline], share: float) -> Iterator[tuple[object, ...]]:
    """A row for each outline, with the texts of `share` of them, and of all that have a text and no chunks."""
    pipeline = look.pipeline
    reached = reached_revision(pipeline.store, partition, CHUNKS, pipeline.chunks_config)
    chance = random.Random(f"{look.seed}:{outlines[0].document_no if outlines else 0}")
    chosen = [one for one in outlines if chance.random() < share or (one.size and not one.rows)]
    texts = _texts(look, [one for one in chosen if not one.deleted])
    for one in outlines:
        yield (
            partition.name,
            one.document_id,
            None,
            False,
            one.deleted,
            one.revision > reached,
            one.failed,
            one.current,
            one.size is None,
            one.counted,
            one.rows,
            one.last,
            one.backward,
            one.document_no in texts,
            *texts.get(one.document_no, (None, None, None)),
        )


def _texts(look: Look, outlines: Sequence[Outline]) -> dict[int, tuple[bool, int, int]]:
    """By document: whether its text is sound, how many gaps, how many chunks differ."""
    store, chunking = look.pipeline.store, look.pipeline.chunking
    measured: dict[int, tuple[bool, int, int]] = {}
    some: list[int] = []
    size = 0
    for one in outlines:
        if some and (size + (one.size or 0) > _BYTES_AT_ONCE or len(some) == _MOST_AT_ONCE):
            measured |= {cut.document_no: measure(cut) for cut in store.cut_texts(chunking, some)}
            some, size = [], 0
        some.append(one.document_no)
        size += one.size or 0
    return measured | {cut.document_no: measure(cut) for cut in store.cut_texts(chunking, some)}


def measure(cut: Cut) -> tuple[bool, int, int]:
    """Whether a text is what its hash says, places with words between its chunks, chunks that are not its own."""
    gaps = different = reached = 0
    for piece in sorted(cut.pieces, key=lambda piece: (piece.start, piece.end)):
        gaps += bool(cut.text[reached : piece.start].strip())
        reached = max(reached, piece.end)
        as_it_stands = piece.text[piece.prefix :] == cut.text[piece.start : piece.end]
        different += not (as_it_stands and text_hash(piece.text) == piece.hash)
    gaps += bool(cut.text[reached:].strip())
    return text_hash(cut.text) == cut.hash, gaps, different
