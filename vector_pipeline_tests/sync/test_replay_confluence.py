"""Exactness by replay: two spaces of a Confluence under random operations and faults, compared with a fresh build."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from vector_pipeline.sources.base import SourceError
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.simulators.atlassian_conditions import (
    Fault,
    dropped,
    rate_limited,
    server_error,
    throttled_as_403,
    truncated,
)
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.sources.confluence.site import FLAVOURS, settings_for
from vector_pipeline_tests.sync.confluence_life import Life, random_operations
from vector_pipeline_tests.sync.exactness import assert_exact, due, scratch_folder

FAULTS: list[Fault] = [
    rate_limited(0),
    rate_limited(None),
    throttled_as_403(),
    server_error(503),
    server_error(500),
    truncated(),
    dropped(),
]


def documents_of(project: Project, partition: str) -> set[bytes]:
    """Ids of all documents that are held of a partition."""
    with project.open() as pipeline:
        number = pipeline.store.partition(partition).partition_id
        return set(pipeline.store.known_documents(number)["document_id"].to_list())


@pytest.mark.parametrize("flavour", FLAVOURS)
@settings(
    max_examples=2,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    phases=[Phase.generate],
    derandomize=True,
)
@given(st.integers(0, 2**32))
def test_a_site_under_random_operations_and_faults_stays_exact(flavour: str, seed: int) -> None:
    dice = Random(seed)
    with scratch_folder() as folder, ConfluenceServer(flavour) as server:
        archived = dice.choice([True, False])
        life = Life(server, archived=archived)
        project = Project(folder / "project")
        source = settings_for(
            server,
            spaces=["ENG", "OPS"],
            comments=dice.choice(["page", "documents"]),
            archived_pages=archived,
            max_wait="0.5s",
        )
        project.settings["sources"] = {"confluence": {"wiki": source}}
        project.settings["limits"] = {"quarantine_retry": "0.001s"}
        project.write()
        for place in range(5):
            for operation in random_operations(dice, 30):
                life.apply(operation, loud=place % 2 == 1)
            server.faults.at_random(FAULTS, (0.0, 0.2, 0.85)[place % 3], dice.randrange(2**32))
            for partition in ("confluence/wiki.ENG", "confluence/wiki.OPS"):
                before = documents_of(project, partition)
                try:
                    project.sync(partition, allow_deletions=True)
                except SourceError:
                    assert documents_of(project, partition) >= before, "a run that failed deleted something"
            server.faults.clear()
            life.settle()
            project.sync(full=life.silent, allow_deletions=True)
            life.silent = False
            assert_exact(project)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_scripted_day_stays_exact_and_embeds_only_new_texts(flavour: str) -> None:
    with scratch_folder() as folder, ConfluenceServer(flavour) as server:
        state = server.state
        for key in ("ENG", "OPS"):
            state.add_space(key, key)
        top = state.add_page("ENG", "Top", "<p>About everything.</p>")
        pages = [state.add_page("ENG", f"Page {n}", f"<p>Text {n}.</p>", parent=top) for n in range(8)]
        file = state.attach(pages[0], "notes.md", b"# Notes\n\nOf a meeting.\n")
        project = Project(folder / "project")
        project.settings["sources"] = {"confluence": {"wiki": settings_for(server, spaces=["ENG", "OPS"])}}
        project.write()
        project.sync()
        steps: list[tuple[Callable[[], object], int, bool]] = [
            (lambda: state.edit(pages[1], "<p>Another text.</p>"), 1, False),
            (lambda: state.move(pages[0], parent=pages[2]), 0, True),
            (lambda: state.edit(top, title="Summit"), 1, False),
            (lambda: state.move(pages[3], space="OPS"), 0, False),
            (lambda: state.restrict(top, groups=["staff"]), 0, True),
            (lambda: state.label(pages[4], "important"), 0, True),
            (lambda: state.rename_space("ENG", "Research"), 0, False),
            (lambda: state.comment(pages[5], "<p>An opinion.</p>"), 1, False),
            (lambda: state.trash(file), 0, False),
            (lambda: state.archive(pages[6]), 0, False),
        ]
        for place, (change, embedded, full) in enumerate(steps, 1):
            server.clock.advance(minutes=20)
            change()
            results = [*project.sync(full=full), *project.sync()]
            numbers = [result.counts["embedded"] for result in results if result.stage == "embeddings"]
            assert sum(numbers) == embedded, numbers
            assert due(project, "confluence/wiki.ENG") is None
            if place % 5 == 0:
                assert_exact(project)
