"""Rows of the history as runs leave them, for reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from vector_pipeline.state.records import Ingestion

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def row(number: int, source: str = "git/a", status: str = "success", **changes: Any) -> Ingestion:
    """A run that began `number` hours after BEGIN and took a minute."""
    at = BEGIN + timedelta(hours=number)
    facts: dict[str, Any] = {"counts": {}, "seconds": 60.0, "error": "", "hint": "", **changes}
    return Ingestion(number, source, f"run-{number}", "auto", status, at, at + timedelta(minutes=1), **facts)


def held(documents: int, chunks: int, points: int, **more: float) -> dict[str, int | float]:
    """The counts of a run after which there is so much."""
    return {"documents: rows": documents, "chunks: rows": chunks, "points: rows": points, **more}
