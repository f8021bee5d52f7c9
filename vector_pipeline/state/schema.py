"""The tables as the code sees them, for any table name prefix; the migrations make them.

Hashes and ids are 16-byte blobs, rows refer to each other by integer numbers, bodies are kept once by their hash.
A test compares these tables with what the migrations make.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Index, Integer, Table, UniqueConstraint
from sqlalchemy.schema import SchemaItem

from vector_pipeline.state.column_types import Blob, Json, SafeText, Utc

HEAD = "0005"
"""The newest migration: what this code needs."""

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A row number; SQLite makes a key its row id only when it is declared INTEGER."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one store. `prefix` stands in front of every name, indexes included."""

    prefix: str
    metadata: sa.MetaData
    partitions: Table
    source_cursors: Table
    observations: Table
    cursors: Table
    texts: Table
    documents: Table
    chunkings: Table
    chunked: Table
    chunks: Table
    models: Table
    embeddings: Table
    targets: Table
    points: Table
    document_history: Table
    quarantine: Table
    ingestion_history: Table
    discoveries: Table
    gc_marks: Table
    kept_out: Table
    progress: Table
    durations: Table


def _blob(name: str, **options: Any) -> Column[bytes]:
    return Column(name, Blob, nullable=False, **options)


def _text(name: str) -> Column[str]:
    return Column(name, SafeText, nullable=False)


def _int(name: str, **options: Any) -> Column[int]:
    return Column(name, Integer, nullable=False, **options)


def _big(name: str, **options: Any) -> Column[int]:
    return Column(name, BIG, nullable=False, **options)


def _owner() -> Column[int]:
    return Column("partition_id", Integer, primary_key=True, autoincrement=False)


@cache
def tables(prefix: str) -> Tables:
    """The tables named `prefix` + name."""
    meta = sa.MetaData()

    def table(name: str, *parts: SchemaItem, **options: Any) -> Table:
        return Table(prefix + name, meta, *parts, **options)

    def index(name: str, *columns: str) -> Index:
        return Index(f"{prefix}ix_{name}", *columns)

    def unique(name: str, *columns: str) -> UniqueConstraint:
        return UniqueConstraint(*columns, name=f"{prefix}uq_{name}")

    # Numbers of partitions, texts and documents are never given twice (autoincrement): a process that still holds
    # the number of something removed must not write to what came after it.
    return Tables(
        prefix=prefix,
        metadata=meta,
        partitions=table(
            "partitions",
            _int("partition_id", primary_key=True),
            _text("name"),
            _big("revision"),
            unique("partitions_name", "name"),
            sqlite_autoincrement=True,
        ),
        source_cursors=table(
            "source_cursors",
            _owner(),
            _text("built_version"),
            Column("cursor", Json, nullable=False),
            Column("census_at", Utc),
            _blob("settings_hash"),
        ),
        observations=table("observations", _owner(), _text("version"), Column("observed_at", Utc, nullable=False)),
        cursors=table(
            "cursors",
            _owner(),
            Column("stage", SafeText, primary_key=True),
            _blob("config_hash"),
            _big("revision"),
        ),
        texts=table(
            "texts",
            _big("text_no", primary_key=True),
            _blob("hash"),
            _blob("body"),
            unique("texts_hash", "hash"),
            sqlite_autoincrement=True,
        ),
        documents=table(
            "documents",
            _big("document_no", primary_key=True),
            _int("partition_id"),
            _blob("document_id"),
            _blob("content_hash"),
            _blob("metadata_hash"),
            _big("text_no"),
            _big("revision"),
            _int("deleted"),
            _blob("native_id"),
            _text("version"),
            _text("uri"),
            _text("title"),
            _text("kind"),
            _text("language"),
            _text("context"),
            Column("metadata", Json, nullable=False),
            Column("source_updated_at", Utc),
            Column("ingested_at", Utc, nullable=False),
            unique("documents_id", "partition_id", "document_id"),
            index("documents_revision", "partition_id", "revision", "document_no"),
            index("documents_text", "text_no"),
            sqlite_autoincrement=True,
        ),
        chunkings=table(
            "chunkings",
            _int("chunking_id", primary_key=True),
            _blob("config_hash"),
            unique("chunkings_config", "config_hash"),
            sqlite_autoincrement=True,
        ),
        chunked=table(
            "chunked",
            _int("chunking_id", primary_key=True, autoincrement=False),
            _big("document_no", primary_key=True, autoincrement=False),
            _blob("content_hash"),
            _int("chunk_count"),
            _text("error"),
            sqlite_with_rowid=False,
        ),
        chunks=table(
            "chunks",
            _int("chunking_id", primary_key=True, autoincrement=False),
            _big("document_no", primary_key=True, autoincrement=False),
            _int("idx", primary_key=True, autoincrement=False),
            _blob("chunk_id"),
            _big("text_no"),
            Column("headings", Json, nullable=False),
            _int("prefix"),
            _int("start_offset"),
            _int("end_offset"),
            unique("chunks_id", "chunking_id", "chunk_id"),
            index("chunks_text", "text_no"),
            sqlite_with_rowid=False,
        ),
        models=table(
            "models",
            _int("model_id", primary_key=True),
            _text("identity"),
            Column("unused_since", Utc),
            unique("models_id", "identity"),
        ),
        embeddings=table(
            "embeddings",
            _int("model_id", primary_key=True, autoincrement=False),
            _big("text_no", primary_key=True, autoincrement=False),
            _blob("vector"),
        ),
        targets=table(
            "targets",
            _int("target_id", primary_key=True),
            _text("collection"),
            Column("settings", Json),
            _text("state"),
            Column("created_at", Utc),
            Column("complete_at", Utc),
            Column("retired_at", Utc),
            unique("targets_collection", "collection"),
            sqlite_autoincrement=True,
        ),
        points=table(
            "points",
            _int("target_id", primary_key=True, autoincrement=False),
            _blob("chunk_id", primary_key=True),
            _big("document_no"),
            _blob("fingerprint"),
            index("points_document", "document_no", "target_id"),
            sqlite_with_rowid=False,
        ),
        document_history=table(
            "document_history",
            _big("history_no", primary_key=True),
            _big("document_no"),
            _big("revision"),
            _text("change"),
            _text("version"),
            _blob("content_hash"),
            _blob("metadata_hash"),
            _text("run_id"),
            Column("changed_at", Utc, nullable=False),
            index("document_history", "document_no"),
        ),
        quarantine=table(
            "quarantine",
            _owner(),
            _blob("document_id", primary_key=True),
            Column("stage", SafeText, primary_key=True),
            _blob("native_id"),
            _text("uri"),
            _text("version"),
            _text("reason"),
            _int("permanent"),
            _int("attempts"),
            Column("first_at", Utc, nullable=False),
            Column("last_at", Utc, nullable=False),
            Column("retry_at", Utc),
        ),
        ingestion_history=table(
            "ingestion_history",
            _big("ingestion_no", primary_key=True),
            _int("partition_id"),
            _text("run_id"),
            _text("mode"),
            _text("status"),
            Column("started_at", Utc, nullable=False),
            Column("finished_at", Utc),
            Column("counts", Json, nullable=False),
            Column("seconds", sa.Float, nullable=False),
            _text("error"),
            _text("hint"),
            index("ingestion_history", "partition_id", "ingestion_no"),
        ),
        discoveries=table(
            "discoveries",
            Column("source", SafeText, primary_key=True),
            Column("asked_at", Utc, nullable=False),
            _text("error"),
        ),
        gc_marks=table(
            "gc_marks",
            _big("text_no", primary_key=True, autoincrement=False),
            Column("marked_at", Utc, nullable=False),
        ),
        kept_out=table(
            "kept_out",
            _owner(),
            _blob("native_id", primary_key=True),
            _text("uri"),
            _text("version"),
            Column("since", Utc, nullable=False),
        ),
        progress=table(
            "progress",
            _owner(),
            _text("run_id"),
            _text("stage"),
            _text("unit"),
            _big("done"),
            Column("total", BIG),
            Column("started_at", Utc, nullable=False),
            Column("updated_at", Utc, nullable=False),
            _text("host"),
            _int("pid"),
            _big("memory"),
        ),
        durations=table(
            "durations",
            _big("ingestion_no", primary_key=True, autoincrement=False),
            _blob("document_id", primary_key=True),
            Column("stage", SafeText, primary_key=True),
            Column("seconds", sa.Float, nullable=False),
            _big("size"),
        ),
    )
