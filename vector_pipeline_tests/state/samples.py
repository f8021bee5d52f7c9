"""Documents and chunks for the tests, and the whole path of a document through the store."""

from __future__ import annotations

import numpy as np

from vector_pipeline.documents import (
    Document,
    Span,
    content_hash,
    document_id,
    hash16,
    make_chunks,
    metadata_hash,
)
from vector_pipeline.state.records import Chunked, DocumentRow, ToChunk
from vector_pipeline.state.store import StateStore

CONFIG = hash16(b"config")


def row(name: str, text: str = "text", *, source: str = "docs", **facts: object) -> DocumentRow:
    """A document named `name` of source `source`."""
    native = name.encode("utf-8", "surrogatepass")
    defaults: dict[str, object] = {"version": "1", "uri": f"file:///{name}", "title": name}
    document = Document(native_id=native, text=text, **{**defaults, **facts})  # type: ignore[arg-type]
    return DocumentRow(
        document_id("local_files", source, native), document, content_hash(document), metadata_hash(document)
    )


def spans(text: str) -> list[Span]:
    """One span per paragraph."""
    found, start = [], 0
    for part in text.split("\n\n"):
        if part:
            found.append(Span(start, start + len(part)))
        start += len(part) + 2
    return found


def cut(document: ToChunk) -> Chunked:
    """The document by paragraphs."""
    chunks = make_chunks(document.document_id, document.context, document.text, spans(document.text))
    return Chunked(document.document_no, document.content_hash, [] if document.deleted else chunks)


def cut_by(store: StateStore, config: bytes = CONFIG) -> int:
    """The number of the chunking that the tests use."""
    return store.chunking_no(config)


def chunk_all(store: StateStore, partition: int, after: int = -1, config: bytes = CONFIG) -> list[str]:
    """Chunks what the store says needs it; the uris of those documents."""
    seen = []
    chunking = cut_by(store, config)
    for batch in store.documents_to_chunk(partition, after=after, chunking=chunking):
        seen += [document.uri for document in batch]
        store.replace_chunks(partition, chunking, [cut(document) for document in batch])
    return seen


def embed_all(store: StateStore, partition: int, model: int, after: int = -1, config: bytes = CONFIG) -> int:
    """Embeds what the store says needs it; the number of texts."""
    texts = store.texts_to_embed(partition, after=after, model=model, chunking=cut_by(store, config))
    if texts:
        vectors = np.array([[float(number), 1.0, 0.0] for number in texts], dtype=np.float32)
        store.add_embeddings(model, texts, vectors)
    return len(texts)


def point_all(
    store: StateStore, partition: int, target: int, model: int, after: int = -1, config: bytes = CONFIG
) -> tuple[int, int]:
    """Brings `points` in step as the index stage does; how many points were written and removed."""
    written = removed = 0
    chunking = cut_by(store, config)
    for numbers in store.documents_to_point(partition, after=after, chunking=chunking):
        applied = store.applied_points(target, numbers)
        for document in store.desired_points(numbers, model, chunking):
            held = applied.get(document.document_no, {})
            desired = {c.chunk_id: hash16(c.chunk_hash, str((c.idx, document.title)).encode()) for c in document.chunks}
            upserts = [(k, document.document_no, f) for k, f in desired.items() if held.get(k) != f]
            deletes = [k for k in held if k not in desired]
            store.record_points(target, upserts, deletes)
            written, removed = written + len(upserts), removed + len(deletes)
    return written, removed
