"""Keyword vectors: what a search by words relies on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline.embedding.base import EmbeddingMisconfigured, SparseVector
from vector_pipeline.embedding.sparse import Bm25Encoder, languages

KNOWN_VECTOR = "[728165346, 1423958341, 1908700427, 1955147705] [1.64671, 1.64671, 1.97842, 1.64671]\n"


def score(document: SparseVector, query: SparseVector) -> float:
    weights = dict(zip(document.indices, document.values, strict=True))
    return sum(weights.get(index, 0.0) for index in query.indices)


def test_a_query_matches_other_forms_of_its_words() -> None:
    encoder = Bm25Encoder("english")
    about, other = encoder.encode(["The runners were running in the rain.", "A cat sat on a mat."])

    query = encoder.encode_query("run runner")
    assert score(about, query) > 0
    assert score(other, query) == 0
    assert set(query.values) == {1.0}


def test_words_of_another_language_are_stemmed_by_its_rules() -> None:
    german, english = Bm25Encoder("german"), Bm25Encoder("english")

    assert german.encode_query("Häuser").indices == german.encode_query("Hauses").indices
    assert english.encode_query("Häuser").indices != english.encode_query("Hauses").indices


def test_a_longer_text_weighs_the_same_word_less_and_a_repeated_word_more() -> None:
    encoder = Bm25Encoder("english", 20)
    short, long, repeated = encoder.encode(["alpha beta", "alpha " + "beta gamma delta " * 30, "alpha alpha"])
    query = encoder.encode_query("alpha")

    assert score(long, query) < score(short, query) < score(repeated, query)


@given(texts=st.lists(st.text(max_size=200), max_size=10))
@settings(max_examples=100)
def test_indices_are_sorted_distinct_and_weights_positive_for_any_text(texts: list[str]) -> None:
    vectors = Bm25Encoder().encode(texts)

    assert len(vectors) == len(texts)
    for vector in vectors:
        assert list(vector.indices) == sorted(set(vector.indices))
        assert len(vector.indices) == len(vector.values)
        assert all(0 <= index < 2**32 for index in vector.indices)
        assert all(value > 0 for value in vector.values)


def test_texts_without_terms_and_broken_unicode_give_vectors_too() -> None:
    empty, stop_words, lone = Bm25Encoder().encode(["", "the and of", "\ud800 word"])

    assert not empty.indices
    assert not stop_words.indices
    assert lone.indices == Bm25Encoder().encode_query("word").indices


def test_vectors_are_the_same_in_every_process_and_every_release() -> None:
    program = (
        "from vector_pipeline.embedding.sparse import Bm25Encoder\n"
        "[vector] = Bm25Encoder('english', 150).encode(['Keeps the vector database in step, step by step.'])\n"
        "print(vector.indices, [round(value, 5) for value in vector.values])\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }

    assert outputs == {KNOWN_VECTOR}


def test_an_unknown_language_is_refused_with_those_there_are() -> None:
    with pytest.raises(EmbeddingMisconfigured, match=r"'klingon'.*english.*german"):
        Bm25Encoder("klingon")


def test_every_language_named_works_in_any_case() -> None:
    assert len(languages()) >= 30
    for language in languages():
        assert Bm25Encoder(language.title()).identity == Bm25Encoder(language).identity


def test_the_identity_changes_with_language_and_length() -> None:
    identities = {
        Bm25Encoder("english", 150).identity,
        Bm25Encoder("german", 150).identity,
        Bm25Encoder("english", 151.5).identity,
    }
    assert len(identities) == 3
