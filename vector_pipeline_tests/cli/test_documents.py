"""`documents`: what people ask of single documents, answered and done, with every answer in its documented shape."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.state.document_filters import Facts, FilterNotUnderstood, read_filter
from vector_pipeline_tests.cli.command import Command
from vector_pipeline_tests.cli.conftest import VAULT, Synced
from vector_pipeline_tests.git_repository import GitRepository

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

Make = Callable[[dict[str, str | bytes]], Command]


def answered(command: Command, *words: str, code: int = 0) -> Any:
    """The JSON that a command prints, which has the shape that is documented."""
    answer = command.inside(*words, "--json")
    assert answer.code == code, answer.err
    return answer.json()


def paths(listed: Any) -> list[str]:
    return [one["path"] for one in listed["documents"]]


@pytest.fixture
def notes(new_project: Make) -> Command:
    """Folder local_files/notes with two notes, in step."""
    command = new_project({"oncall.md": VAULT["oncall.md"], "sub/backup.md": VAULT["runbooks/backup.md"]})
    command.project.sync()
    return command


def test_filters_narrow_the_list_and_pages_follow_each_other(synced: Synced) -> None:
    command = synced.command
    assert paths(answered(command, "documents", "list", "--filter", "tag=INCIDENT")) == ["oncall.md"]
    assert paths(answered(command, "documents", "list", "-f", "label~back", "-f", "path~runbooks/")) == [
        "runbooks/backup.md"
    ]
    assert paths(answered(command, "documents", "list", "-f", "kind=code")) == ["tool.py"]
    assert paths(answered(command, "documents", "list", "-f", "author=ada", "-f", "path!=tool.py")) == [
        "docs/deploy.md"
    ]
    assert answered(command, "documents", "list", "-f", "ingested<1h")["total"] == 0
    assert answered(command, "documents", "list", "-f", "quarantined=yes")["total"] == 0
    everything = answered(command, "documents", "list")
    assert everything["total"] == len(everything["documents"]) == 7
    pages = [answered(command, "documents", "list", "--limit", "3", "--offset", str(start)) for start in (0, 3, 6)]
    assert [one for page in pages for one in page["documents"]] == everything["documents"]
    assert [page["more"] for page in pages] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour=red", "fields are source, path"),
        ("title>b", "title~"),
        ("updated~2026", "updated>2026-01-01"),
        ("updated>soon", "is no time"),
        ("quarantined=perhaps", "quarantined=yes"),
        ("nonsense", "kind=markdown"),
    ],
)
def test_a_filter_that_is_not_understood_says_how_to_write_it(synced: Synced, text: str, said: str) -> None:
    answer = synced.command.inside("documents", "list", "--filter", text)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


@given(title=st.text(), part=st.text(max_size=3), moment=st.datetimes(timezones=st.just(UTC)))
def test_a_condition_and_its_opposite_never_agree(title: str, part: str, moment: datetime) -> None:
    facts = Facts(title=title, updated=moment)
    for one, other in (("title=", "title!="), ("updated<", "updated>="), ("updated<=", "updated>")):
        value = part if one.startswith("title") else "2026-02-01"
        assert read_filter(one + value, NOW).takes(facts) != read_filter(other + value, NOW).takes(facts)
    stripped = title.strip().casefold()
    assert read_filter(f"title~{stripped}", NOW).takes(Facts(title=title))


def test_a_time_that_is_not_known_meets_no_condition() -> None:
    assert not any(read_filter(f"updated{sign}2026-01-01", NOW).takes(Facts()) for sign in ("<", ">", "=", "!="))
    with pytest.raises(FilterNotUnderstood):
        read_filter("updated", NOW)


def test_a_document_is_shown_with_history_and_neighbours(synced: Synced) -> None:
    shown = answered(synced.command, "documents", "show", "runbooks/backup.md")
    (version,) = shown["history"]
    assert version["change"] == "added"
    assert version["run_url"].endswith(f"/runs/{version['run_id']}")
    around = shown["neighbours"]
    assert (around["previous"]["path"], around["next"]["path"]) == ("oncall.md", "runbooks/restore.md")
    assert shown["id"] not in {one["id"] for one in around["nearest"]}
    assert around["nearest"][0]["path"] == "runbooks/restore.md", "both are about backups"
    assert [one["score"] for one in around["nearest"]] == sorted((o["score"] for o in around["nearest"]), reverse=True)
    printed = synced.command.inside("documents", "show", "runbooks/backup.md").out
    assert "nearest in meaning" in printed
    assert "history" in printed


def test_a_new_file_is_brought_in_at_once_and_nothing_else_is(notes: Command, tmp_path: Path) -> None:
    (tmp_path / "notes" / "new.md").write_text("# New\n\nA walrus gave a talk.\n")
    (tmp_path / "notes" / "other.md").write_text("# Other\n\nNot asked for.\n")
    done = answered(notes, "documents", "add", str(tmp_path / "notes" / "new.md"))
    assert (done["source"], done["outcome"], done["points_written"]) == ("local_files/notes", "added", 1)
    assert notes.project.search("walrus talk")[0]["path"] == "new.md"
    assert notes.project.paths() == {"oncall.md", "sub/backup.md", "new.md"}
    (first, *_) = answered(notes, "documents", "history", "new.md")["history"]
    assert (first["run_id"], first["run_url"]) == (done["run_id"], "")
    notes.project.sync()
    assert "other.md" in notes.project.paths()


def test_a_changed_document_is_read_again_and_its_versions_are_told(notes: Command, tmp_path: Path) -> None:
    assert answered(notes, "documents", "update", "oncall.md")["outcome"] == "unchanged"
    (tmp_path / "notes" / "oncall.md").write_text("# On call\n\nNobody is.\n")
    done = answered(notes, "documents", "update", "oncall.md")
    assert (done["outcome"], done["points_written"], done["points_removed"]) == ("changed", 1, 2)
    history = answered(notes, "documents", "history", "oncall.md")["history"]
    assert [one["change"] for one in history] == ["changed", "added"]


def test_a_removed_document_comes_back_and_one_that_is_kept_out_does_not(notes: Command) -> None:
    project = notes.project
    assert answered(notes, "documents", "remove", "backup.md")["outcome"] == "removed"
    assert project.paths() == {"oncall.md"}
    assert answered(notes, "documents", "history", "backup.md")["deleted"]
    project.sync()
    assert project.paths() == {"oncall.md", "sub/backup.md"}

    done = answered(notes, "documents", "remove", "backup.md", "--keep-out")
    assert done["kept_out"]
    project.sync(full=True)
    assert project.paths() == {"oncall.md"}
    (kept,) = answered(notes, "documents", "keep-out", "list")["documents"]
    assert (kept["native_id"], kept["listed"]) == ("sub/backup.md", True)
    assert paths(answered(notes, "documents", "list", "--filter", "kept-out=yes")) == ["sub/backup.md"]

    assert answered(notes, "documents", "keep-out", "allow", done["id"])["allowed"] == 1
    project.sync()
    assert project.paths() == {"oncall.md", "sub/backup.md"}


def test_adding_what_was_kept_out_lets_it_in(notes: Command) -> None:
    answered(notes, "documents", "remove", "backup.md", "--keep-out")
    assert answered(notes, "documents", "add", "sub/backup.md")["outcome"] == "added"
    assert answered(notes, "documents", "keep-out", "list")["documents"] == []
    notes.project.sync()
    assert notes.project.paths() == {"oncall.md", "sub/backup.md"}


def test_what_no_source_has_says_what_there_is_and_what_to_add(notes: Command) -> None:
    for wanted, said in (
        ("/elsewhere/x.md", "sources.local_files"),
        ("https://docs.example.org/x", "sources.public_docs"),
        ("OPS-12", "the project OPS"),
    ):
        answer = notes.inside("documents", "add", wanted)
        assert answer.code == 1
        assert "local_files/notes" in answer.err
        assert said in answer.err


def test_what_the_settings_leave_out_is_not_brought_in(notes: Command, tmp_path: Path) -> None:
    (tmp_path / "notes" / "film.mp4").write_bytes(b"\0\1\2")
    answer = notes.inside("documents", "add", str(tmp_path / "notes" / "film.mp4"))
    assert answer.code == 1
    assert "leave it out" in answer.err
    assert notes.project.paths() == {"oncall.md", "sub/backup.md"}


def test_what_cannot_be_read_stays_as_it_was_and_says_why(notes: Command, tmp_path: Path) -> None:
    before = notes.project.snapshot()
    (tmp_path / "notes" / "bad.docx").write_bytes(b"PK\3\4 not a document")
    done = answered(notes, "documents", "add", str(tmp_path / "notes" / "bad.docx"), code=1)
    assert done["outcome"] == "failed"
    assert done["error"].startswith("documents: ")
    assert notes.project.snapshot() == before


def test_a_file_that_two_sources_have_needs_the_name_of_one(notes: Command, tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "repository")
    repository.write("oncall.md", "# On call\n\nIn Git.\n").commit()
    notes.project.add_git("code", repository.path)
    answer = notes.inside("documents", "add", "oncall.md")
    assert answer.code == 1
    assert "--source" in answer.err
    assert answered(notes, "documents", "add", "oncall.md", "--source", "git/code")["outcome"] == "added"


def test_a_run_for_one_document_does_not_pass_for_a_sync(notes: Command, tmp_path: Path) -> None:
    (before,) = notes.inside("status", "--json").json()["sources"]
    (tmp_path / "notes" / "new.md").write_text("# New\n\nText.\n")
    answered(notes, "documents", "add", "new.md", "--source", "local_files/notes")
    (after,) = notes.inside("status", "--json").json()["sources"]
    assert after["last_success_at"] == before["last_success_at"]
    assert after["state"] != "in step"


def test_an_empty_name_means_no_document_though_there_is_only_one(notes: Command, tmp_path: Path) -> None:
    for one in sorted((tmp_path / "notes").rglob("*.md"))[1:]:
        one.unlink()
    assert notes.inside("sync", "--allow-deletions").code == 0
    assert len(answered(notes, "documents", "list")["documents"]) == 1
    for words in (["remove", ""], ["remove", " ", "--keep-out"], ["update", ""], ["show", ""]):
        answer = notes.inside("documents", *words)
        assert (answer.code, answer.out) == (2, "")
        assert "name a document" in answer.err


def test_ids_that_nobody_has_are_wrong_use(notes: Command) -> None:
    for command in ("show", "update", "remove", "history"):
        assert notes.inside("documents", command, str(uuid.UUID(int=7))).code == 2
    assert notes.inside("documents", "keep-out", "allow", "nothing").code == 2
