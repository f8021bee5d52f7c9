"""For people who watch and steer: kept-out documents, progress, slow documents, what to do about an error."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy import BigInteger, Column, Float, Integer, LargeBinary, Text

revision = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_BIG = BigInteger().with_variant(Integer(), "sqlite")
_TABLES = ("kept_out", "progress", "durations")


def upgrade() -> None:
    """Adds the tables, empty, and an empty hint to every run recorded so far."""
    p: str = context.config.attributes["prefix"]
    op.create_table(
        f"{p}kept_out",
        Column("partition_id", Integer, primary_key=True, autoincrement=False, nullable=False),
        Column("native_id", LargeBinary, primary_key=True, nullable=False),
        Column("uri", Text, nullable=False),
        Column("version", Text, nullable=False),
        Column("since", BigInteger, nullable=False),
    )
    op.create_table(
        f"{p}progress",
        Column("partition_id", Integer, primary_key=True, autoincrement=False, nullable=False),
        Column("run_id", Text, nullable=False),
        Column("stage", Text, nullable=False),
        Column("unit", Text, nullable=False),
        Column("done", _BIG, nullable=False),
        Column("total", _BIG, nullable=True),
        Column("started_at", BigInteger, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        Column("host", Text, nullable=False),
        Column("pid", Integer, nullable=False),
        Column("memory", _BIG, nullable=False),
    )
    op.create_table(
        f"{p}durations",
        Column("ingestion_no", _BIG, primary_key=True, autoincrement=False, nullable=False),
        Column("document_id", LargeBinary, primary_key=True, nullable=False),
        Column("stage", Text, primary_key=True, nullable=False),
        Column("seconds", Float, nullable=False),
        Column("size", _BIG, nullable=False),
    )
    op.add_column(f"{p}ingestion_history", Column("hint", Text, nullable=False, server_default=sa.text("''")))


def downgrade() -> None:
    """Removes them: documents that were kept out come back with the next census."""
    p: str = context.config.attributes["prefix"]
    op.drop_column(f"{p}ingestion_history", "hint")
    for name in _TABLES:
        op.drop_table(f"{p}{name}")
