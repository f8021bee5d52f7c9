"""What checks read of contents: samples that rotate, everything at full depth, texts measured against their chunks."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.chunking.plain import plain_spans
from vector_pipeline.consistency.check_file import all_checks, parse
from vector_pipeline.consistency.checks import checked_builds, each_result, look_at, run_checks
from vector_pipeline.consistency.frames import FRAMES
from vector_pipeline.consistency.frames.coverage import measure
from vector_pipeline.consistency.look import Depth, Look
from vector_pipeline.documents import Failure, make_chunks, text_hash
from vector_pipeline.errors import PipelineError
from vector_pipeline.state.contents import Cut, Piece
from vector_pipeline.sync.runner import run_stage
from vector_pipeline_tests.consistency.damage import A
from vector_pipeline_tests.project import Project


def cut(text: str, target: int) -> Cut:
    """A text with the chunks that are made of it."""
    chunks = make_chunks(bytes(16), "Context", text, plain_spans(text, target))
    pieces = [Piece(chunk.chunk_hash, chunk.text, chunk.prefix, chunk.start, chunk.end) for chunk in chunks]
    return Cut(1, text_hash(text), text, pieces)


TEXTS = st.text(st.sampled_from("ab é\n\t\u2028.😀"), max_size=400)


@given(TEXTS, st.integers(5, 60))
def test_what_the_chunkers_make_covers_the_text(text: str, target: int) -> None:
    assert measure(cut(text, target)) == (True, 0, 0)


@given(TEXTS.filter(lambda text: bool(text.strip())), st.integers(5, 60), st.data())
def test_a_missing_or_other_chunk_is_seen_wherever_it_stands(text: str, target: int, data: st.DataObject) -> None:
    whole = cut(text, target)
    at = data.draw(st.integers(0, len(whole.pieces) - 1))
    pieces = list(whole.pieces)
    gone = pieces.pop(at)
    _, gaps, different = measure(Cut(1, whole.hash, text, pieces))
    assert gaps
    assert not different
    for other in (
        Piece(gone.hash, gone.text + "x", gone.prefix, gone.start, gone.end),
        Piece(bytes(16), gone.text, gone.prefix, gone.start, gone.end),
        Piece(gone.hash, gone.text, gone.prefix, gone.start, gone.end - 1),
    ):
        assert measure(Cut(1, whole.hash, text, [*pieces, other]))[2] == 1
    assert not measure(Cut(1, bytes(16), text, whole.pieces))[0]


def seen(project: Project, seed: int, depth: Depth = Depth.SAMPLE, partition: str | None = None) -> set[bytes]:
    with project.open() as pipeline:
        return set(look_at(pipeline, partition, depth=depth, seed=seed).frame("contents")["point_id"].to_list())


def test_samples_rotate_until_all_was_seen_and_the_same_seed_sees_the_same(healthy: Project) -> None:
    everything = seen(healthy, 0, Depth.FULL)
    assert len(everything) > 15
    healthy.settings["checks"] = {"sample": 8}
    healthy.write()
    try:
        looks = [seen(healthy, seed) for seed in range(15)]
        assert {len(look) for look in looks} == {8}
        assert seen(healthy, 3) == looks[3] != looks[4]
        assert set().union(*looks) == everything
        of_one = seen(healthy, 0, Depth.FULL, A)
        assert 0 < len(of_one) < len(everything)
        assert seen(healthy, 0, Depth.SAMPLE, A) <= of_one
    finally:
        del healthy.settings["checks"]
        healthy.write()


def test_pages_of_all_depths_lose_nothing(healthy: Project) -> None:
    with healthy.open() as pipeline:
        store, target = pipeline.store, pipeline.store.target_no(pipeline.collection)
        pages = list(store.recorded_points(target, None, batch=2))
        found = [point.point_id for page in pages for point in page]
        assert max(map(len, pages)) == 2
        assert len(found) == len(set(found)) == store.count_points(target)
        number = store.partition(A).partition_id
        outlines = [one for page in store.outlines(pipeline.chunking, number, batch=2) for one in page]
        assert [one.document_no for one in outlines] == sorted(store.document_numbers(number, latest=100))
        assert {(one.rows, one.counted) for one in outlines} == {(outlines[0].rows, outlines[0].rows)}


def test_a_run_that_stopped_half_way_is_no_fault(healthy: Project) -> None:
    place = Path(healthy.settings["sources"]["local_files"]["a"]["path"])
    before = {path: path.read_text() for path in place.iterdir()}
    try:
        for number, path in enumerate(before):
            path.write_text(f"# Another\n\nText {number}.\n")
        (place / "new.md").write_text("# New\n\nOne more.\n")
        with healthy.open() as pipeline:
            for stage in ("documents", "chunks", "embeddings"):
                run_stage(pipeline, stage, A, "a run that stops here")
                results = run_checks(look_at(pipeline, depth=Depth.FULL))
                assert [(result.name, result.by_partition) for result in results if not result.passed] == []
    finally:
        (place / "new.md").unlink()
        for path, text in before.items():
            path.write_text(text)


def test_what_another_collection_lacks_is_not_kept_back_in_this_one(healthy: Project) -> None:
    with healthy.open() as pipeline:
        partition = pipeline.store.partition(A).partition_id
        held = pipeline.store.known_documents(partition)["document_id"].to_list()
        stages = ("embeddings@another_collection", "embeddings", "documents")
        for stage, document_id in zip(stages, held, strict=True):
            failure = Failure(b"x", "1", "file:///x", stage, "refused")
            pipeline.store.quarantine(partition, [(document_id, failure)], first_delay=timedelta(hours=1))
        assert set(look_at(pipeline).frame("kept_back")["document_id"].to_list()) == set(held[1:])


def test_while_another_collection_is_built_the_one_that_is_searched_is_looked_at(healthy: Project) -> None:
    with healthy.open() as pipeline:
        searched = pipeline.collection
    healthy.settings["chunking"] = {"target_chars": 100}
    healthy.write()
    try:
        with healthy.open() as pipeline:
            assert pipeline.collection != searched
            [build] = checked_builds(pipeline)
            assert build.collection == searched
            for each in (build, pipeline):
                results = run_checks(look_at(each))
                assert [(one.name, one.by_partition) for one in results if not one.passed] == []
            assert look_at(build).frame("contents").height
    finally:
        del healthy.settings["chunking"]
        healthy.write()


def test_what_can_t_be_read_is_asked_once_and_stops_no_other_check(healthy: Project) -> None:
    asked = []

    def unreachable(look: Look) -> pl.DataFrame:
        asked.append(look)
        raise PipelineError("the index does not answer")

    names = ("no_partial_documents", "points_match_state", "vectors_valid")
    with healthy.open() as pipeline:
        look = Look(pipeline, {**FRAMES, "indexed": unreachable})
        results = list(each_result(look, [all_checks()[name] for name in names]))
    assert [(result.name, result.error, result.passed) for result in results] == [
        ("no_partial_documents", "the index does not answer", False),
        ("points_match_state", "the index does not answer", False),
        ("vectors_valid", "", True),
    ]
    assert len(asked) == 1


def test_frames_that_no_later_check_reads_are_given_up(healthy: Project) -> None:
    with healthy.open() as pipeline:
        look = look_at(pipeline)
        results = each_result(look, [all_checks()["points_match_state"], all_checks()["vectors_valid"]])
        next(results)
        built = look.frame("recorded")
        next(results)
        assert look.frame("recorded") is not built


def test_the_head_of_a_file_says_when_it_runs() -> None:
    text = "-- It holds.\n-- when: hourly\n-- frames: known\nselect 1"
    assert parse("one", text).when == "hourly"
    assert parse("one", text.replace("-- when: hourly\n", "")).when == "after syncs"
    with pytest.raises(ValueError, match=r"one\.sql"):
        parse("one", text.replace("hourly", "sometimes"))
