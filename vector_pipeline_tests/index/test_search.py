"""What a search finds, whichever engine answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from vector_pipeline.index.base import Query, VectorIndex, VectorIndexError
from vector_pipeline.sync.access import reader_labels
from vector_pipeline_tests.index.samples import make_point, point_id, terms, vector


def test_a_search_by_vector_finds_the_nearest_first(searched: VectorIndex) -> None:
    hits = searched.search("c", Query(vector(6), None, limit=3))
    assert len(hits) == 3
    assert hits[0].point_id == point_id(6)
    assert hits[0].score == pytest.approx(1.0, abs=1e-5)
    assert hits[0].payload["payload_hash"] == "p6"
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_search_by_term_finds_the_points_that_have_it(searched: VectorIndex) -> None:
    assert [hit.point_id for hit in searched.search("c", Query(None, terms(1012)))] == [point_id(12)]
    assert searched.search("c", Query(None, terms(4711))) == []


def test_a_query_without_terms_searches_by_vector(searched: VectorIndex) -> None:
    assert searched.search("c", Query(vector(6), terms()))[0].point_id == point_id(6)


def test_a_hybrid_search_ranks_by_vector_and_terms(searched: VectorIndex) -> None:
    first, second = (
        searched.search("c", Query(vector(6), terms(1006), limit=2, weights=w))[0] for w in ((1, 1), (1, 2))
    )
    assert first.point_id == second.point_id == point_id(6)


@pytest.mark.parametrize(("weights", "winner"), [((5.0, 1.0), 6), ((1.0, 5.0), 12)])
def test_the_weights_decide_between_vector_and_terms(
    searched: VectorIndex, weights: tuple[float, float], winner: int
) -> None:
    hits = searched.search("c", Query(vector(6), terms(1012), limit=20, weights=weights))
    assert hits[0].point_id == point_id(winner)
    assert len(hits) == 20


@pytest.mark.parametrize("query", [Query(vector(6), None), Query(None, terms(1)), Query(vector(6), terms(1))])
def test_filters_hold_for_every_kind_of_search(searched: VectorIndex, query: Query) -> None:
    def found(must: Mapping[str, list[str]]) -> set[int]:
        hits = searched.search("c", replace(query, limit=20, must=must))
        return {int.from_bytes(hit.point_id, "big") for hit in hits}

    assert found({"source": ["git/b"]}) == set(range(10, 20))
    assert found({"tags": ["t0", "t1"]}) == {n for n in range(20) if n % 3 < 2}
    assert found({"tags": ["t2"], "source": ["git/a"]}) == {2, 5, 8}
    assert found({"source": ["nowhere"]}) == set()
    assert found({"source": []}) == set()


def test_readers_find_what_is_open_to_all_and_what_names_them(filled: VectorIndex) -> None:
    labels = {0: ["group:staff"], 1: ["group:dev", "user:ada"], 2: ["group:dev+group:staff"], 3: []}
    points = [make_point(number) for number in range(5)]
    filled.upsert(
        "c",
        [
            replace(point, payload={**point.payload, "access": labels[number]} if number in labels else point.payload)
            for number, point in enumerate(points)
        ],
    )

    def found(readers: list[str] | None, **must: list[str]) -> set[int]:
        query = Query(vector(6), terms(1), limit=20, must=must, readers=readers)
        return {n for hit in filled.search("c", query) if (n := int.from_bytes(hit.point_id, "big")) < 5}

    assert found(None) == {0, 1, 2, 3, 4}
    assert found([]) == {3, 4}
    assert found(["group:staff"]) == {0, 3, 4}
    assert found(reader_labels(["dev"], ["ada"])) == {1, 3, 4}
    assert found(reader_labels(["dev", "staff"])) == {0, 1, 2, 3, 4}
    assert found(["group:staff"], source=["nowhere"]) == set()


def test_a_search_for_nothing_is_refused(searched: VectorIndex) -> None:
    for query in (Query(None, None), Query(None, terms()), Query(vector(1), None, limit=0)):
        with pytest.raises(VectorIndexError):
            searched.search("c", query)


def test_a_rare_term_counts_more_than_a_common_one(filled: VectorIndex) -> None:
    filled.upsert("c", [replace(make_point(30), sparse=terms(1)), replace(make_point(31), sparse=terms(5000))])
    assert filled.search("c", Query(None, terms(1, 5000), limit=1))[0].point_id == point_id(31)


@pytest.mark.parametrize("query", [Query(vector(6), None), Query(None, terms(1006)), Query(vector(6), terms(1006))])
def test_an_exact_search_finds_what_an_approximate_one_does_and_nothing_farther(
    searched: VectorIndex, query: Query
) -> None:
    exact = searched.search("c", replace(query, exact=True))
    assert exact[0].point_id == point_id(6)
    found = searched.search("c", query)
    assert [hit.score for hit in exact] == pytest.approx([hit.score for hit in found], abs=1e-5)


def test_an_exact_search_ranks_by_the_cosine_of_every_vector(searched: VectorIndex) -> None:
    hits = searched.search("c", Query(vector(6), None, limit=10, exact=True))
    cosines = sorted((float(vector(6) @ vector(number)) for number in range(20)), reverse=True)
    assert [hit.score for hit in hits] == pytest.approx(cosines[:10], abs=1e-5)
