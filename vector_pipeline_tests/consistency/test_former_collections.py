"""Which collections may be dropped: a plan made from what is recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.consistency.former_collections import plan_collections
from vector_pipeline.state.records import Target

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def target(name: str, days_ago: int | None, state: str = "former") -> Target:
    retired = None if days_ago is None else NOW - timedelta(days=days_ago)
    return Target(1, name, state, None, None, None, retired)


TARGETS = st.lists(
    st.builds(
        target, st.sampled_from("abcdef"), st.none() | st.integers(0, 40), st.sampled_from(["former", "rejected"])
    ),
    max_size=6,
    unique_by=lambda one: one.collection,
)


@given(TARGETS, st.none() | st.sampled_from("abcdef"), st.sampled_from("abcdef"), st.integers(0, 40))
def test_what_is_searched_and_what_is_of_the_settings_never_goes(
    targets: list[Target], alias: str | None, current: str, days: int
) -> None:
    before = NOW - timedelta(days=days)
    plan = plan_collections(targets, alias, current, before)
    assert {alias, current}.isdisjoint(one.collection for one in (*plan.drop, *plan.waiting))
    assert all(one.retired_at is not None and one.retired_at <= before for one in plan.drop)
    if alias is not None:
        rest = [one for one in targets if one.collection not in (alias, current)]
        assert sorted(one.collection for one in (*plan.drop, *plan.waiting)) == sorted(one.collection for one in rest)


def test_a_collection_goes_when_its_time_has_come() -> None:
    targets = [
        target("old", 15),
        target("recent", 13),
        target("unknown", None),
        target("live", 20),
        target("next", None),
    ]
    plan = plan_collections(targets, "live", "next", NOW - timedelta(days=14))
    assert [one.collection for one in plan.drop] == ["old"]
    assert [one.collection for one in plan.waiting] == ["recent", "unknown"]


def test_nothing_goes_while_nothing_is_searched() -> None:
    assert plan_collections([target("old", 100)], None, "next", NOW).drop == ()
