"""The schedule of backups: what the settings accept, Dagster accepts, so that a wrong one is told where it stands."""

from __future__ import annotations

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline.settings_backup import parse_cron

_NUMBERS = st.integers(0, 70).map(str)
_NAMES = st.sampled_from(["mon", "SUN", "jan", "dec", "?", "L", "-1", "", "*"])
_ITEMS = st.one_of(
    _NUMBERS,
    _NAMES,
    st.tuples(_NUMBERS, _NUMBERS).map("-".join),
    st.tuples(st.sampled_from(["*", "1-5", "3", "0-59", "mon-fri"]), _NUMBERS).map("/".join),
)
_FIELDS = st.lists(_ITEMS, min_size=1, max_size=2).map(",".join)
SCHEDULES = st.one_of(st.lists(_FIELDS, min_size=4, max_size=6).map(" ".join), st.text(max_size=20))


def accepted(text: str) -> bool:
    try:
        parse_cron(text)
    except ValueError:
        return False
    return True


@given(SCHEDULES)
@settings(max_examples=300)
def test_what_the_settings_accept_dagster_accepts(text: str) -> None:
    if accepted(text):
        dg.ScheduleDefinition(name="backups", job_name="backup", cron_schedule=parse_cron(text))


@pytest.mark.parametrize(
    "text", ["30 3 * * *", "0 */6 * * *", "0 0 1 jan,JUL *", "15 2 * * mon-fri", "0 4 29 2 *", "5,35  1-3/2 * * 0"]
)
def test_the_usual_schedules_are_accepted(text: str) -> None:
    assert accepted(text)


@pytest.mark.parametrize(
    "text",
    ["", "daily", "@daily", "60 3 * * *", "0 24 * * *", "0 0 0 * *", "0 0 30 2 *", "* * * *", "*/0 * * * *"],
)
def test_what_never_comes_round_is_refused(text: str) -> None:
    assert not accepted(text)
