"""Troubles, notices and messages to send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from vector_pipeline.alerts.messages import Message
from vector_pipeline.alerts.planning import Case, Event, Notice
from vector_pipeline.alerts.trouble import Trouble
from vector_pipeline.settings_alerts import Severity

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
UI = "http://127.0.0.1:3000"


def trouble(key: str = "run git/handbook", *, severity: Severity = "error", **changes: Any) -> Trouble:
    """A failed run of git/handbook."""
    values: dict[str, Any] = {
        "kind": "run",
        "title": "git/handbook: the run failed",
        "source": "git/handbook",
        "facts": (("offenders", 3),),
        "path": "/runs/1234",
    }
    return Trouble(key, severity=severity, **{**values, **changes})


def message(event: Event = "opened", channel: str = "ops", *troubles: Trouble, **case: Any) -> Message:
    """What the channel is sent five minutes after the troubles began."""
    cases = [Case(one, NOW - timedelta(minutes=5), **case) for one in troubles or (trouble(),)]
    return Message(tuple(Notice(channel, event, one) for one in cases), UI, NOW)
