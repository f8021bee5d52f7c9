"""Since when no collection uses an embedding model."""

from __future__ import annotations

from collections.abc import Sequence

from alembic import context, op
from sqlalchemy import BigInteger, Column

revision = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Adds the column: every model counts as used until it is found to be not."""
    p: str = context.config.attributes["prefix"]
    op.add_column(f"{p}models", Column("unused_since", BigInteger, nullable=True))


def downgrade() -> None:
    """Removes the column."""
    p: str = context.config.attributes["prefix"]
    op.drop_column(f"{p}models", "unused_since")
