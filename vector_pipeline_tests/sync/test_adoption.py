"""Matching texts and vectors, as pure functions over arbitrary input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vector_pipeline.embedding.base import Vectors
from vector_pipeline.sync.adoption import (
    AddressMap,
    Claims,
    Likeness,
    OwnTexts,
    Sample,
    address_key,
    judge,
    unit,
    value_at,
    vector_fault,
    words_key,
)

words = st.lists(st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=5), min_size=1, max_size=5)
spaces = st.text("\n\r\t  ", min_size=1, max_size=3)
rows = arrays.arrays(np.float32, 4, elements=st.floats(-1, 1, width=32)).filter(lambda row: np.abs(row).max() > 1e-3)


@given(words, spaces, spaces, words)
def test_a_text_is_found_whatever_its_spaces_and_only_it(
    some: list[str], one: str, other: str, different: list[str]
) -> None:
    own = OwnTexts(headless=False)
    body = one.join(some)
    own.add(1, body, 0)
    assert own.find(body) == [(1, Likeness.EXACT)]
    respaced = other + other.join(some) + other
    assert own.find(respaced) == [(1, Likeness.EXACT if respaced == body else Likeness.SPACING)]
    assert own.find(one.join(different)) == [] or words_key(one.join(different)) == words_key(body)


@given(words, words)
def test_a_chunk_is_found_without_its_headings_only_if_asked(headings: list[str], some: list[str]) -> None:
    prefix, own_text = " > ".join(headings) + "\n\n", " ".join(some)
    for headless in (True, False):
        own = OwnTexts(headless=headless)
        own.add(1, prefix + own_text, len(prefix))
        assert own.find(own_text) == ([(1, Likeness.HEADLESS)] if headless else [])
        assert own.find(prefix + own_text) == [(1, Likeness.EXACT)]


@pytest.mark.parametrize("text", ["", " \n\t", "\ufeff"])
def test_a_text_without_words_matches_nothing(text: str) -> None:
    own = OwnTexts(headless=True)
    own.add(1, text, 0)
    assert own.find(text) == []


@given(st.permutations(range(30)), st.integers(1, 12))
def test_a_sample_is_the_same_whatever_the_order(order: list[int], wanted: int) -> None:
    def chosen(numbers: list[int]) -> list[int]:
        sample = Sample(wanted)
        for number in numbers:
            sample.add(number, np.asarray([1, number], dtype=np.float32))
        return sorted(sample.chosen())

    assert chosen(order) == chosen(sorted(order))
    assert len(chosen(order)) == wanted


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(Likeness), st.sampled_from([0, 1])), max_size=12))
def test_the_best_likeness_counts_and_contradictions_are_found(given_points: list[tuple[int, Likeness, int]]) -> None:
    axes = np.eye(2, dtype=np.float32)
    claims = Claims()
    for number, likeness, axis in given_points:
        claims.add(number, likeness, axes[axis])
    settled = {number: claim.likeness for number, claim in claims.settled()}
    for number in {number for number, _, _ in given_points}:
        best = min(likeness for other, likeness, _ in given_points if other == number)
        vectors = {axis for other, likeness, axis in given_points if (other, likeness) == (number, best)}
        assert settled.get(number) == (best if len(vectors) == 1 else None)
    assert claims.contradicted == len(claims) - len(settled)


@given(rows)
def test_a_vector_keeps_its_direction_and_gets_length_one(row: Vectors) -> None:
    assert vector_fault(row, 4) == ""
    assert np.isclose(np.linalg.norm(unit(row)), 1, atol=1e-6)
    assert np.allclose(unit(row) * np.linalg.norm(row), row, atol=1e-5)
    assert np.allclose(unit(row * np.float32(1e30)), unit(row), atol=1e-5)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ([1, 2], "2 dimensions"),
        ([0, 0, 0, 0], "all zero"),
        ([1, 2, 3, float("nan")], "not finite"),
        ([1, 2, 3, float("-inf")], "not finite"),
        ([0, 0, 0, 1e-30], ""),
    ],
)
def test_vectors_that_can_not_be_taken_are_told(row: list[float], fault: str) -> None:
    assert vector_fault(np.asarray(row, dtype=np.float32), 4) == fault


def test_nineteen_of_twenty_are_the_same_model_and_eighteen_are_not() -> None:
    same, other = np.asarray([1, 0], dtype=np.float32), np.asarray([0, 1], dtype=np.float32)
    theirs = dict.fromkeys(range(20), same)
    assert judge(theirs, {**theirs, 0: other}).is_same_model
    assert not judge(theirs, {**theirs, 0: other, 1: other}).is_same_model
    assert not judge({}, {}).is_same_model
    assert judge(theirs, {0: other, 99: same}).compared == 1


def test_fields_are_found_by_dotted_paths() -> None:
    payload = {"a": {"b": {"c": 1}, "b.c": 2}, "x.y": 3, "x": {"y": 4}, "n": None, "l": [1]}
    assert [value_at(payload, path) for path in ("a.b", "x.y", "n", "l")] == [{"c": 1}, 3, None, [1]]
    assert value_at(payload, "a.b.c") == 2, "a field whose own name holds the dot comes first"
    assert [value_at(payload, path) for path in ("a.b.c.d", "n.x", "l.0", "", "missing.x")] == [None] * 5


def test_addresses_are_the_same_however_they_are_quoted() -> None:
    addresses = AddressMap([("https://old/", "file:///srv/")])
    assert addresses.key("https://old/a%20b/") == address_key("file:///srv/a b")
    assert addresses.key("https://other/a") == address_key("https://other/a")
