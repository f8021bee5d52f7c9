"""A document that was read, in the forms in which the store would hand it to the later stages. Pure."""

from __future__ import annotations

from vector_pipeline.documents import Chunk
from vector_pipeline.state.records import DesiredChunk, DesiredDocument, DocumentRow, ToChunk


def to_chunk(number: int, row: DocumentRow) -> ToChunk:
    """The document as it is handed to the chunker."""
    document = row.document
    return ToChunk(
        number,
        row.document_id,
        document.native_id,
        document.version,
        document.uri,
        row.content_hash,
        document.text,
        document.kind,
        document.language,
        document.context,
        deleted=False,
    )


def desired_document(number: int, row: DocumentRow, chunk_error: str, chunks: list[DesiredChunk]) -> DesiredDocument:
    """The document as it should be in the index, once it is stored and cut."""
    document = row.document
    return DesiredDocument(
        number,
        row.document_id,
        document.native_id,
        document.uri,
        document.title,
        document.kind,
        document.language,
        document.version,
        document.metadata,
        document.source_updated_at,
        False,
        chunk_error,
        chunks,
    )


def desired_chunk(chunk: Chunk) -> DesiredChunk:
    """The chunk as it should be in the index; its text has no number yet."""
    return DesiredChunk(
        chunk.chunk_id,
        chunk.idx,
        0,
        chunk.chunk_hash,
        chunk.text,
        chunk.prefix,
        chunk.headings,
        chunk.start,
        chunk.end,
        embedded=False,
    )
