"""`sync` with modes: what it brings in, and what it says of a wrong word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vector_pipeline_tests.cli.command import Command

MakeProject = Callable[[dict[str, str | bytes]], Command]


def synced(command: Command, *options: str) -> dict[str, Any]:
    answer = command.inside("sync", "--json", *options)
    assert answer.code == 0, answer.err
    (source,) = answer.json()["sources"]
    counts = source["counts"]
    return {"status": source["status"], **{name: counts.get(f"documents: {name}") for name in ("added", "changed")}}


def test_a_part_is_brought_in_and_the_rest_by_the_next_sync(new_project: MakeProject) -> None:
    command = new_project({"docs/a.md": "# A\n\nOne.\n", "docs/b.md": "# B\n\nTwo.\n", "c.md": "# C\n\nThree.\n"})
    assert synced(command, "--only", "docs/", "--limit", "1") == {"status": "success", "added": 1, "changed": 0}
    (source,) = command.inside("status", "--json").json()["sources"]
    assert (source["state"], source["due"]) == ("never synced", "the last run brought in only a part")
    command.project.let_age()
    assert synced(command) == {"status": "success", "added": 2, "changed": 0}
    assert synced(command, "--since", "24h")["status"] == "in step"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--mode", "adds"), "--mode: 'adds' is no mode; there are: auto, add-only, update-only, skip-existing"),
        (("--since", "noon"), '--since: \'noon\' is no time; write "24h", "7d"'),
        (("--limit", "0"), "--limit: 0 is no number of documents from 1"),
        (("--only", "!docs/"), "only takes away"),
    ],
)
def test_a_wrong_word_is_wrong_use(new_project: MakeProject, options: tuple[str, ...], told: str) -> None:
    answer = new_project({"a.md": "# A\n\nOne.\n"}).inside("sync", *options)
    assert answer.code == 2
    assert answer.err.startswith("error: ")
    assert told in answer.err
