"""The bundled embedder, held against the library whose files it reads."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from vector_pipeline.documents import text_hash
from vector_pipeline.embedding.base import EmbeddingError, EmbeddingMisconfigured, Vectors
from vector_pipeline.embedding.tokens import bundled_file, count_tokens, token_ids, tokenizer_file
from vector_pipeline.embedding.wordllama import BundledEmbedder

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
PROSE = "The state store keeps what was applied. A run that is killed repeats its last batch, and nothing is lost."


@pytest.fixture(scope="module")
def library() -> Any:
    """The model as wordllama itself loads it. Importing it sets up the root logger, which is put back."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    import wordllama

    root.setLevel(level)
    root.handlers[:] = handlers
    return wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)


def embed_all(embedder: BundledEmbedder, texts: list[str]) -> tuple[Vectors, dict[int, str]]:
    vectors = np.full((len(texts), embedder.dimension), np.nan, dtype=np.float32)
    failures: dict[int, str] = {}
    for batch in embedder.embed(texts):
        vectors[list(batch.positions)] = batch.vectors
        failures.update(batch.failures)
    return vectors, failures


@given(texts=st.lists(TEXT, min_size=1, max_size=40))
@settings(max_examples=40)
def test_vectors_are_bit_for_bit_those_of_the_library(library: Any, texts: list[str]) -> None:
    vectors, failures = embed_all(BundledEmbedder(), texts)

    expected = library.embed(texts, norm=True, batch_size=32)
    assert not failures
    assert np.array_equal(vectors, expected)


def test_long_and_short_texts_together_get_the_vectors_of_the_library(library: Any) -> None:
    texts = [PROSE * 40, "x", PROSE, "naïve café 東京 🎉", "def f(x):\n\treturn x\n" * 100]

    vectors, _failures = embed_all(BundledEmbedder(), texts)

    assert np.array_equal(vectors, library.embed(texts, norm=True, batch_size=32))


def test_a_text_has_the_same_vector_whatever_it_is_embedded_with() -> None:
    texts = [f"{PROSE} {number} " + "more " * (number % 50) for number in range(1100)]
    embedder = BundledEmbedder()

    together, _failures = embed_all(embedder, texts)
    alone = np.concatenate([next(iter(embedder.embed([text]))).vectors for text in texts[::100]])

    assert np.array_equal(together[::100], alone)


def test_vectors_have_unit_length_and_batches_cover_every_position_once() -> None:
    texts = [f"text number {number}" for number in range(1200)]

    batches = list(BundledEmbedder().embed(texts))

    assert sorted(position for batch in batches for position in batch.positions) == list(range(1200))
    assert all(batch.vectors.dtype == np.float32 and len(batch.positions) <= 512 for batch in batches)
    lengths = np.linalg.norm(np.concatenate([batch.vectors for batch in batches]), axis=1)
    assert np.allclose(lengths, 1, atol=1e-6)
    assert sum(batch.tokens for batch in batches) == sum(BundledEmbedder().count_tokens(texts))


def test_an_empty_text_is_a_failure_and_its_neighbours_are_embedded() -> None:
    vectors, failures = embed_all(BundledEmbedder(), ["before", "", "after"])

    assert list(failures) == [1]
    assert "no tokens" in failures[1]
    assert np.isfinite(vectors[[0, 2]]).all()


def test_texts_that_are_no_proper_unicode_are_embedded() -> None:
    vectors, failures = embed_all(BundledEmbedder(), ["a\x00b", "\ud800", "x \udfff y", "\x00", " \n\t", "\ufffd"])

    assert not failures
    assert np.isfinite(vectors).all()
    assert np.array_equal(vectors[1], vectors[5])


def test_shorter_vectors_are_the_start_of_the_long_ones_at_unit_length() -> None:
    long = BundledEmbedder(256).embed_query(PROSE)
    short = BundledEmbedder(64).embed_query(PROSE)

    assert short.shape == (64,)
    assert np.allclose(short, long[:64] / np.linalg.norm(long[:64]), atol=1e-6)


def test_a_query_finds_the_text_it_is_about() -> None:
    embedder = BundledEmbedder()
    texts = ["How to bake bread with sourdough", "Configuring the PostgreSQL connection pool", "Feeding cats and dogs"]
    vectors, _failures = embed_all(embedder, texts)

    assert int(np.argmax(vectors @ embedder.embed_query("database connections"))) == 1


def test_an_empty_query_is_an_error_people_understand() -> None:
    with pytest.raises(EmbeddingError, match="query is empty"):
        BundledEmbedder().embed_query("")


def test_a_dimension_the_model_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(EmbeddingMisconfigured, match=r"300 dimensions.*64, 128, 256"):
        BundledEmbedder(300)


def test_counts_are_those_of_the_tokenizer_the_library_uses(library: Any) -> None:
    texts = [PROSE * 3, "x", "", "naïve 東京 🎉", "  spaces   and\nlines"]

    counts = BundledEmbedder().count_tokens(texts)

    assert counts == [len(library.tokenize([text])[0].ids) for text in texts]


def test_prefixes_reach_the_vector_the_count_and_the_identity() -> None:
    plain = BundledEmbedder()
    prefixed = BundledEmbedder(document_prefix="passage: ", query_prefix="query: ")

    assert np.array_equal(embed_all(prefixed, [PROSE])[0][0], plain.embed_query("passage: " + PROSE))
    assert np.array_equal(prefixed.embed_query(PROSE), plain.embed_query("query: " + PROSE))
    assert prefixed.count_tokens([PROSE]) == plain.count_tokens(["passage: " + PROSE])
    assert prefixed.identity != plain.identity
    assert BundledEmbedder(query_prefix="query: ").identity == plain.identity


def test_the_identity_names_model_dimension_and_weights() -> None:
    assert BundledEmbedder(256).identity.startswith("wordllama/l2_supercat-256/v")
    assert BundledEmbedder(256).identity != BundledEmbedder(128).identity


def test_vectors_and_identity_are_the_same_in_every_process() -> None:
    program = (
        "from vector_pipeline.embedding.wordllama import BundledEmbedder\n"
        "embedder = BundledEmbedder()\n"
        f"print(embedder.identity, embedder.embed_query({PROSE!r}).tobytes().hex())\n"
    )
    outputs = {run_python(program, {"PYTHONHASHSEED": seed}).stdout for seed in ("1", "2")}

    embedder = BundledEmbedder()
    assert outputs == {f"{embedder.identity} {embedder.embed_query(PROSE).tobytes().hex()}\n"}


def test_embedding_leaves_the_root_logger_and_the_libraries_of_training_alone() -> None:
    program = (
        "import logging, sys\n"
        "from vector_pipeline.embedding.wordllama import BundledEmbedder\n"
        "list(BundledEmbedder().embed(['a text']))\n"
        "print(logging.getLogger().handlers, logging.getLogger().level, 'requests' in sys.modules)\n"
    )

    assert run_python(program).stdout == f"[] {logging.WARNING} False\n"


def test_children_of_a_process_that_has_embedded_write_no_warnings_and_can_embed() -> None:
    program = (
        "import os, subprocess\n"
        "from vector_pipeline.embedding.wordllama import BundledEmbedder\n"
        "texts = ['a text', 'another'] * 50\n"
        "list(BundledEmbedder().embed(texts))\n"
        "subprocess.run(['true'], preexec_fn=lambda: None)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    list(BundledEmbedder().embed(texts))\n"
        "    os._exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    finished = run_python(program)

    assert (finished.stdout, finished.stderr) == ("7\n", "")


def test_missing_weights_are_named_with_the_mend() -> None:
    with pytest.raises(EmbeddingMisconfigured, match=r"weights/other\.safetensors.*install the package wordllama"):
        bundled_file("weights", "other.safetensors")


@pytest.mark.realdata
def test_real_documents_get_the_vectors_of_the_library(library: Any) -> None:
    folder = os.environ.get("VECTOR_PIPELINE_TEST_DATA")
    if not folder:
        pytest.skip("VECTOR_PIPELINE_TEST_DATA is not set")
    paths = [path for path in sorted(Path(folder).rglob("*")) if path.suffix in (".md", ".rst", ".py", ".txt")][:100]
    bodies = [path.read_text("utf-8", "replace") for path in paths if path.is_file()]
    texts = list({text_hash(text): text for body in bodies for text in [body[:1200], body[1200:2400]] if text}.values())
    assert texts

    vectors, _failures = embed_all(BundledEmbedder(), texts)

    assert np.array_equal(vectors, library.embed(texts, norm=True, batch_size=32))


def run_python(program: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    surroundings = {key: value for key, value in os.environ.items() if key != "TOKENIZERS_PARALLELISM"}
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**surroundings, **(environment or {})},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """The tokenizer of the bundled model, which is slow to load."""
    loaded = Tokenizer.from_file(str(tokenizer_file()))
    loaded.no_padding()
    return loaded


TRICKY = st.text(st.sampled_from("ab Z▁\n\t\r<>/s unk_é日😀\u00a0.,;1"), max_size=60)


@given(texts=st.lists(st.one_of(TEXT, TRICKY, st.sampled_from(["<s>", "a</s>b", "x <unk>", ""])), max_size=20))
@settings(max_examples=60)
def test_tokens_looked_up_by_word_are_those_of_the_whole_text(tokenizer: Tokenizer, texts: list[str]) -> None:
    whole = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    assert list(token_ids(texts)) == whole
    assert count_tokens(texts) == [len(ids) for ids in whole]


def test_no_token_of_the_vocabulary_reaches_into_the_next_word(tokenizer: Tokenizer) -> None:
    # What the look-up by word rests on: a release with another vocabulary has to be looked at again.
    assert not [token for token in tokenizer.get_vocab() if re.search("[^▁]▁", token) or "\n" in token]
