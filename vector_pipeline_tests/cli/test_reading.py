"""`status`, `search`, `documents` and `state`: what they show of a project in step, to people and to programs."""

from __future__ import annotations

import re
import uuid

import pytest

from vector_pipeline_tests.cli.command import SECONDS
from vector_pipeline_tests.cli.conftest import NASTY, Synced

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\]8;[^\x1b]*\x1b\\")
"""What rich itself sends: colours, cursor movements and links."""


def test_status_has_a_row_per_source(synced: Synced) -> None:
    answer = synced.command.inside("status", "--json")
    assert answer.code == 0
    assert answer.json()["searches_wait_for"] == []
    code, vault = answer.json()["sources"]
    assert set(vault) == {
        "source",
        "state",
        "due",
        "documents",
        "chunks",
        "points",
        "quarantined",
        "last_success_at",
        "observed_at",
        "behind_seconds",
        "late",
        "error",
    }
    assert (vault["source"], vault["state"], vault["documents"]) == ("local_files/vault", "in step", 5)
    assert vault["chunks"] == vault["points"] > 5
    assert (code["source"], code["documents"], code["behind_seconds"]) == ("git/code", 2, 0)


def test_status_fits_eighty_columns(synced: Synced) -> None:
    lines = ESCAPES.sub("", synced.command.on_terminal("status", columns=80).out).splitlines()
    assert len(lines) == 3, lines
    assert all(len(line) <= 80 for line in lines)
    assert lines[0].split() == ["source", "state", "docs", "chunks", "points", "quar.", "success", "behind"]
    wide = ESCAPES.sub("", synced.command.on_terminal("status", columns=140).out).splitlines()
    assert "last look" in wide[0]
    assert len(wide) == 3


def test_status_loads_neither_dagster_nor_the_embedder(synced: Synced) -> None:
    answer = synced.command("status", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in answer.err.splitlines()}
    assert "vector_pipeline.state.store" in loaded
    assert not loaded & {"dagster", "duckdb", "wordllama", "openai", "qdrant_client"}


def test_search_shows_passage_link_and_place(synced: Synced) -> None:
    answer = synced.command("search", "canary traffic", "--limit", "1")
    assert answer.code == 0
    assert "Deploy" in answer.out
    assert "https://git.example.org/team/code/blob/" in answer.out
    assert "five percent of the traffic" in answer.out
    assert "\x1b" not in answer.out
    coloured = synced.command.on_terminal("search", "canary traffic", "--limit", "1").out
    assert re.search(r"\x1b\[1;33m\s*canary", coloured), "the words of the query are marked"
    assert "\x1b]8;" in coloured, "the address is a link"
    assert "\x1b[1;33m" not in synced.command.on_terminal("search", "canary", "-n", "1", NO_COLOR="1").out


def test_search_as_json_has_whole_passages_with_their_document(synced: Synced) -> None:
    found = synced.command.inside("search", "canary traffic", "--json", "--limit", "2").json()
    assert set(found) == {"query", "hits"}
    assert len(found["hits"]) == 2
    best = found["hits"][0]
    assert best["path"] == "docs/deploy.md"
    assert {"point_id", "score", "source", "document_id", "uri", "title", "headings", "text"} <= set(best)
    uuid.UUID(best["point_id"])


def test_search_keeps_to_source_tag_and_folder(synced: Synced) -> None:
    def paths(*options: str) -> set[str]:
        found = synced.command.inside("search", "backup rota canary restore", "--json", "-n", "50", *options).json()[
            "hits"
        ]
        return {str(hit["path"]) for hit in found}

    assert paths("--source", "git/code") == {"docs/deploy.md", "tool.py"}
    assert paths("--tag", "backup") == {"runbooks/backup.md"}
    assert paths("--tag", "backup", "-t", "rota") == {"runbooks/backup.md", "oncall.md"}
    assert paths("--path", "/runbooks/") == {"runbooks/backup.md", "runbooks/restore.md"}
    assert paths("--path", "oncall.md") == {"oncall.md"}
    assert paths("--tag", "no such tag") == set()


def test_a_filter_that_matches_nothing_says_so(synced: Synced) -> None:
    answer = synced.command.inside("search", "anything", "--tag", "no such tag")
    assert answer.code == 0
    assert answer.out.strip() == "nothing found"


@pytest.mark.parametrize(
    "query", ["!!! ???", "🚒👨‍👩‍👧", "'\"`$(ls)[red]", "word " * 20_000, "\udcff\udcfe", "-- \x1b[31m"]
)
def test_odd_queries_are_answered(synced: Synced, query: str) -> None:
    answer = synced.command.inside("search", "-n", "1", "--", query)
    assert answer.code == 0, answer.err
    assert answer.err == ""


@pytest.mark.parametrize("arguments", [("search", "  "), ("search",), ("search", "x", "-n", "0"), ("nonsense",)])
def test_wrong_use_ends_with_two_and_a_word_of_help(synced: Synced, arguments: tuple[str, ...]) -> None:
    answer = synced.command.inside(*arguments)
    assert answer.code == 2
    assert answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("command", ["search x", "documents list", "quarantine list", "quarantine retry"])
def test_an_unknown_source_is_named_with_the_known_ones_everywhere(synced: Synced, command: str) -> None:
    answer = synced.command.inside(*command.split(), "--source", "git/nope")
    assert answer.code == 2
    assert "'git/nope'; there are: git/code, local_files/vault" in answer.err


def test_documents_are_listed_one_line_each_in_a_pipe(synced: Synced) -> None:
    answer = synced.command.inside("documents", "list")
    assert answer.code == 0
    assert len(answer.out.splitlines()) == 1 + 7
    listed = synced.command.inside("documents", "list", "--source", "git/code", "--json").json()
    assert [one["path"] for one in listed["documents"]] == ["docs/deploy.md", "tool.py"]
    assert listed["more"] is False
    limited = synced.command.inside("documents", "list", "--limit", "3", "--json").json()
    assert (len(limited["documents"]), limited["more"]) == (3, True)
    matched = synced.command.inside("documents", "list", "--match", "RUNBOOKS", "--json").json()["documents"]
    assert {one["path"] for one in matched} == {"runbooks/backup.md", "runbooks/restore.md"}


def test_the_list_of_documents_fits_eighty_columns(synced: Synced) -> None:
    lines = ESCAPES.sub("", synced.command.on_terminal("documents", "list", columns=80).out).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert any("runbooks/backup.md" in line and "Backups" in line for line in lines)


def test_a_document_is_shown_by_id_path_and_part_of_its_title(synced: Synced) -> None:
    (listed,) = synced.command.inside("documents", "list", "--match", "oncall", "--json").json()["documents"]
    by_title = synced.command.inside("documents", "show", "on CALL", "--text")
    assert by_title.code == 0
    assert "The pager rota changes" in by_title.out
    assert "incident, rota" in by_title.out
    for name in (listed["id"], "oncall.md"):
        shown = synced.command.inside("documents", "show", name, "--json").json()
        assert shown["id"] == listed["id"]
        assert {"metadata", "chunks", "text", "title", "uri"} <= set(shown)
        assert shown["chunks"][0]["position"] == 0


def test_a_name_that_fits_several_documents_is_refused_with_the_candidates(synced: Synced) -> None:
    answer = synced.command.inside("documents", "show", "runbooks")
    assert answer.code == 2
    assert "runbooks/backup.md" in answer.err
    assert "runbooks/restore.md" in answer.err
    missing = synced.command.inside("documents", "show", "no such document")
    assert missing.code == 2
    assert synced.command.inside("documents", "show", str(uuid.UUID(int=7))).code == 2


def test_hostile_names_and_texts_never_reach_the_terminal_raw(synced: Synced) -> None:
    for arguments in (
        ("documents", "list"),
        ("documents", "show", "zebra", "--text"),
        ("documents", "show", "odd ", "--text"),
        ("search", "zebra crossing", "-n", "1"),
        ("status",),
    ):
        sent = synced.command.on_terminal(*arguments, columns=120).out
        left = ESCAPES.sub("", sent)
        assert not set(left) & set("\x1b\x07\x9b\x7f\u202e"), (arguments, left)
    found = synced.command.inside("search", "zebra crossing", "-n", "1")
    assert "[red]not markup[/red]" in found.out
    raw = synced.command.inside("search", "zebra crossing", "-n", "1", "--json")
    assert not set(raw.out) & set("\x1b\x07\x9b\x7f\u202e")
    assert "zebra crossing" in raw.json()["hits"][0]["text"]
    assert NASTY not in raw.out


def test_a_name_that_is_not_utf8_can_be_listed_and_found(synced: Synced) -> None:
    (listed,) = synced.command.inside("documents", "list", "--match", "coffee", "--json").json()["documents"]
    assert listed["title"] == "Coffee"
    assert synced.command.inside("documents", "show", listed["id"]).code == 0
    assert "Coffee" in synced.command.inside("search", "espresso machine", "-n", "1").out


def test_an_encoding_that_lacks_a_character_ends_no_command(synced: Synced) -> None:
    answer = synced.command("documents", "show", "oncall.md", PYTHONIOENCODING="ascii")
    assert answer.code == 0
    assert "Traceback" not in answer.err


def test_a_reader_that_goes_away_is_no_error_on_the_screen(synced: Synced) -> None:
    for arguments in (("documents", "list"), ("documents", "list", "--json")):
        process = synced.command.start(*arguments)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        process.wait(SECONDS)


def test_the_state_store_tells_its_revision(synced: Synced) -> None:
    status = synced.command.inside("state", "status", "--json").json()
    assert set(status) == {"current", "head", "pending", "backups"}
    assert status["current"] == status["head"]
    assert status["pending"] == []
    shown = synced.command.inside("state", "upgrade")
    assert shown.code == 0
    assert status["head"] in shown.out
