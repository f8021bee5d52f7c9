"""Who is told what and when: every trouble once per channel, its end once, whatever fails in between."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.alerts.memory import read_book, write_book
from vector_pipeline.alerts.planning import (
    FAILS_AFTER,
    GONE_AFTER,
    MOST_CASES,
    Book,
    Delivered,
    Notice,
    Seen,
    channel_troubles,
    due_notices,
    messages,
    record,
    routes,
    see,
)
from vector_pipeline.settings_alerts import AlertsSettings
from vector_pipeline_tests.alerts.troubles import NOW, trouble

TICK = timedelta(seconds=30)
KEYS = ("run git/a", "run git/b", "behind git/a")


def settings(**changes: object) -> AlertsSettings:
    """Two channels, told at once, without reminders."""
    values = {"remind_every": 0, "command": {name: {"command": ["true"]} for name in ("ops", "pager")}}
    return AlertsSettings.model_validate({**values, **changes})


class Watch:
    """Ticks one after the other, with what channels were told."""

    def __init__(self, rules: AlertsSettings) -> None:
        self.rules, self.book, self.now = rules, Book(), NOW
        self.told: list[Notice] = []

    def tick(self, *keys: str, down: frozenset[str] = frozenset(), unseen: frozenset = frozenset()) -> list[str]:  # type: ignore[type-arg]
        """A tick that sees these troubles while some channels take nothing; what it told."""
        channels = self.rules.channels
        # The cursor is all that stays from one tick to the next.
        self.book = read_book(write_book(self.book))
        self.book = see(
            self.book, Seen([trouble(key, kind=key.split()[0]) for key in keys], unseen), channels, self.now
        )
        outcomes = []
        fresh: list[Notice] = []
        for name, notices in due_notices(self.book, self.rules, self.now, channels).items():
            if name in down:
                outcomes.append(Delivered(name, (), messages(notices, 5)[0]))
            else:
                outcomes.append(Delivered(name, tuple(notices)))
                fresh += notices
        self.book = record(self.book, outcomes, self.now)
        self.told += fresh
        self.now += TICK
        return [f"{notice.channel} {notice.event} {notice.case.trouble.key}" for notice in fresh]


TICKS = st.lists(st.tuples(st.sets(st.sampled_from(KEYS)), st.sets(st.sampled_from(("ops", "pager")))), max_size=40)


@given(TICKS)
def test_each_opening_is_told_once_and_ended_once(ticks: list[tuple[set[str], set[str]]]) -> None:
    watch = Watch(settings())
    open_for: dict[tuple[str, str], bool] = {}
    for keys, down in [*ticks, *([(set(), set())] * 60)]:
        before = len(watch.told)
        watch.tick(*keys, down=frozenset(down))
        for notice in watch.told[before:]:
            what = (notice.channel, notice.case.trouble.key)
            if notice.event == "opened":
                assert not open_for.get(what), "told twice"
                assert notice.case.trouble.key in keys, "told of something that is not there"
            else:
                assert open_for.get(what), "the end of something that was not told"
                assert notice.case.trouble.key not in keys
            open_for[what] = notice.event == "opened"
    assert not any(open_for.values()), "an end was never told"
    assert watch.book == Book(), "something is remembered for ever"


@given(st.integers(1, 30))
def test_what_a_channel_did_not_take_arrives_once_when_it_is_back(ticks_down: int) -> None:
    watch = Watch(settings())
    for _ in range(ticks_down):
        assert watch.tick("run git/a", down=frozenset({"pager"})) in ([], ["ops opened run git/a"])
    told = Counter(what for _ in range(60) for what in watch.tick("run git/a"))
    assert told == {"pager opened run git/a": 1}


@given(TICKS)
def test_the_book_survives_the_cursor(ticks: list[tuple[set[str], set[str]]]) -> None:
    watch = Watch(settings())
    for keys, down in ticks:
        watch.tick(*keys, down=frozenset(down))
        assert read_book(write_book(watch.book)) == watch.book


@pytest.mark.parametrize(
    "strange", [None, [], {"cases": 1}, {"cases": [{}], "health": {}}, {"cases": [], "health": []}]
)
def test_a_book_of_another_form_is_empty(strange: object) -> None:
    assert read_book(strange) == Book()


def test_a_trouble_that_is_away_for_one_tick_is_not_over() -> None:
    watch = Watch(settings())
    assert len(watch.tick("run git/a")) == 2
    assert watch.tick() == []
    assert watch.tick("run git/a") == []
    assert watch.tick() == []
    assert watch.tick() == ["ops resolved run git/a", "pager resolved run git/a"]
    assert watch.tick() == []
    assert len(watch.tick("run git/a")) == 2, "a new one"


def test_a_trouble_that_is_back_before_all_heard_of_its_end_is_a_new_one() -> None:
    watch = Watch(settings())
    watch.tick("run git/a")
    watch.tick()
    assert watch.tick(down=frozenset({"pager"})) == ["ops resolved run git/a"]
    assert watch.tick("run git/a") == ["ops opened run git/a"], "the pager still believes in the first"
    first, again = watch.told[0].case, watch.told[-1].case
    assert again.number != first.number


def test_what_can_not_be_looked_at_stays_as_it_was() -> None:
    watch = Watch(settings())
    watch.tick("behind git/a", "run git/b")
    for _ in range(GONE_AFTER):
        told = watch.tick("run git/b", unseen=frozenset({"behind"}))
        assert told == []
    assert watch.tick("behind git/a", "run git/b") == []


def test_a_trouble_must_last_before_it_is_told() -> None:
    watch = Watch(settings(after="1m"))
    assert watch.tick("run git/a") == []
    assert watch.tick("run git/a") == []
    assert len(watch.tick("run git/a")) == 2
    watch.tick("run git/a", "run git/b")
    assert [watch.tick("run git/a") for _ in range(3)] == [[], [], []], "nobody hears of the end of what was not told"


def test_a_lasting_trouble_is_told_again_at_its_time() -> None:
    watch = Watch(settings(remind_every="2m"))
    told = [len(watch.tick("run git/a")) for _ in range(9)]
    assert told == [2, 0, 0, 0, 2, 0, 0, 0, 2]
    assert {notice.event for notice in watch.told[2:]} == {"reminder"}


def test_a_failing_channel_is_left_alone_for_growing_pauses() -> None:
    watch = Watch(settings())
    asked = []
    for tick in range(41):
        known = watch.book.health.get("pager")
        if known is None or known.retry_at <= watch.now:
            asked.append(tick)
        watch.tick("run git/a", down=frozenset({"pager"}))
    assert asked == [0, 1, 3, 7, 15, 31]


def test_a_receiver_that_asks_for_time_gets_it() -> None:
    watch = Watch(settings())
    watch.tick("run git/a", down=frozenset({"pager"}))
    notice = Notice("pager", "opened", watch.book.cases["run git/a"])
    book = record(watch.book, [Delivered("pager", (), (notice,), wait=600)], NOW)
    assert book.health["pager"].retry_at == NOW + timedelta(minutes=10)


def test_a_channel_that_takes_nothing_is_a_trouble_for_the_others() -> None:
    watch = Watch(settings())
    for _ in range(8):
        watch.tick("run git/a", down=frozenset({"pager"}))
    assert watch.book.health["pager"].failures == FAILS_AFTER + 1
    [found] = channel_troubles(watch.book, watch.rules.channels)
    assert "pager" in found.title
    channels = watch.rules.channels
    assert [name for name in channels if routes(channels[name], name, found)] == ["ops"]


def test_what_is_refused_again_and_again_comes_after_what_was_not() -> None:
    watch = Watch(settings())
    watch.tick("run git/a", down=frozenset({"ops", "pager"}))
    book = see(watch.book, Seen([trouble("run git/a"), trouble("run git/b")]), watch.rules.channels, watch.now + TICK)
    due = due_notices(book, watch.rules, watch.now + TICK, watch.rules.channels)
    assert [notice.case.trouble.key for notice in due["ops"]] == ["run git/b", "run git/a"]


def test_a_channel_that_left_the_settings_is_waited_for_by_nobody() -> None:
    watch = Watch(settings())
    watch.tick("run git/a")
    watch.rules = settings(command={"ops": {"command": ["true"]}})
    assert [watch.tick() for _ in range(3)] == [[], ["ops resolved run git/a"], []]
    assert watch.book == Book()


@pytest.mark.parametrize(
    ("channel", "severity", "source", "is_told"),
    [
        ({}, "warning", "git/a", True),
        ({"severity": "error"}, "warning", "git/a", False),
        ({"severity": "error"}, "error", "git/a", True),
        ({"sources": ["git/*"]}, "error", "git/a", True),
        ({"sources": ["git/*"]}, "error", "jira/work.OPS", False),
        ({"sources": ["jira/work.*"]}, "error", "jira/work.OPS", True),
        ({"sources": ["git/*"]}, "error", "", False),
        ({"sources": ["git/*", "*"]}, "error", "", True),
        ({}, "error", "", True),
    ],
)
def test_severity_and_sources_say_what_a_channel_is_told(
    channel: dict[str, object], severity: str, source: str, is_told: bool
) -> None:
    rules = settings(command={"ops": {"command": ["true"], **channel}})
    found = trouble(severity=severity, source=source)  # type: ignore[arg-type]
    assert routes(rules.channels["ops"], "ops", found) == is_told


def test_many_notices_are_one_message() -> None:
    watch = Watch(settings())
    keys = [f"run git/{number}" for number in range(6)]
    book = see(Book(), Seen([trouble(key) for key in keys]), watch.rules.channels, NOW)
    due = due_notices(book, watch.rules, NOW, watch.rules.channels)["ops"]
    assert [len(one) for one in messages(due, 5)] == [6]
    assert [len(one) for one in messages(due[:5], 5)] == [1] * 5


def test_the_book_is_bounded_and_known_troubles_stay_in_it() -> None:
    many = [trouble(f"run git/{number:04}", severity="warning") for number in range(MOST_CASES + 50)]
    book = see(Book(), Seen(many[-20:]), ["ops"], NOW)
    book = see(book, Seen(many), ["ops"], NOW + TICK)
    assert len(book.cases) == MOST_CASES + 1
    assert {one.key for one in many[-20:]} <= set(book.cases)
    assert book.cases["more"].trouble.facts == (("more", 50),)
