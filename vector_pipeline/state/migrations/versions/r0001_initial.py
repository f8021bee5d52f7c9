"""The first schema."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy import BigInteger, Column, Float, Integer, LargeBinary, Text

revision = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_BIG = BigInteger().with_variant(Integer(), "sqlite")
_TABLES = (
    "partitions",
    "source_cursors",
    "observations",
    "cursors",
    "texts",
    "documents",
    "chunked",
    "chunks",
    "models",
    "embeddings",
    "targets",
    "points",
    "document_history",
    "quarantine",
    "ingestion_history",
)


def upgrade() -> None:
    """Creates all tables."""
    p: str = context.config.attributes["prefix"]

    def blob(name: str) -> Column[bytes]:
        return Column(name, LargeBinary, nullable=False)

    def text(name: str) -> Column[str]:
        return Column(name, Text, nullable=False)

    def integer(name: str) -> Column[int]:
        return Column(name, Integer, nullable=False)

    def big(name: str) -> Column[int]:
        return Column(name, _BIG, nullable=False)

    def moment(name: str, nullable: bool = False) -> Column[int]:
        return Column(name, BigInteger, nullable=nullable)

    def number(name: str, kind: Integer | BigInteger = _BIG) -> Column[int]:
        return Column(name, kind, primary_key=True, nullable=False)

    def key(name: str, kind: Integer | BigInteger | LargeBinary | Text = _BIG) -> Column[object]:
        return Column(name, kind, primary_key=True, autoincrement=False, nullable=False)

    def unique(name: str, *columns: str) -> sa.UniqueConstraint:
        return sa.UniqueConstraint(*columns, name=f"{p}uq_{name}")

    op.create_table(
        f"{p}partitions",
        number("partition_id", Integer()),
        text("name"),
        big("revision"),
        unique("partitions_name", "name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        f"{p}source_cursors",
        key("partition_id", Integer()),
        text("built_version"),
        text("cursor"),
        moment("census_at", nullable=True),
        blob("settings_hash"),
    )
    op.create_table(f"{p}observations", key("partition_id", Integer()), text("version"), moment("observed_at"))
    op.create_table(
        f"{p}cursors", key("partition_id", Integer()), key("stage", Text()), blob("config_hash"), big("revision")
    )
    op.create_table(
        f"{p}texts",
        number("text_no"),
        blob("hash"),
        blob("body"),
        unique("texts_hash", "hash"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        f"{p}documents",
        number("document_no"),
        integer("partition_id"),
        blob("document_id"),
        blob("content_hash"),
        blob("metadata_hash"),
        big("text_no"),
        big("revision"),
        integer("deleted"),
        blob("native_id"),
        text("version"),
        text("uri"),
        text("title"),
        text("kind"),
        text("language"),
        text("context"),
        text("metadata"),
        moment("source_updated_at", nullable=True),
        moment("ingested_at"),
        unique("documents_id", "partition_id", "document_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(f"{p}ix_documents_revision", f"{p}documents", ["partition_id", "revision", "document_no"])
    op.create_index(f"{p}ix_documents_text", f"{p}documents", ["text_no"])
    op.create_table(
        f"{p}chunked",
        key("document_no"),
        blob("content_hash"),
        blob("config_hash"),
        integer("chunk_count"),
        text("error"),
    )
    op.create_table(
        f"{p}chunks",
        key("document_no"),
        key("idx", Integer()),
        blob("chunk_id"),
        big("text_no"),
        text("headings"),
        integer("prefix"),
        integer("start_offset"),
        integer("end_offset"),
        unique("chunks_id", "chunk_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(f"{p}ix_chunks_text", f"{p}chunks", ["text_no"])
    op.create_table(f"{p}models", number("model_id", Integer()), text("identity"), unique("models_id", "identity"))
    op.create_table(f"{p}embeddings", key("model_id", Integer()), key("text_no"), blob("vector"))
    op.create_table(
        f"{p}targets",
        number("target_id", Integer()),
        text("collection"),
        unique("targets_collection", "collection"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        f"{p}points",
        key("target_id", Integer()),
        key("chunk_id", LargeBinary()),
        big("document_no"),
        blob("fingerprint"),
        sqlite_with_rowid=False,
    )
    op.create_index(f"{p}ix_points_document", f"{p}points", ["document_no", "target_id"])
    op.create_table(
        f"{p}document_history",
        number("history_no"),
        big("document_no"),
        big("revision"),
        text("change"),
        text("version"),
        blob("content_hash"),
        blob("metadata_hash"),
        text("run_id"),
        moment("changed_at"),
    )
    op.create_index(f"{p}ix_document_history", f"{p}document_history", ["document_no"])
    op.create_table(
        f"{p}quarantine",
        key("partition_id", Integer()),
        key("document_id", LargeBinary()),
        key("stage", Text()),
        blob("native_id"),
        text("uri"),
        text("version"),
        text("reason"),
        integer("permanent"),
        integer("attempts"),
        moment("first_at"),
        moment("last_at"),
        moment("retry_at", nullable=True),
    )
    op.create_table(
        f"{p}ingestion_history",
        number("ingestion_no"),
        integer("partition_id"),
        text("run_id"),
        text("mode"),
        text("status"),
        moment("started_at"),
        moment("finished_at", nullable=True),
        text("counts"),
        Column("seconds", Float, nullable=False),
        text("error"),
    )
    op.create_index(f"{p}ix_ingestion_history", f"{p}ingestion_history", ["partition_id", "ingestion_no"])
    if op.get_bind().dialect.name == "postgresql":
        # Vectors do not compress; without the attempt they are written and read faster.
        op.execute(f"ALTER TABLE {p}embeddings ALTER COLUMN vector SET STORAGE EXTERNAL")


def downgrade() -> None:
    """Removes all tables: the next sync builds everything again."""
    p: str = context.config.attributes["prefix"]
    for name in reversed(_TABLES):
        op.drop_table(f"{p}{name}")
