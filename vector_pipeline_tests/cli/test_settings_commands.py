"""`init` and `config`, and what every command says where the settings or the data folder are no good."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from vector_pipeline.settings_file import load_settings
from vector_pipeline_tests.cli.command import SECONDS, Command
from vector_pipeline_tests.project import Project

EVERY_COMMAND = ("status", "sync", "search x", "documents list", "quarantine list", "config", "state status")


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """A project without sources."""
    return Command(Project(tmp_path / "project"))


def test_init_writes_a_file_that_loads_and_keeps_one_that_is_there(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "place"
    answer = command.inside("init", str(folder))
    assert answer.code == 0
    assert str(folder / "pipeline.yaml") in answer.out
    loaded = load_settings(folder / "pipeline.yaml")
    assert [name for _, name, _ in loaded.settings.sources] == ["documents"]

    (folder / "pipeline.yaml").write_text("sources: {}\n")
    again = command.inside("init", str(folder))
    assert again.code == 2
    assert "--force" in again.err
    assert (folder / "pipeline.yaml").read_text() == "sources: {}\n"
    assert command.inside("init", "--force", str(folder)).code == 0
    assert load_settings(folder / "pipeline.yaml").settings == loaded.settings


def test_init_where_nothing_can_be_written_says_so(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = command.inside("init", str(tmp_path / "file" / "below"))
    assert answer.code == 2
    assert "can't be written" in answer.err
    assert "Traceback" not in answer.err


def test_config_shows_everything_with_secrets_masked(command: Command) -> None:
    command.project.settings |= {
        "index": {"url": "https://qdrant.example.org:6333", "api_key": "${KEY}"},
        "state": {"url": "postgresql://ada:hunter2@db.example.org/state"},
    }
    command.project.add_git("private", "https://someone:tok-en@git.example.org/team/private.git", token="ghp_abc")
    for arguments in (("config",), ("config", "--json")):
        answer = command(*arguments, KEY="top-secret-key")
        assert answer.code == 0, answer.err
        for secret in ("top-secret-key", "hunter2", "tok-en", "ghp_abc"):
            assert secret not in answer.out + answer.err
        assert "db.example.org" in answer.out
        values = yaml.safe_load(answer.out)
        assert values["settings_file"] == str(command.project.file)
        assert values["chunking"]["max_tokens"] == 400
        assert values["sources"]["git"]["private"]["observe_every"] == "1m"


@pytest.mark.parametrize("name", EVERY_COMMAND)
def test_without_a_settings_file_a_command_says_how_to_get_one(command: Command, name: str) -> None:
    command.project.file.unlink()
    answer = command.inside(*name.split())
    assert answer.code == 2
    assert "does not exist" in answer.err
    assert "vector-pipeline init" in answer.err
    assert answer.out == ""


@pytest.mark.parametrize("name", EVERY_COMMAND)
def test_a_broken_settings_file_is_named_with_its_line(command: Command, name: str) -> None:
    command.project.file.write_text("sources: {}\nchunkin: {max_tokens: 100}\n")
    answer = command.inside(*name.split())
    assert answer.code == 2
    assert "pipeline.yaml:2: chunkin: unknown setting; did you mean chunking?" in answer.err
    assert "Traceback" not in answer.err


def test_debug_shows_the_traceback(command: Command) -> None:
    command.project.file.write_text("sources: [\n")
    process = command.start("--debug", "status")
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "Traceback" in err
    assert "SettingsError" in err


@pytest.mark.parametrize("name", ["status", "sync", "search x", "documents list", "quarantine list", "state upgrade"])
def test_a_data_folder_that_can_not_be_used_is_named(command: Command, name: str) -> None:
    (command.project.folder / "file").write_text("")
    command.project.settings["data_dir"] = str(command.project.folder / "file" / "below")
    command.project.add_folder("notes", command.project.folder / "notes")
    answer = command.inside(*name.split())
    assert answer.code == 1
    assert "file/below" in answer.err or "nothing has been indexed" in answer.err
    assert "→" in answer.err
    assert "Traceback" not in answer.err


def test_a_project_without_sources_says_what_to_do(command: Command) -> None:
    for name in ("sync", "status"):
        answer = command.inside(name)
        assert answer.code == 0
        assert "there are no sources; name them in pipeline.yaml" in answer.out
    assert command.inside("documents", "list").code == 0
    assert "run `vector-pipeline sync` first" in command.inside("search", "x").err


def test_a_damaged_state_file_is_named_with_the_way_out(command: Command) -> None:
    command.project.add_folder("notes", command.project.folder / "notes")
    assert command.inside("status").code == 0
    (state,) = command.project.data.glob("*.sqlite3")
    state.write_bytes(b"this is not a database" * 1000)
    for suffix in ("-wal", "-shm"):
        state.with_name(state.name + suffix).unlink(missing_ok=True)
    for name in ("status", "sync"):
        answer = command.inside(name)
        assert answer.code == 1
        assert "damaged" in answer.err
        assert "Traceback" not in answer.err


def test_a_dagster_home_that_does_not_exist_is_named(command: Command) -> None:
    notes = command.project.folder / "notes"
    command.project.add_folder("notes", notes)
    (notes / "a.md").write_text("# A\n\nalpha\n")
    answer = command("sync", DAGSTER_HOME="not/there")
    assert answer.code == 1
    assert "DAGSTER_HOME is not/there" in answer.err
    assert "Traceback" not in answer.err


def test_the_state_store_goes_back_a_revision_and_forward_again_with_a_backup(command: Command) -> None:
    assert command.inside("state", "upgrade").code == 0
    back = command.inside("state", "rollback", "-1", "--json")
    assert back.code == 0, back.err
    assert len(back.json()["pending"]) == 1
    assert len(back.json()["backups"]) == 1
    forward = command.inside("state", "upgrade", "--json").json()
    assert forward["pending"] == []
    assert forward["current"] == forward["head"]
    assert command.inside("state", "rollback", "no-such-revision").code == 1
