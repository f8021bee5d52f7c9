"""`adopt` and `import-config` as people call them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from vector_pipeline_tests.cli.command import Command, write
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.settings_import.samples import FULL
from vector_pipeline_tests.simulators.openai_server import OpenAIServer, vector_of
from vector_pipeline_tests.sync.exactness import served_by
from vector_pipeline_tests.sync.foreign_collection import Foreign, put_collection

TEXTS = [f"The keeper of lighthouse {n} lights the lamp at dusk." for n in range(3)]


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    """A project with three notes, and beside it a collection that holds two of them and one that is gone."""
    write(tmp_path / "notes", {f"{n}.txt": text for n, text in enumerate(TEXTS)})
    with OpenAIServer() as endpoint:
        project = Project(tmp_path, served_by(endpoint))
        project.add_folder("notes", tmp_path / "notes")
        points = [
            Foreign({"body": text, "url": f"https://old/{n}"}, vector_of(text, 8))
            for n, text in enumerate([*TEXTS[:2], "gone \x1b[31m"])
        ]
        put_collection(project, "old", points, dimension=8)
        yield Command(project)


def test_adopting_prints_what_was_found_and_saved(command: Command) -> None:
    adopt = ("adopt", "old", "--text", "body", "--document-uri", "url", "--model-is-same")
    tried = command.inside(*adopt, "--dry-run")
    assert tried.code == 0, tried.err
    assert "would save 2 embeddings, 1 chunk would be left; nothing was kept" in tried.out
    done = command.inside(*adopt)
    assert done.code == 0, done.err
    assert "the same text: 2 of 2 vectors are the same" in done.out
    assert "old: 3 points, 2 with the text of a chunk here, 1 with another text" in done.out
    assert "1 of documents that no source has" in done.out
    assert "https://old/2" in done.out
    assert "saved 2 embeddings; `vector-pipeline sync` embeds the 1 chunk left" in done.out
    again = command.inside(*adopt, "--json").json()
    (source,) = again["sources"]
    assert (source["embedded_before"], source["adopted"], source["left"]) == (2, 0, 1)


def test_the_model_must_be_spoken_of(command: Command) -> None:
    for given in ((), ("--model-is-same", "--embed-again"), ("--embed-again", "--trust")):
        answer = command.inside("adopt", "old", "--text", "body", *given)
        assert answer.code == 2
        assert "--model-is-same" in answer.err
    answer = command.inside("adopt", "old", "--text", "body", "--embed-again", "--source-map", "nonsense")
    assert (answer.code, "THERE=HERE" in answer.err) == (2, True)


def test_a_missing_collection_is_an_error_that_names_the_others(command: Command) -> None:
    answer = command.inside("adopt", "else", "--text", "body", "--embed-again")
    assert answer.code == 1
    assert "there are: old" in answer.err


def test_a_configuration_is_imported_and_the_result_is_in_force(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(FULL)
    command = Command(Project(tmp_path / "empty"))
    target = tmp_path / "new" / "pipeline.yaml"
    target.parent.mkdir()
    done = command.inside("import-config", str(tmp_path / "config.yaml"), "--output", str(target))
    assert done.code == 0, done.out + done.err
    assert "6 sources" in done.out
    assert "3 secrets have to be set in the environment" in done.out
    assert "hunter2secret" not in done.out
    assert yaml.safe_load(target.read_text())["sources"]["git"]["kb-repo"]["token"] == "${CODE_REPO_TOKEN}"
    again = command.inside("import-config", str(tmp_path / "config.yaml"), "--output", str(target))
    assert (again.code, "--force" in again.err) == (2, True)
    told = command.inside("import-config", str(tmp_path / "config.yaml"), "-o", str(target), "--force", "--json").json()
    assert told["complete"]
    assert {"where": "global.chunking.chunk_overlap", "kind": "not needed"}.items() <= next(
        one for one in told["outcomes"] if one["where"].endswith("chunk_overlap")
    ).items()


def test_what_has_no_counterpart_is_told_by_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("sources: {sharepoint: {x: {base_url: 'https://x.example.org'}}}")
    target = tmp_path / "pipeline.yaml"
    command = Command(Project(tmp_path / "empty"))
    answer = command.inside("import-config", str(tmp_path / "config.yaml"), "--output", str(target))
    assert answer.code == 1
    assert "there is no source of this type" in answer.out
    assert target.exists()


def test_what_is_no_configuration_is_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("a: [")
    command = Command(Project(tmp_path / "empty"))
    for file in ("config.yaml", "missing.yaml"):
        answer = command.inside("import-config", str(tmp_path / file), "--output", str(tmp_path / "pipeline.yaml"))
        assert answer.code == 2
        assert file in answer.err
    assert not (tmp_path / "pipeline.yaml").exists()
