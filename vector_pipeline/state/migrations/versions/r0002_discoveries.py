"""When each site was last asked for its parts, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from alembic import context, op
from sqlalchemy import BigInteger, Column, Text

revision = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Adds the table."""
    p: str = context.config.attributes["prefix"]
    op.create_table(
        f"{p}discoveries",
        Column("source", Text, primary_key=True, autoincrement=False, nullable=False),
        Column("asked_at", BigInteger, nullable=False),
        Column("error", Text, nullable=False),
    )


def downgrade() -> None:
    """Removes the table: the sites are asked again."""
    p: str = context.config.attributes["prefix"]
    op.drop_table(f"{p}discoveries")
