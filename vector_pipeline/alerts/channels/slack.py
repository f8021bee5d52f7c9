"""Messages for webhooks that take what Slack's take: Slack itself, Mattermost, Rocket.Chat and others."""

from __future__ import annotations

from typing import Any

from vector_pipeline.alerts.channels.http_post import post_json
from vector_pipeline.alerts.messages import Message
from vector_pipeline.settings_alerts import SlackSettings

MOST_CHARACTERS = 2900
"""Slack takes 3000 in a block."""


def send_slack(name: str, settings: SlackSettings, message: Message) -> None:
    """Sends a message. Raises DeliveryFailed."""
    post_json(name, settings.url.get_secret_value(), slack_body(message), {}, settings.timeout.total_seconds())


def slack_body(message: Message) -> dict[str, Any]:
    """The message as Slack reads it; `text` is for services and notifications that do not know blocks."""
    title, lines = _escaped(message.title), [_escaped(line) for line in message.lines]
    text = _within(["*" + title + "*", *lines], MOST_CHARACTERS - len(message.link) - 30)
    linked = f"{text}\n<{message.link}|open in Dagster>"
    return {
        "text": f"{text}\n{message.link}",
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": linked}}],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _within(lines: list[str], most: int) -> str:
    """As many whole lines as fit."""
    kept: list[str] = []
    for line in lines:
        if sum(len(one) + 1 for one in kept) + len(line) > most - 2:
            kept.append("…")
            break
        kept.append(line)
    return "\n".join(kept)


def _escaped(text: str) -> str:
    """The text with Slack's own marks written out; an "@" calls nobody, in services that know it without marks too."""
    written = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return written.replace("@", "@\N{ZERO WIDTH SPACE}")
