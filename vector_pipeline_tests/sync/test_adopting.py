"""Vectors of a collection that another tool made: what is taken over, what is embedded, what is refused."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qdrant_edge as engine

from vector_pipeline.sync import adopting
from vector_pipeline.sync.adopting import NotTheSameModel, Wanted, adopt
from vector_pipeline.sync.adoption import AddressMap, Likeness
from vector_pipeline.sync.adoption_report import Adoption
from vector_pipeline.sync.errors import SyncError
from vector_pipeline.sync.progress import Progress, listening
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.openai_server import OpenAIServer, unit_vector_of, vector_of
from vector_pipeline_tests.sync.exactness import assert_consistent, scratch_folder, served_by, settle
from vector_pipeline_tests.sync.foreign_collection import Foreign, put_collection, read_collection

NOTES = "local_files/notes"
TEXTS = {f"note {n}.txt": f"The keeper of lighthouse {n} lights lamp {n} at dusk." for n in range(12)}


@pytest.fixture
def project(folder: Path, endpoint: OpenAIServer) -> Project:
    """A folder of a dozen plain notes, one chunk each, that was never synced."""
    project = Project(folder / "project", served_by(endpoint))
    project.add_folder("notes", folder / "notes")
    for name, text in TEXTS.items():
        (folder / "notes" / name).write_text(text)
    return project


def theirs(texts: Iterable[str], endpoint: OpenAIServer, **payload: Any) -> list[Foreign]:
    """Points of the same model, as the endpoint gives vectors, with the text in `content`."""
    return [Foreign({"content": text, **payload}, vector_of(text, endpoint.dimension)) for text in texts]


def run(project: Project, **wanted: Any) -> Adoption:
    with project.open() as pipeline:
        return adopt(pipeline, Wanted(**{"collection": "old", "text": "content", **wanted}))


def embedded(endpoint: OpenAIServer) -> list[str]:
    """All texts the endpoint was asked for since the last question."""
    texts = [text for request in endpoint.requests for text in request.texts]
    endpoint.requests.clear()
    return texts


def assert_as_fresh(project: Project) -> None:
    """The collection holds what a fresh project holds; vectors may differ by rounding."""
    with scratch_folder() as folder:
        fresh = Project(folder, {**project.settings, "data_dir": str(folder / "data")})
        fresh.sync()
        expected, actual = points(fresh), points(project)
    assert {key: value[0] for key, value in actual.items()} == {key: value[0] for key, value in expected.items()}
    for key, (_, vector) in expected.items():
        assert np.allclose(actual[key][1], vector, atol=1e-6)
    assert_consistent(project)


def points(project: Project) -> dict[bytes, tuple[Any, Any]]:
    with project.open() as pipeline:
        ids = [row[0] for row in project.snapshot()]
        found = pipeline.index.retrieve(pipeline.collection, ids)
        return {point.point_id: (point.payload["payload_hash"], point.dense) for point in found}


def test_what_matches_is_not_embedded_and_the_rest_is(project: Project, endpoint: OpenAIServer) -> None:
    texts = list(TEXTS.values())
    put_collection(project, "old", theirs([*texts[:9], "Of a note that is gone."], endpoint), dimension=8)
    before = read_collection(project, "old")
    done = run(project, sample=3)
    (share,) = done.sources
    assert (share.chunks, share.found, share.adopted, share.left) == (12, 9, 9, 3)
    assert (done.foreign.points, done.foreign.matched, done.foreign.unmatched) == (10, 9, 1)
    assert done.verdicts[Likeness.EXACT].same == done.verdicts[Likeness.EXACT].compared == 3
    compared = embedded(endpoint)
    assert len(compared) == 3
    settle(project, NOTES)
    assert sorted(embedded(endpoint)) == sorted(texts[9:]), "only what the other collection lacks is embedded"
    assert read_collection(project, "old") == before
    assert_as_fresh(project)


def test_a_dry_run_keeps_nothing(project: Project, endpoint: OpenAIServer) -> None:
    put_collection(project, "old", theirs(TEXTS.values(), endpoint), dimension=8)
    done = run(project, dry_run=True, sample=2)
    assert done.adopted == 12
    assert done.left == 0
    embedded(endpoint)
    settle(project, NOTES)
    assert sorted(embedded(endpoint)) == sorted(TEXTS.values())


def test_the_vectors_of_another_model_are_refused(project: Project, endpoint: OpenAIServer) -> None:
    other = [Foreign({"content": text}, vector_of(f"other {text}", 8)) for text in TEXTS.values()]
    put_collection(project, "old", other, dimension=8)
    with pytest.raises(NotTheSameModel, match="the vectors are of another model: of 4 texts 0 have the vector"):
        run(project, sample=4)
    embedded(endpoint)
    settle(project, NOTES)
    assert len(embedded(endpoint)) == 12 - 4, "the sample was paid for, and its right vectors are kept"
    assert_as_fresh(project)


def test_comparing_only_takes_nothing_over(project: Project, endpoint: OpenAIServer) -> None:
    put_collection(project, "old", theirs(TEXTS.values(), endpoint), dimension=8)
    done = run(project, take=False)
    assert (done.adopted, done.sources[0].found, done.left) == (0, 12, 12)
    assert embedded(endpoint) == []


def test_without_the_model_only_trust_goes_on(project: Project, endpoint: OpenAIServer) -> None:
    put_collection(project, "old", theirs(TEXTS.values(), endpoint), dimension=8)
    project.settings["embedding"]["base_url"] = "http://127.0.0.1:9/v1"
    project.write()
    with pytest.raises(NotTheSameModel, match="can't be told"):
        run(project)
    done = run(project, trust=True)
    assert (done.adopted, done.left, done.verdicts) == (12, 0, {})
    settle(project, NOTES)
    assert len(project.snapshot()) == 12


@pytest.mark.parametrize(
    ("layout", "wanted"),
    [
        ({}, {}),
        ({"vector": "body"}, {}),
        ({"vector": "body", "others": ["title"]}, {"vector": "body"}),
        ({"distance": engine.Distance.Cosine}, {}),
    ],
    ids=["unnamed", "named", "one of two", "cosine"],
)
def test_collections_of_any_layout_are_read(
    project: Project, endpoint: OpenAIServer, layout: dict[str, Any], wanted: dict[str, Any]
) -> None:
    texts = list(TEXTS.values())
    points = [
        Foreign({"meta": {"page": {"text": text}}}, vector_of(text, endpoint.dimension), number)
        for number, text in enumerate(texts)
    ]
    put_collection(project, "old", points, dimension=8, **layout)
    done = run(project, text="meta.page.text", sample=1, **wanted)
    assert done.adopted == 12
    settle(project, NOTES)
    assert_as_fresh(project)


def test_which_vector_is_meant_has_to_be_said(project: Project, endpoint: OpenAIServer) -> None:
    put_collection(project, "old", [Foreign({"content": "x"}, {"a": [1.0] * 8, "b": [1.0] * 8})], dimension=8,
                   vector="a", others=["b"])  # fmt: skip
    with pytest.raises(SyncError, match=r"has several vectors: a, b; name one with --vector"):
        run(project)
    with pytest.raises(SyncError, match=r"has no dense vector c; it has: a, b"):
        run(project, vector="c")
    with pytest.raises(SyncError, match=r"there is no collection elsewhere .*; there are: old"):
        run(project, collection="elsewhere")


def test_unusable_vectors_are_counted_and_their_texts_embedded(project: Project, endpoint: OpenAIServer) -> None:
    texts = list(TEXTS.values())
    points = theirs(texts[:8], endpoint)
    points += [Foreign({"content": texts[8]}, [0.0] * 8), Foreign({"content": texts[9]}, None)]
    points += [Foreign({"title": "no text"}, [1.0] * 8), Foreign({"content": 7}, [1.0] * 8)]
    put_collection(project, "old", points, dimension=8)
    done = run(project, sample=1)
    assert done.refused == {"all zero": 1, "no vector": 1}
    assert (done.adopted, done.left, done.foreign.without_text) == (8, 4, 2)
    settle(project, NOTES)
    assert_as_fresh(project)


def test_vectors_of_another_length_are_refused(project: Project, endpoint: OpenAIServer) -> None:
    put_collection(project, "old", [Foreign({"content": t}, vector_of(t, 16)) for t in TEXTS.values()], dimension=16)
    done = run(project)
    assert (done.adopted, done.refused) == (0, {"16 dimensions": 12})
    assert embedded(endpoint) == []


def test_twins_are_taken_and_contradicting_points_are_not(project: Project, endpoint: OpenAIServer) -> None:
    texts = list(TEXTS.values())
    scaled = [Foreign({"content": text}, [2 * value for value in vector_of(text, 8)]) for text in texts[:3]]
    contradicting = [Foreign({"content": text}, vector_of(f"other {text}", 8)) for text in texts[3:6]]
    put_collection(project, "old", theirs(texts, endpoint) + scaled + contradicting, dimension=8)
    done = run(project, sample=12)
    assert (done.adopted, done.contradicted, done.left) == (9, 3, 3)
    embedded(endpoint)
    settle(project, NOTES)
    assert sorted(embedded(endpoint)) == sorted(texts[3:6])
    assert_as_fresh(project)


def test_texts_that_only_read_alike_are_measured_by_themselves(project: Project, endpoint: OpenAIServer) -> None:
    """The simulated model gives another vector for another space, so what is not the same text is not taken."""
    texts = list(TEXTS.values())
    spaced = [f"  {text.replace(' ', '  ')}\r\n" for text in texts[6:]]
    put_collection(project, "old", theirs([*texts[:6], *spaced], endpoint), dimension=8)
    done = run(project, sample=2)
    assert done.foreign.matched == 12
    assert (done.adopted, done.left) == (6, 6)
    assert done.refused == {"other spaces or line ends: the model gives another vector": 6}
    assert not done.verdicts[Likeness.SPACING].is_same_model
    settle(project, NOTES)
    assert_as_fresh(project)


def test_a_model_that_does_not_mind_spaces_lends_its_vectors(project: Project, endpoint: OpenAIServer) -> None:
    texts = list(TEXTS.values())
    spaced = [Foreign({"content": f"{text}\r\n"}, unit_vector_of(text, 8)) for text in texts]
    put_collection(project, "old", spaced, dimension=8)
    done = run(project, sample=2)
    assert (done.adopted, list(done.verdicts)) == (12, [Likeness.SPACING])
    assert run(project, trust=True).refused == {}


def test_on_trust_only_exact_texts_count(project: Project, endpoint: OpenAIServer) -> None:
    put_collection(project, "old", theirs([f"{text}\n\n" for text in TEXTS.values()], endpoint), dimension=8)
    done = run(project, trust=True)
    assert (done.adopted, done.refused) == (0, {"other spaces or line ends: can't be taken on trust": 12})


@pytest.fixture
def manual(folder: Path, endpoint: OpenAIServer) -> tuple[Project, list[tuple[str, str]]]:
    """A note with headings; of each chunk the whole text that is embedded, and its own without the headings."""
    project = Project(folder / "manual", served_by(endpoint))
    project.add_folder("notes", folder / "notes")
    sections = [f"## Part {n}\n\nHow part {n} is to be cleaned and oiled, at length.\n" for n in range(40)]
    (folder / "notes" / "manual.md").write_text("# Manual\n\n" + "\n".join(sections))
    with project.open() as pipeline:
        adopting.read_sources(pipeline)
        store, pid = pipeline.store, pipeline.store.partition(NOTES).partition_id
        rows = [row for page in store.chunk_texts(pid, chunking=pipeline.chunking, model=0) for row in page]
        bodies = store.text_bodies([row.text_no for row in rows])
    assert len(rows) > 3
    return project, [(bodies[row.text_no], bodies[row.text_no][row.prefix :]) for row in rows]


@pytest.mark.parametrize("stored_without_only", [True, False], ids=["embedded with", "embedded without"])
def test_texts_kept_without_headings_count_if_they_were_embedded_with_them(
    manual: tuple[Project, list[tuple[str, str]]], endpoint: OpenAIServer, stored_without_only: bool
) -> None:
    project, chunks = manual
    points = [Foreign({"content": own}, vector_of(whole if stored_without_only else own, 8)) for whole, own in chunks]
    put_collection(project, "old", points, dimension=8)
    assert run(project).sources[0].found == 0
    done = run(project, headless=True, sample=3)
    assert done.sources[0].found == len(chunks)
    assert done.adopted == (len(chunks) if stored_without_only else 0)
    settle(project, NOTES)
    assert_as_fresh(project)


def test_our_own_collection_can_be_adopted_after_the_state_was_lost(project: Project, endpoint: OpenAIServer) -> None:
    settle(project, NOTES)
    with project.open() as pipeline:
        name = pipeline.collection
    for file in project.data.glob("state.sqlite3*"):
        if file.is_file():
            file.unlink()
    embedded(endpoint)
    done = run(project, collection=name, text="text", vector="dense", headless=True, sample=2)
    assert done.adopted == 12
    embedded(endpoint)
    settle(project, NOTES)
    assert embedded(endpoint) == []


def test_documents_that_are_gone_are_told_from_those_that_changed(
    project: Project, endpoint: OpenAIServer, folder: Path
) -> None:
    texts = list(TEXTS.values())
    points = theirs(texts[:2], endpoint, url="https://old.example.org/note%200.txt")
    points += theirs(["An earlier wording."], endpoint, url="https://old.example.org/note%201.txt")
    points += theirs(["Of a page that is gone."], endpoint, url="https://old.example.org/gone.txt")
    put_collection(project, "old", points, dimension=8)
    addresses = AddressMap([("https://old.example.org/", f"file://{folder}/notes/")])
    counts = run(project, uri="url", addresses=addresses, sample=1).foreign
    assert (counts.unmatched, counts.of_changed, counts.of_unknown) == (2, 1, 1)
    assert list(counts.unknown) == ["https://old.example.org/gone.txt"]


class _Stopped(BaseException):
    pass


@pytest.mark.parametrize("rounds", [1, 4])
def test_an_adoption_that_was_stopped_is_finished_by_the_next_one(
    project: Project, endpoint: OpenAIServer, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    monkeypatch.setattr(adopting, "WINDOW", 2)
    monkeypatch.setattr(adopting, "CLAIM_BYTES", 12 * 8 * 4 // rounds)
    put_collection(project, "old", theirs(TEXTS.values(), endpoint), dimension=8)

    def stop(heard: Progress) -> None:
        if heard.stage == "vectors kept" and heard.done >= 4:
            raise _Stopped

    with listening(stop), pytest.raises(_Stopped):
        run(project, sample=1)
    done = run(project, sample=1)
    assert 0 < done.adopted < 12
    assert done.left == 0
    embedded(endpoint)
    settle(project, NOTES)
    assert embedded(endpoint) == []
    assert_as_fresh(project)


def test_a_source_that_can_not_be_read_is_told_and_hides_no_other(
    project: Project, endpoint: OpenAIServer, folder: Path
) -> None:
    project.add_folder("lost", folder / "lost")
    (folder / "lost").rmdir()
    put_collection(project, "old", theirs(TEXTS.values(), endpoint), dimension=8)
    done = run(project, sample=1)
    assert done.failed
    assert {source.partition: bool(source.error) for source in done.sources} == {NOTES: False, "local_files/lost": True}
    assert done.adopted == 12
