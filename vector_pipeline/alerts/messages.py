"""What channels are sent: one message per notice, or one for many, as words and as JSON.

Only what a Trouble holds goes in: names, counts, times and links.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vector_pipeline.alerts.planning import Case, Notice
from vector_pipeline.alerts.trouble import Trouble, duration_words, one_line, time_words
from vector_pipeline.settings_alerts import Severity

JSON_VERSION = 1
"""Grows when a field of the JSON goes or changes its meaning."""

MOST_LISTED = 25
"""Troubles that a message for many names; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent to a channel at once. `ui` is the address of the Dagster UI, without a slash at its end."""

    notices: tuple[Notice, ...]
    ui: str
    now: datetime
    test: bool = False

    @property
    def single(self) -> Notice | None:
        """The notice, where there is only one."""
        return self.notices[0] if len(self.notices) == 1 else None

    @property
    def event(self) -> str:
        """ "opened", "reminder", "resolved", "several" or "test"."""
        if self.test:
            return "test"
        return self.single.event if self.single else "several"

    @property
    def severity(self) -> Severity:
        """The worst of the notices."""
        return "error" if any(notice.case.trouble.severity == "error" for notice in self.notices) else "warning"

    @property
    def kind(self) -> str:
        """What is wrong, "several" where it is more than one thing."""
        return self.single.case.trouble.kind if self.single else "several"

    @property
    def source(self) -> str:
        """The source of the trouble, "" where there is none or there are several."""
        return self.single.case.trouble.source if self.single else ""

    @property
    def title(self) -> str:
        """The whole in one line."""
        if self.single:
            return _line(self.single, self.now)
        counted = Counter(_STATE[notice.event] for notice in self.notices)
        return f"{len(self.notices)} troubles: " + ", ".join(f"{number} {word}" for word, number in counted.items())

    @property
    def lines(self) -> list[str]:
        """What follows the title, line by line, without links."""
        if self.single:
            return _details(self.single.case)
        listed = [_line(notice, self.now) for notice in self.notices[:MOST_LISTED]]
        more = len(self.notices) - len(listed)
        return [*listed, *([f"and {more} more"] if more else [])]

    @property
    def link(self) -> str:
        """The page of the Dagster UI to look at."""
        return link(self.ui, self.single.case.trouble) if self.single else f"{self.ui}/"

    def to_json(self) -> dict[str, Any]:
        """The message as the JSON of webhooks and commands."""
        return {
            "version": JSON_VERSION,
            "event": self.event,
            "severity": self.severity,
            "title": self.title,
            "sent_at": self.now.isoformat(),
            "count": len(self.notices),
            "link": self.link,
            "notices": [_notice_json(notice, self.ui, self.now) for notice in self.notices[:MOST_LISTED]],
        }


_STATE = {"opened": "new", "reminder": "still there", "resolved": "over"}


def link(ui: str, trouble: Trouble) -> str:
    """The page of a trouble in the Dagster UI."""
    return f"{ui}{trouble.path or '/'}"


def plain_text(message: Message) -> str:
    """The body of a mail."""
    return "\n".join([message.title, "", *message.lines, "", message.link, ""])


def _line(notice: Notice, now: datetime) -> str:
    """ "ERROR git/handbook: the run failed", "OVER git/handbook: …, after 2 h"."""
    case = notice.case
    lasted = duration_words((now - case.since).total_seconds())
    title = one_line(case.trouble.title)
    if notice.event == "resolved":
        return f"OVER {title}, after {lasted}"
    if notice.event == "reminder":
        return f"STILL {case.trouble.severity.upper()} {title}, for {lasted}"
    return f"{case.trouble.severity.upper()} {title}"


def _details(case: Case) -> list[str]:
    facts: Sequence[tuple[str, str | int]] = case.trouble.facts
    return [
        *(f"{one_line(name)}: {one_line(str(value))}" for name, value in facts),
        f"seen since: {time_words(case.since)}",
    ]


def _notice_json(notice: Notice, ui: str, now: datetime) -> dict[str, Any]:
    case, trouble = notice.case, notice.case.trouble
    return {
        "id": f"{case.number}.{notice.event}",
        "event": notice.event,
        "trouble": case.number,
        "key": one_line(trouble.key),
        "kind": trouble.kind,
        "severity": trouble.severity,
        "source": one_line(trouble.source),
        "title": one_line(trouble.title),
        "facts": {one_line(name): one_line(v) if isinstance(v, str) else v for name, v in trouble.facts},
        "since": case.since.isoformat(),
        "seconds": int((now - case.since).total_seconds()),
        "link": link(ui, trouble),
    }
