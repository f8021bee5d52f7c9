"""Sending what is due: every channel in a thread of its own, one message after the other, within a time for all.

A channel that fails gets nothing further this time. One that does not even answer by the end counts as failed and is
left behind: a tick of a sensor must end.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vector_pipeline.alerts.channels.command import send_command
from vector_pipeline.alerts.channels.email import send_email
from vector_pipeline.alerts.channels.slack import send_slack
from vector_pipeline.alerts.channels.webhook import send_webhook
from vector_pipeline.alerts.errors import DeliveryFailed
from vector_pipeline.alerts.messages import Message
from vector_pipeline.alerts.planning import Case, Delivered, Notice, messages
from vector_pipeline.alerts.trouble import Trouble
from vector_pipeline.settings_alerts import (
    AlertsSettings,
    AnyChannel,
    CommandSettings,
    EmailSettings,
    SlackSettings,
    WebhookSettings,
)

LONGEST_SECONDS = 30.0
"""For all deliveries of a tick: Dagster gives up on one after 60 seconds."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """What became of one message: None as error where it was taken."""

    channel: str
    notices: tuple[Notice, ...]
    error: DeliveryFailed | None


@dataclass(frozen=True, slots=True)
class Round:
    """What came of all deliveries: what channels took, and what went wrong by channel."""

    delivered: tuple[Delivered, ...]
    errors: Mapping[str, DeliveryFailed]


def send(name: str, channel: AnyChannel, message: Message) -> None:
    """Sends one message through a channel. Raises DeliveryFailed."""
    match channel:
        case SlackSettings():
            send_slack(name, channel, message)
        case WebhookSettings():
            send_webhook(name, channel, message)
        case EmailSettings():
            send_email(name, channel, message)
        case CommandSettings():
            send_command(name, channel, message)


def trial_message(name: str, settings: AlertsSettings, now: datetime) -> Message:
    """A message that says it is a test."""
    trouble = Trouble("test", "test", "warning", "this is a test: alerts of vector-pipeline get through here")
    return Message((Notice(name, "opened", Case(trouble, now)),), settings.ui.rstrip("/"), now, test=True)


def deliver(
    due: Mapping[str, Sequence[Notice]], settings: AlertsSettings, now: datetime, *, longest: float = LONGEST_SECONDS
) -> Round:
    """Sends the notices by channel; `longest` is in seconds."""
    stop_at = time.monotonic() + longest
    arrived: queue.SimpleQueue[_Sent | str] = queue.SimpleQueue()
    waiting: dict[str, list[tuple[Notice, ...]]] = {}
    for name, notices in due.items():
        waiting[name] = messages(notices, settings.most_at_once)
        arguments = (name, settings, list(waiting[name]), now, stop_at, arrived)
        # Daemon threads: nothing waits for a channel that hangs.
        threading.Thread(target=_send_all, args=arguments, name=f"alerts {name}", daemon=True).start()
    taken: dict[str, list[Notice]] = {name: [] for name in waiting}
    failed: dict[str, _Sent] = {}
    open_channels = set(waiting)
    while open_channels:
        try:
            found = arrived.get(timeout=max(0.0, stop_at - time.monotonic()))
        except queue.Empty:
            break
        if isinstance(found, str):
            open_channels.discard(found)
        elif found.error is None:
            taken[found.channel] += found.notices
            waiting[found.channel].pop(0)
        else:
            failed[found.channel] = found
    for name in open_channels - failed.keys():
        error = DeliveryFailed(f"channel {name}: not done within {longest:g} s", hint="is it up?")
        failed[name] = _Sent(name, waiting[name][0] if waiting[name] else (), error)
    delivered = tuple(_outcome(name, taken[name], failed.get(name)) for name in waiting)
    return Round(delivered, {name: one.error for name, one in failed.items() if one.error})


def _outcome(name: str, taken: Sequence[Notice], failed: _Sent | None) -> Delivered:
    if failed is None or failed.error is None:
        return Delivered(name, tuple(taken))
    return Delivered(name, tuple(taken), failed.notices, failed.error.wait)


def _send_all(
    name: str,
    settings: AlertsSettings,
    batches: Sequence[tuple[Notice, ...]],
    now: datetime,
    stop_at: float,
    arrived: queue.SimpleQueue[_Sent | str],
) -> None:
    """Sends until one fails or the time is over; says at the end that it is done."""
    channel = settings.channels[name]
    for notices in batches:
        if time.monotonic() >= stop_at:
            return
        try:
            send(name, channel, Message(notices, settings.ui.rstrip("/"), now))
        except DeliveryFailed as error:
            arrived.put(_Sent(name, notices, error))
            break
        except Exception as error:  # noqa: BLE001  # whatever a channel raises, the others must still be told
            arrived.put(_Sent(name, notices, DeliveryFailed(f"channel {name}: failed with {type(error).__name__}")))
            break
        arrived.put(_Sent(name, notices, None))
    arrived.put(name)
