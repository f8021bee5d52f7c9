"""Several builds side by side: chunks by chunking, cursors by configuration, what each collection was built from."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Text

revision = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_BIG = BigInteger().with_variant(Integer(), "sqlite")
_STAGES = "'chunks', 'embeddings', 'points'"
_CHUNK = "idx, chunk_id, text_no, headings, prefix, start_offset, end_offset"


def upgrade() -> None:
    """Gives what was cut the chunking it was cut by; nothing is cut again."""
    p: str = context.config.attributes["prefix"]
    op.create_table(
        f"{p}chunkings",
        Column("chunking_id", Integer, primary_key=True, nullable=False),
        Column("config_hash", LargeBinary, nullable=False),
        sa.UniqueConstraint("config_hash", name=f"{p}uq_chunkings_config"),
        sqlite_autoincrement=True,
    )
    op.execute(f"INSERT INTO {p}chunkings (config_hash) SELECT DISTINCT config_hash FROM {p}chunked")
    _set_aside(p)
    _create_chunked(p, Column("chunking_id", Integer, primary_key=True, autoincrement=False, nullable=False))
    op.execute(
        f"INSERT INTO {p}chunked (chunking_id, document_no, content_hash, chunk_count, error) "
        f"SELECT k.chunking_id, c.document_no, c.content_hash, c.chunk_count, c.error "
        f"FROM {p}old_chunked c JOIN {p}chunkings k ON k.config_hash = c.config_hash ORDER BY 1, 2"
    )
    _create_chunks(p, Column("chunking_id", Integer, primary_key=True, autoincrement=False, nullable=False))
    op.execute(
        f"INSERT INTO {p}chunks (chunking_id, document_no, {_CHUNK}) "
        f"SELECT c.chunking_id, k.document_no, {_CHUNK} "
        f"FROM {p}chunked c JOIN {p}old_chunks k ON k.document_no = c.document_no ORDER BY 1, 2, 3"
    )
    _drop_old(p)
    digits = "encode(config_hash, 'hex')" if _is_postgres() else "lower(hex(config_hash))"
    op.execute(f"UPDATE {p}cursors SET stage = stage || '@' || substr({digits}, 1, 16) WHERE stage IN ({_STAGES})")
    op.add_column(f"{p}targets", Column("settings", Text, nullable=True))
    op.add_column(f"{p}targets", Column("state", Text, nullable=False, server_default=sa.text("'building'")))
    for name in ("created_at", "complete_at", "retired_at"):
        op.add_column(f"{p}targets", Column(name, BigInteger, nullable=True))
    op.create_table(
        f"{p}gc_marks",
        Column("text_no", _BIG, primary_key=True, autoincrement=False, nullable=False),
        Column("marked_at", BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Keeps the chunking of most documents. The cursors go: the next run compares everything and embeds nothing."""
    p: str = context.config.attributes["prefix"]
    op.drop_table(f"{p}gc_marks")
    with op.batch_alter_table(f"{p}targets", table_kwargs={"sqlite_autoincrement": True}) as batch:
        for name in ("retired_at", "complete_at", "created_at", "state", "settings"):
            batch.drop_column(name)
    op.execute(f"DELETE FROM {p}cursors WHERE stage LIKE '%@%'")
    kept = f"(SELECT chunking_id FROM {p}old_chunked GROUP BY chunking_id ORDER BY count(*) DESC, chunking_id LIMIT 1)"
    _set_aside(p)
    _create_chunked(p, Column("config_hash", LargeBinary, nullable=False))
    op.execute(
        f"INSERT INTO {p}chunked (document_no, content_hash, config_hash, chunk_count, error) "
        f"SELECT c.document_no, c.content_hash, k.config_hash, c.chunk_count, c.error FROM {p}old_chunked c "
        f"JOIN {p}chunkings k ON k.chunking_id = c.chunking_id WHERE c.chunking_id = {kept} ORDER BY 1"
    )
    _create_chunks(p, None)
    op.execute(
        f"INSERT INTO {p}chunks (document_no, {_CHUNK}) SELECT document_no, {_CHUNK} FROM {p}old_chunks "
        f"WHERE chunking_id = {kept} ORDER BY 1, 2"
    )
    _drop_old(p)
    op.drop_table(f"{p}chunkings")


def _is_postgres() -> bool:
    return bool(op.get_bind().dialect.name == "postgresql")


def _set_aside(p: str) -> None:
    """Renames the two tables and takes away what would clash with the names of the new ones."""
    op.drop_index(f"{p}ix_chunks_text", f"{p}chunks")
    if _is_postgres():
        op.drop_constraint(f"{p}uq_chunks_id", f"{p}chunks")
        for name in ("chunks", "chunked"):
            op.drop_constraint(f"{p}{name}_pkey", f"{p}{name}")
    for name in ("chunks", "chunked"):
        op.rename_table(f"{p}{name}", f"{p}old_{name}")


def _create_chunked(p: str, column: Column[int] | Column[bytes]) -> None:
    op.create_table(
        f"{p}chunked",
        *([column] if column.primary_key else []),
        Column("document_no", _BIG, primary_key=True, autoincrement=False, nullable=False),
        Column("content_hash", LargeBinary, nullable=False),
        *([] if column.primary_key else [column]),
        Column("chunk_count", Integer, nullable=False),
        Column("error", Text, nullable=False),
        **({"sqlite_with_rowid": False} if column.primary_key else {}),
    )


def _create_chunks(p: str, column: Column[int] | None) -> None:
    unique = ["chunk_id"] if column is None else ["chunking_id", "chunk_id"]
    op.create_table(
        f"{p}chunks",
        *([] if column is None else [column]),
        Column("document_no", _BIG, primary_key=True, autoincrement=False, nullable=False),
        Column("idx", Integer, primary_key=True, autoincrement=False, nullable=False),
        Column("chunk_id", LargeBinary, nullable=False),
        Column("text_no", _BIG, nullable=False),
        Column("headings", Text, nullable=False),
        Column("prefix", Integer, nullable=False),
        Column("start_offset", Integer, nullable=False),
        Column("end_offset", Integer, nullable=False),
        sa.UniqueConstraint(*unique, name=f"{p}uq_chunks_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(f"{p}ix_chunks_text", f"{p}chunks", ["text_no"])


def _drop_old(p: str) -> None:
    op.drop_table(f"{p}old_chunks")
    op.drop_table(f"{p}old_chunked")
