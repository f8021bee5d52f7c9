"""What a search can't find by its own words is named; what is damaged where no search looks is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vector_pipeline.consistency.check_file import all_checks
from vector_pipeline.consistency.checks import look_at, run_check
from vector_pipeline.embedding.base import SparseVector
from vector_pipeline.index.base import StoredPoint
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline_tests.consistency.answers import answer, offences
from vector_pipeline_tests.consistency.damage import points_of, write_point
from vector_pipeline_tests.consistency.faults import write_vectors
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.openai_server import OpenAIServer

CHECK = "retrievable"


def no_words(pipeline: Pipeline, point: StoredPoint) -> None:
    write_vectors(pipeline, point, sparse=SparseVector([], []))


def another_place(pipeline: Pipeline, point: StoredPoint) -> None:
    assert point.dense is not None
    write_vectors(pipeline, point, dense=-point.dense, sparse=SparseVector([7], [1.0]))


def another_text(pipeline: Pipeline, point: StoredPoint) -> None:
    write_point(pipeline, point, text="Nothing of what it was embedded from.")


@pytest.mark.parametrize("damage", [no_words, another_place, another_text])
def test_a_point_that_its_own_text_does_not_find_is_named(
    healthy: Project, damage: Callable[[Pipeline, StoredPoint], None]
) -> None:
    assert offences(healthy, CHECK) == []
    with healthy.open() as pipeline:
        point = points_of(pipeline)[4]
        damage(pipeline, point)
    result = answer(healthy, CHECK)
    assert [row["point_id"] for row in result.offending.to_dicts()] == [point.point_id.hex()]
    assert "to its own text" in result.offending["why"][0]
    assert result.numbers["found_share"] == pytest.approx(1 - 1 / result.compared)


def test_the_numbers_tell_how_well_searches_find(healthy: Project) -> None:
    numbers = answer(healthy, CHECK).numbers
    assert (numbers["found_share"], numbers["recall_at_10"]) == (1, 1)
    assert 0 < numbers["query_ms"] < 10_000


@pytest.mark.parametrize(("sample", "asked"), [(5, 5), (0, 0), (1_000, 18)])
def test_only_a_sample_is_asked_for(healthy: Project, sample: int, asked: int) -> None:
    with healthy.open() as pipeline:
        checks = pipeline.settings.checks.model_copy(update={"retrieval_sample": sample})
        pipeline.settings = pipeline.settings.model_copy(update={"checks": checks})
        result = run_check(all_checks()[CHECK], look_at(pipeline))
    assert (result.compared, result.passed) == (asked, True)


def test_the_same_text_in_many_places_is_no_fault(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    folder = tmp_path / "folder"
    project.add_folder("copies", folder)
    for number in range(30):
        (folder / f"{number}.md").write_text("# Licence\n\nPermission is granted to whoever asks for it kindly.\n")
        (folder / f"x{number}.md").write_text("# Notes\n")
    project.sync()
    assert offences(project, CHECK) == []


def test_stored_vectors_are_the_questions_to_an_endpoint(tmp_path: Path) -> None:
    """Every question to it may cost money."""
    with OpenAIServer() as server:
        embedding = {"provider": "openai", "model": server.model, "dimensions": 8, "base_url": server.url}
        project = Project(tmp_path / "project", {"embedding": embedding})
        folder = tmp_path / "folder"
        project.add_folder("notes", folder)
        for number, word in enumerate(("harvest", "plumbing", "telescopes")):
            (folder / f"{number}.md").write_text(f"# {word}\n\nAll that is known about {word} in the year {number}.\n")
        project.sync()
        before = len(server.requests)
        assert answer(project, CHECK).compared == 3
        assert len(server.requests) == before
        project.settings["embedding"]["query_prefix"] = "query: "
        project.write()
        assert answer(project, CHECK).compared == 3
        assert len(server.requests) == before + 3
