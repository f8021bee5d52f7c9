"""Deciding what to tell whom: troubles that are seen against what each channel has been told.

Pure and level-triggered: nothing is sent here, and what could not be sent stays due. A channel that was told of a
trouble is told once more when it is over, and only when it stayed away for a tick: what flickers is told once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal

from vector_pipeline.alerts.trouble import Kind, Trouble
from vector_pipeline.documents import hash16
from vector_pipeline.settings_alerts import AlertsSettings, ChannelSettings

Event = Literal["opened", "reminder", "resolved"]

MOST_CASES = 500
"""Troubles that are remembered at once; what is beyond is counted."""

GONE_AFTER = 2
"""Ticks in a row that must not see a trouble before it counts as over."""

FAILS_AFTER = 3
"""Failed deliveries in a row after which a channel is itself a trouble."""

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Case:
    """A trouble from when it was first seen until every channel that was told knows that it is over.

    `away` counts the ticks in a row that did not see it; `told` has, by channel, when it was last told; `tries`, by
    channel, how often telling it failed.
    """

    trouble: Trouble
    since: datetime
    away: int = 0
    told: Mapping[str, datetime] = field(default_factory=dict)
    tries: Mapping[str, int] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """Names this occurrence of the trouble."""
        return hash16(self.trouble.key.encode(), self.since.isoformat().encode()).hex()[:16]

    @property
    def is_over(self) -> bool:
        return self.away >= GONE_AFTER


@dataclass(frozen=True, slots=True)
class Health:
    """How a channel fares: failed deliveries in a row, and until when it is left alone."""

    failures: int
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class Book:
    """What is open, by the key of the trouble, and which channels fail, by name."""

    cases: Mapping[str, Case] = field(default_factory=dict)
    health: Mapping[str, Health] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one tick saw. `unseen` are the kinds of trouble that it could not look for: those stay as they were."""

    troubles: Sequence[Trouble]
    unseen: frozenset[Kind] = frozenset()


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell a channel about a case."""

    channel: str
    event: Event
    case: Case


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of the messages to one channel: notices it took, those of the message it did not take.

    `wait` is the number of seconds that it asked to be left alone.
    """

    channel: str
    taken: tuple[Notice, ...] = ()
    refused: tuple[Notice, ...] = ()
    wait: float = 0.0


def channel_troubles(book: Book, channels: Collection[str]) -> list[Trouble]:
    """The channels that take nothing, as troubles that the other ones are told of."""
    return [
        Trouble(_channel_key(name), "channel", "error", f"alerts do not get through the channel {name}")
        for name, health in book.health.items()
        if name in channels and health.failures >= FAILS_AFTER
    ]


def see(book: Book, seen: Seen, channels: Collection[str], now: datetime) -> Book:
    """The book after a tick: new cases opened, missing ones counted, those that nobody waits for closed."""
    current = _bounded(seen.troubles, book.cases)
    cases: dict[str, Case] = {}
    for key, trouble in current.items():
        known = book.cases.get(key)
        if known is None or known.is_over:
            # Channels that did not hear of the end yet need not hear of the new beginning.
            told = known.told if known else {}
            cases[key] = Case(trouble, now, told=told)
        else:
            cases[key] = replace(known, trouble=trouble, away=0)
    for key, case in book.cases.items():
        if key in current:
            continue
        if case.trouble.kind not in seen.unseen:
            case = replace(case, away=min(case.away + 1, GONE_AFTER), tries=case.tries if case.away else {})
        if not case.is_over or any(name in channels for name in case.told):
            cases[key] = case
    return Book(cases, {name: health for name, health in book.health.items() if name in channels})


def due_notices(
    book: Book, settings: AlertsSettings, now: datetime, channels: Mapping[str, ChannelSettings]
) -> dict[str, list[Notice]]:
    """What is to be told now, by channel; what failed least often first, then what is over, then errors."""
    due: dict[str, list[Notice]] = {}
    for name, channel in channels.items():
        health = book.health.get(name)
        if health and health.retry_at > now:
            continue
        notices = [
            Notice(name, event, case)
            for case in book.cases.values()
            if (event := _event(case, name, channel, settings, now))
        ]
        if notices:
            due[name] = sorted(notices, key=lambda notice: _order(notice, name))
    return due


def messages(notices: Sequence[Notice], most: int) -> list[tuple[Notice, ...]]:
    """The notices of a channel as messages: one each, or one for all where there are more than `most`."""
    return [tuple(notices)] if len(notices) > most else [(notice,) for notice in notices]


def record(book: Book, outcomes: Iterable[Delivered], now: datetime) -> Book:
    """The book after deliveries. A channel that may be asked again and that nothing waits for is not held to fail."""
    outcomes = list(outcomes)
    asked = {outcome.channel for outcome in outcomes}
    cases = dict(book.cases)
    health = {name: one for name, one in book.health.items() if name in asked or one.retry_at > now}
    for outcome in outcomes:
        name = outcome.channel
        for notice in outcome.taken:
            case = cases[notice.case.trouble.key]
            told = {channel: at for channel, at in case.told.items() if channel != name}
            if notice.event != "resolved":
                told[name] = now
            tries = {channel: count for channel, count in case.tries.items() if channel != name}
            cases[notice.case.trouble.key] = replace(case, told=told, tries=tries)
        for notice in outcome.refused:
            case = cases[notice.case.trouble.key]
            tries = {**case.tries, name: case.tries.get(name, 0) + 1}
            cases[notice.case.trouble.key] = replace(case, tries=tries)
        failures = health[name].failures if name in health and not outcome.taken else 0
        health.pop(name, None)
        if outcome.refused:
            pause = min(FIRST_PAUSE * int(2 ** min(failures, 20)), LONGEST_PAUSE)
            wished = min(timedelta(seconds=outcome.wait), 4 * LONGEST_PAUSE)
            health[name] = Health(failures + 1, now + max(pause, wished))
    done = {key: case for key, case in cases.items() if not case.is_over or case.told}
    return Book(done, health)


def _event(case: Case, name: str, channel: ChannelSettings, settings: AlertsSettings, now: datetime) -> Event | None:
    """What a channel is to be told of a case now."""
    told_at = case.told.get(name)
    if case.is_over:
        return "resolved" if told_at else None
    if case.away or not routes(channel, name, case.trouble):
        return None
    if told_at is None:
        return "opened" if now - case.since >= settings.after else None
    return "reminder" if settings.remind_every and now - told_at >= settings.remind_every else None


def routes(channel: ChannelSettings, name: str, trouble: Trouble) -> bool:
    """Whether a channel is told of a trouble at all."""
    if trouble.key == _channel_key(name) or (channel.severity == "error" and trouble.severity != "error"):
        return False
    if not trouble.source:
        return not channel.sources or "*" in channel.sources
    return not channel.sources or any(fnmatchcase(trouble.source, pattern) for pattern in channel.sources)


def _order(notice: Notice, channel: str) -> tuple[int, bool, bool, datetime, str]:
    case = notice.case
    tries = case.tries.get(channel, 0)
    return tries, notice.event != "resolved", case.trouble.severity != "error", case.since, case.trouble.key


def _bounded(troubles: Sequence[Trouble], known: Mapping[str, Case]) -> dict[str, Trouble]:
    """By key, at most MOST_CASES: those that are known first, then errors; one trouble stands for the rest."""
    by_key = {trouble.key: trouble for trouble in troubles}
    if len(by_key) <= MOST_CASES:
        return by_key
    kept = sorted(by_key.values(), key=lambda one: (one.key not in known, one.severity != "error", one.key))[
        :MOST_CASES
    ]
    rest = len(by_key) - len(kept)
    more = Trouble("more", "more", "error", "there are more troubles than are told one by one", facts=(("more", rest),))
    return {**{trouble.key: trouble for trouble in kept}, more.key: more}


def _channel_key(name: str) -> str:
    return f"channel {name}"
