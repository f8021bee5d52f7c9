"""The planner of repairs: everything found is planned or left, nothing twice, and each action is tried once."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.consistency.repair_plan import FOUND, STRONGER, RepairPlan, plan_repair
from vector_pipeline.consistency.result import REPAIRS

KNOWN = ("git/a", "git/b", "git/left")
CONFIGURED = ("git/a", "git/b")
IDS = st.sampled_from(["", "00" * 16, "11" * 16, "22" * 16, "not an id"])

ROWS = st.fixed_dictionaries(
    {
        "check": st.sampled_from(["points_match_state", "vectors_valid", "sources_in_sync"]),
        "severity": st.sampled_from(["error", "warning"]),
        "partition": st.sampled_from([*KNOWN, "git/unknown", "confluence/site", "?"]),
        "document_id": IDS,
        "point_id": IDS,
        "why": st.just("for a reason"),
        "repair": st.sampled_from(list(REPAIRS)),
    }
)


def planned(rows: list[dict[str, str]], **options: Any) -> RepairPlan:
    found = pl.DataFrame(rows, schema=FOUND)
    return plan_repair(found, known=KNOWN, configured=CONFIGURED, **options)


def row(repair: str, **values: str) -> dict[str, str]:
    usual = {"check": "points_match_state", "severity": "error", "partition": "git/a", "why": "for a reason"}
    return {**usual, "document_id": "00" * 16, "point_id": "11" * 16, **values, "repair": repair}


@given(st.lists(ROWS, max_size=12))
def test_no_point_and_no_document_is_treated_twice(rows: list[dict[str, str]]) -> None:
    plan = planned(rows)
    names = [one.partition for one in plan.partitions]
    assert len(set(names)) == len(names)
    for one in plan.partitions:
        points = [*one.write, *one.remove, *one.embed]
        assert len(set(points)) == len(points)
        assert one.counts
        assert not one.purge or one.counts == {"purge": 1}


@given(st.lists(ROWS, max_size=12))
def test_the_order_of_what_was_found_changes_nothing(rows: list[dict[str, str]]) -> None:
    one, other = planned(rows), planned(rows[::-1])
    assert list(one.partitions) == list(other.partitions)
    assert one.actions == other.actions


@given(st.lists(ROWS, max_size=12))
def test_what_offends_again_and_again_is_left_in_the_end(rows: list[dict[str, str]]) -> None:
    tried: frozenset[tuple[str, str, str]] = frozenset()
    for _ in range(len(STRONGER) + 3):
        plan = planned(rows, tried=tried)
        assert not plan.actions & tried
        if plan.is_empty:
            break
        tried |= plan.actions
    assert plan.is_empty
    assert sum(left.number for left in plan.left) == len(rows)


def test_the_strongest_action_is_the_source_and_then_a_person() -> None:
    tried: frozenset[tuple[str, str, str]] = frozenset()
    seen = []
    for _ in range(4):
        plan = planned([row("write")], tried=tried)
        seen.append([name for one in plan.partitions for name in one.counts])
        tried |= plan.actions
    assert seen == [["write"], ["cut"], ["fetch"], []]
    assert plan.left[0].number == 1


def test_a_warning_is_worth_no_stronger_action() -> None:
    first = planned([row("write", severity="warning")])
    assert planned([row("write", severity="warning")], tried=first.actions).is_empty


def test_a_point_that_is_written_over_is_not_removed() -> None:
    (one,) = planned([row("write"), row("remove")]).partitions
    assert one.counts == {"write": 1}


def test_of_a_source_that_left_the_settings_everything_goes() -> None:
    (one,) = planned([row("write", partition="git/left"), row("embed", partition="git/left")]).partitions
    assert one.counts == {"purge": 1}


def test_a_source_that_is_behind_is_synced_only_where_that_is_wanted() -> None:
    behind = [row("sync", check="sources_in_sync", document_id="", point_id="")]
    assert planned(behind).is_empty
    assert [left.check for left in planned(behind).left] == ["sources_in_sync"]
    assert planned(behind, sync=True).partitions[0].sync


def test_numbers_that_disagree_need_no_comparison_where_it_is_known_what_is_wrong() -> None:
    counts = row("sync", check="counts_match", document_id="", point_id="")
    assert planned([counts]).partitions[0].counts == {"compare": 1}
    first = planned([counts, row("write")])
    assert first.partitions[0].counts == {"write": 1}
    assert planned([counts], tried=first.actions).partitions[0].counts == {"compare": 1}


def test_what_is_no_partition_is_never_made_one() -> None:
    site = row("sync", check="sources_in_sync", partition="confluence/site", document_id="", point_id="")
    assert planned([site], sync=True).is_empty
    nobodys = [row("remove", partition="?", document_id="not an id"), row("write", partition="git/unknown")]
    plan = planned(nobodys)
    assert [(one.partition, one.counts) for one in plan.partitions] == [("?", {"remove": 1})]
    assert [left.partition for left in plan.left] == ["git/unknown"]
