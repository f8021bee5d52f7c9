"""Access labels: a reader has one of them exactly when every level admits the reader."""

from __future__ import annotations

import time
import tracemalloc

from hypothesis import example, given
from hypothesis import strategies as st

from vector_pipeline.sources.access_labels import MOST_JOINED, MOST_LABELS, combine_levels

principals = st.sampled_from([f"group:{name}" for name in "abcdef"] + ["user:ada", "user:x+y"])
levels = st.lists(st.frozensets(principals, max_size=4), max_size=5)
readers = st.frozensets(principals)


def has_label(reader: frozenset[str], labels: list[str]) -> bool:
    """Whether a filter for the reader's principals finds one of the labels."""
    return any(label in reader or any(label == "+".join(sorted(part)) for part in _parts(reader)) for label in labels)


def _parts(reader: frozenset[str]) -> list[tuple[str, ...]]:
    names = sorted(reader)
    pairs = [(one, two) for place, one in enumerate(names) for two in names[place + 1 :]]
    triples = [(one, two, three) for one, two in pairs for three in names if three > two]
    return [*pairs, *triples]


@given(levels, readers)
@example([frozenset({"group:a"}), frozenset({"group:b"})], frozenset({"group:a"}))
def test_who_has_a_label_is_admitted_by_every_level(levels: list[frozenset[str]], reader: frozenset[str]) -> None:
    if has_label(reader, combine_levels(levels)):
        assert all(level & reader for level in levels)


@given(st.lists(st.frozensets(principals, min_size=1, max_size=4), min_size=1, max_size=3), readers)
def test_who_is_admitted_by_up_to_three_levels_has_a_label(
    levels: list[frozenset[str]], reader: frozenset[str]
) -> None:
    if all(level & reader for level in levels):
        assert has_label(reader, combine_levels(levels))


@given(levels, st.randoms())
def test_neither_the_order_of_levels_nor_repeating_one_matters(levels: list[frozenset[str]], dice: object) -> None:
    shuffled = [*levels, *levels[:1]]
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert combine_levels(shuffled) == combine_levels(levels)


@given(levels)
def test_labels_are_minimal_sorted_and_of_at_most_three_principals(levels: list[frozenset[str]]) -> None:
    labels = combine_levels(levels)
    assert labels == sorted(set(labels))
    sets = [frozenset(label.replace("user:x+y", "user:xy").split("+")) for label in labels]
    assert all(len(one) <= MOST_JOINED for one in sets)
    assert not any(one < other for one in sets for other in sets)


def test_labels_of_one_level_are_its_principals() -> None:
    assert combine_levels([{"user:ada", "group:staff"}]) == ["group:staff", "user:ada"]


def test_two_levels_need_both_unless_one_principal_is_in_both() -> None:
    assert combine_levels([{"group:a", "user:ada"}, {"group:b", "user:ada"}]) == ["group:a+group:b", "user:ada"]


def test_a_level_for_nobody_and_no_levels_give_no_labels() -> None:
    assert combine_levels([{"group:a"}, set()]) == []
    assert combine_levels([]) == []


def test_a_name_that_looks_like_two_principals_is_dropped() -> None:
    assert combine_levels([{"group:a+group:b", "user:ada+x"}]) == ["user:ada+x"]


def test_many_large_levels_are_combined_quickly_and_within_the_limit() -> None:
    levels = [{f"user:{level}-{number}" for number in range(200)} | {"group:all"} for level in range(6)]
    started = time.thread_time()
    labels = combine_levels(levels)
    assert time.thread_time() - started < 30
    assert "group:all" in labels
    assert len(labels) <= MOST_LABELS


def test_huge_levels_take_little_time_and_memory() -> None:
    levels = [{f"user:{level}-{number}" for number in range(700)} | {"group:late"} for level in "abc"]
    levels[0].remove("group:late")
    tracemalloc.start()
    try:
        started = time.thread_time()
        labels = combine_levels(levels)
        seconds = time.thread_time() - started
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seconds < 30
    assert most < 20_000_000
    assert len(labels) == MOST_LABELS
    assert "group:late+user:a-0" in labels, "one that is in several levels is kept"
