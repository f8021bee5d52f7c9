"""Rebuild: all points from the store alone, readable throughout. Reset: a source read again, nothing embedded again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from vector_pipeline.consistency.checks import check_points_match_state
from vector_pipeline.consistency.rebuilding import Rebuilt, rebuild
from vector_pipeline.consistency.resetting import reset
from vector_pipeline.index.base import Point
from vector_pipeline.index.edge import EdgeIndex
from vector_pipeline.state.mending import MendingPart
from vector_pipeline.sync.errors import UnknownSource
from vector_pipeline_tests.consistency.damage import A, B, healthy_project, in_store, points_of
from vector_pipeline_tests.consistency.faults import FAULTS
from vector_pipeline_tests.git_repository import GitRepository
from vector_pipeline_tests.project import Project, Snapshot, counts
from vector_pipeline_tests.simulators.openai_server import OpenAIServer
from vector_pipeline_tests.sync.exactness import assert_exact, due, served_by


def rebuilt(project: Project, *sources: str) -> dict[str, Rebuilt]:
    with project.open() as pipeline:
        return {one.partition: one for one in rebuild(pipeline, sources)}


def was_reset(project: Project, source: str, *, drop: bool = False) -> None:
    with project.open() as pipeline:
        reset(pipeline, source, drop=drop)


def test_a_rebuild_asks_no_source_and_no_endpoint(tmp_path: Path) -> None:
    with OpenAIServer() as endpoint:
        project = healthy_project(tmp_path, **served_by(endpoint))
        before, asked = project.snapshot(), len(endpoint.requests)
        with project.open() as pipeline:
            pipeline.index.drop(pipeline.collection)
        for name in ("a", "b"):
            (tmp_path / name).rename(tmp_path / f"{name} away")
        done = rebuilt(project)
        assert {name: dict(one.counts) for name, one in done.items()} == {
            A: {"points written": 9},
            B: {"points written": 9},
        }
        assert len(endpoint.requests) == asked
        assert project.snapshot() == before
        for name in ("a", "b"):
            (tmp_path / f"{name} away").rename(tmp_path / name)
        assert due(project, A) is None


def test_searches_find_everything_while_points_are_written_again(
    healthy: Project, before: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fault in FAULTS:
        if fault.name == "an_orphan":
            fault.put_into(healthy, random.Random(0))
    seen: list[int] = []
    original = EdgeIndex.upsert

    def watched(self: EdgeIndex, collection: str, points: Sequence[Point]) -> None:
        original(self, collection, points)
        seen.append(self.count(collection))

    monkeypatch.setattr(EdgeIndex, "upsert", watched)
    done = rebuilt(healthy)
    assert min(seen) >= len(before)
    assert sum(one.counts["points written"] for one in done.values()) == len(before)
    assert healthy.snapshot() == before


def test_a_named_source_is_rebuilt_and_no_other(healthy: Project, before: Snapshot) -> None:
    assert list(rebuilt(healthy, B)) == [B]
    assert healthy.snapshot() == before


def test_documents_without_vectors_keep_what_they_have_and_are_named(healthy: Project, before: Snapshot) -> None:
    with healthy.open() as pipeline:
        statement = (
            "UPDATE embeddings SET vector = x'00' WHERE text_no = (SELECT text_no FROM chunks WHERE chunk_id = ?)"
        )
        assert in_store(pipeline, statement, points_of(pipeline)[0].point_id) == 1
    done = rebuilt(healthy)
    assert (done[A].kept, done[A].lacking, done[A].counts) == (1, 1, {"points written": 6})
    assert healthy.snapshot() == before
    healthy.sync()
    assert rebuilt(healthy)[A].kept == 0


@pytest.mark.parametrize("again", [rebuilt, Project.sync])
def test_a_rebuild_that_was_killed_can_be_repeated_or_left_to_the_next_sync(
    healthy: Project, before: Snapshot, monkeypatch: pytest.MonkeyPatch, again: Callable[[Project], object]
) -> None:
    original = MendingPart.forget_points

    def dying(self: MendingPart, number: int, target: int, points: Iterable[bytes], documents: Iterable[bytes]) -> None:
        original(self, number, target, points, documents)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MendingPart, "forget_points", dying)
        with pytest.raises(KeyboardInterrupt):
            rebuilt(healthy)
    assert healthy.snapshot() == before
    again(healthy)
    with healthy.open() as pipeline:
        assert check_points_match_state(pipeline).passed
    assert healthy.snapshot() == before


def test_a_source_that_was_reset_stays_searchable_and_is_read_again_without_embedding(
    healthy: Project, before: Snapshot
) -> None:
    was_reset(healthy, A)
    assert healthy.snapshot() == before
    assert (reason := due(healthy, A)) is not None
    assert reason.reason == "never synced"
    assert due(healthy, B) is None
    results = healthy.sync(A)
    assert counts(results, "documents")["metadata"] == 3
    assert counts(results, "embeddings")["embedded"] == 0
    assert counts(results, "points")["upserted"] == 9
    assert healthy.snapshot() == before
    assert due(healthy, A) is None


def test_what_left_the_source_since_goes_with_the_first_sync_after_a_reset(healthy: Project) -> None:
    path = healthy.folder.parent / "a" / "0.md"
    was_reset(healthy, A)
    away = path.rename(healthy.folder.parent / "away.md")
    try:
        healthy.sync()
        assert len(healthy.snapshot()) == 15
    finally:
        away.rename(path)


def test_a_source_that_was_dropped_comes_back_whole_and_embeds_nothing(healthy: Project, before: Snapshot) -> None:
    was_reset(healthy, A, drop=True)
    assert len(healthy.snapshot()) == 9
    results = healthy.sync(A)
    assert counts(results, "documents")["added"] == 3
    assert counts(results, "embeddings")["embedded"] == 0
    assert healthy.snapshot() == before


@pytest.mark.parametrize("drop", [False, True])
def test_a_reset_mends_what_was_damaged_in_the_store(healthy: Project, before: Snapshot, drop: bool) -> None:
    for fault in FAULTS:
        if fault.name in ("the_text_of_a_document_altered", "the_text_of_a_chunk_damaged", "a_stored_vector_damaged"):
            fault.put_into(healthy, random.Random(fault.name))
    for source in (A, B):
        was_reset(healthy, source, drop=drop)
    healthy.sync()
    assert healthy.snapshot() == before
    assert_exact(healthy)


def test_the_mirror_of_a_repository_goes_and_is_made_anew(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "repository").write("a.md", "# One\n\nThe first file.\n")
    repository.commit("first")
    project = Project(tmp_path / "project")
    source = project.add_git("handbook", repository.url)
    project.sync()
    before = project.snapshot()
    with project.open() as pipeline:
        assert reset(pipeline, source).mirror
        assert list((pipeline.data_dir / "mirrors").glob("*.git")) == []
        assert not reset(pipeline, source).mirror
    assert counts(project.sync(), "embeddings")["embedded"] == 0
    assert project.snapshot() == before


def test_of_an_unknown_source_nothing_is_forgotten(healthy: Project) -> None:
    with pytest.raises(UnknownSource):
        was_reset(healthy, "local_files/typo")
