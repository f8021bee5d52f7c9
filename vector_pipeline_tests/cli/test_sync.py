"""`sync`: what it prints, what it leaves in Dagster, when it says that something is wrong."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from vector_pipeline.orchestration.launch import terminal_instance
from vector_pipeline_tests.cli.command import Command, write
from vector_pipeline_tests.cli.conftest import Synced

MakeProject = Callable[[dict[str, str | bytes]], Command]


def test_the_first_sync_reports_every_source_and_the_check_as_json(synced: Synced) -> None:
    assert synced.first.code == 0, synced.first.err
    report = synced.first.json()
    assert set(report) == {"sources", "check", "stopped", "searches_wait_for", "switched", "not_switched", "seconds"}
    code, vault = report["sources"]
    assert [code["source"], vault["source"]] == ["git/code", "local_files/vault"]
    keys = {"source", "status", "reason", "counts", "quarantined", "seconds", "error", "hint", "run_id", "summary"}
    assert set(code) == set(vault) == keys
    assert vault["status"] == "success"
    assert vault["reason"] == "never synced"
    assert vault["counts"]["documents: added"] == 5
    assert report["check"]["passed"] is True
    assert report["stopped"] is False


def test_a_sync_in_a_pipe_writes_nothing_to_standard_error(synced: Synced) -> None:
    assert synced.first.err == ""


def test_runs_materializations_and_checks_of_a_sync_stand_in_dagster(synced: Synced) -> None:
    report = synced.first.json()
    (run_id,) = (one["run_id"] for one in report["sources"] if one["source"] == "git/code")
    with terminal_instance(synced.project.data / "dagster") as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status is dg.DagsterRunStatus.SUCCESS
        assert run.tags["dagster/partition"] == "code"
        for stage in ("documents", "chunks", "embeddings", "points"):
            event = instance.get_latest_materialization_event(dg.AssetKey(["git", stage]))
            assert event is not None, stage
            assert event.asset_materialization is not None
            assert event.asset_materialization.partition == "code"
            assert event.asset_materialization.metadata["dagster/row_count"].value > 0, stage
        passed = {}
        for one in (run_id, report["check"]["run_id"]):
            for entry in instance.all_logs(one, dg.DagsterEventType.ASSET_CHECK_EVALUATION):
                evaluation = entry.get_dagster_event().asset_check_evaluation_data
                passed[evaluation.check_name] = evaluation.passed
        assert {"points_match_state", "counts_match", "vectors_valid", "no_empty_document"} <= set(passed)
        assert all(passed.values())
        assert instance.get_dynamic_partitions("git_sources") == ["code"]


def test_dagster_keeps_its_files_in_the_data_folder(synced: Synced) -> None:
    assert (synced.project.data / "dagster" / "dagster.yaml").is_file()
    assert not (synced.project.folder / ".dagster").exists()


def test_nothing_changed_takes_no_run_and_does_not_load_dagster(synced: Synced) -> None:
    answer = synced.command("sync", PYTHONPROFILEIMPORTTIME="1")
    assert answer.code == 0
    assert "nothing to do" in answer.out
    loaded = {line.rpartition("|")[2].strip() for line in answer.err.splitlines()}
    assert "vector_pipeline.sync.due" in loaded
    assert not loaded & {"dagster", "duckdb", "wordllama", "qdrant_client"}


def test_only_the_sources_that_were_named_are_looked_at(synced: Synced) -> None:
    answer = synced.command.inside("sync", "-s", "git/code", "--source", "git/code", "--json")
    assert answer.code == 0
    assert [one["source"] for one in answer.json()["sources"]] == ["git/code"]
    both = synced.command.inside("sync", "-s", "git/code", "--source", "local_files/vault", "--json").json()
    assert [one["status"] for one in both["sources"]] == ["in step", "in step"]
    assert both["check"] is None


def test_an_unknown_source_is_wrong_use_and_the_known_ones_are_named(synced: Synced) -> None:
    answer = synced.command.inside("sync", "--source", "git/cod")
    assert answer.code == 2
    assert "git/cod" in answer.err
    assert "git/code, local_files/vault" in answer.err
    assert answer.out == ""


def test_an_unreachable_source_fails_and_the_others_are_brought_in_step(new_project: MakeProject) -> None:
    command = new_project({"a.md": "# A\n\nalpha\n"})
    command.project.add_git("gone", command.project.folder / "nowhere.git")
    answer = command.inside("sync")
    assert answer.code == 1
    assert "git/gone" in answer.err
    assert "Traceback" not in answer.err
    rows = {line.split()[0]: line for line in answer.out.splitlines()}
    assert "failed" in rows["git/gone"]
    assert "1 added" in rows["local_files/notes"]

    (gone,) = [row for row in command.inside("sync", "--json").json()["sources"] if row["source"] == "git/gone"]
    assert gone["hint"]
    assert gone["hint"] not in gone["error"], "what is wrong and what to do about it are two things"

    probed = command.inside("status", "--probe", "--json")
    assert probed.code == 1
    states = {row["source"]: row["state"] for row in probed.json()["sources"]}
    assert states == {"git/gone": "unreachable", "local_files/notes": "in step"}


def test_a_broken_document_is_reported_until_it_is_mended(new_project: MakeProject) -> None:
    command = new_project({"good.md": "# Good\n\nalpha\n", "broken.pdf": b"%PDF-1.7\nnot a real one"})
    notes = command.project.folder / "notes"
    answer = command.inside("sync")
    assert answer.code == 1
    assert "1 document could not be brought in" in answer.err
    assert "quarantine list" in answer.err
    assert "Traceback" not in answer.err

    listed = command.inside("quarantine", "list", "--json").json()["quarantined"]
    assert [row["native_id"] for row in listed] == ["broken.pdf"]
    assert {"partition", "stage", "reason", "attempts", "retry_at"} <= set(listed[0])
    shown = command.inside("quarantine", "list", "--source", "local_files/notes")
    assert "broken.pdf" in shown.out
    assert shown.code == 0
    narrow = command.on_terminal("quarantine", "list", columns=80).out
    assert "broken.pdf" in narrow
    assert "next when it changes" in " ".join(narrow.split())

    again = command.inside("sync", "--json")
    assert again.code == 1, "a document is still missing"
    assert again.json()["sources"][0]["status"] == "in step"
    assert again.json()["sources"][0]["quarantined"] == 1

    retried = command.inside("quarantine", "retry")
    assert "1 due again" in retried.out
    (notes / "broken.pdf").unlink()
    mended = command.inside("sync")
    assert mended.code == 0, mended.err
    assert "nothing is in quarantine" in command.inside("quarantine", "list").out


def test_a_source_that_left_the_settings_is_removed(new_project: MakeProject) -> None:
    command = new_project({"a.md": "# A\n\nalpha\n"})
    other = command.project.add_folder("other", command.project.folder / "other")
    write(command.project.folder / "other", {"b.md": "# B\n\nbravo bravo\n"})
    assert command.inside("sync").code == 0
    command.project.remove(other)
    rows = {row["source"]: row["state"] for row in command.inside("status", "--json").json()["sources"]}
    assert rows == {"local_files/notes": "in step", "local_files/other": "removed"}
    removed = command.inside("sync", "--json")
    assert removed.code == 0, removed.err
    assert {one["source"]: one["status"] for one in removed.json()["sources"]}[other] == "removed"
    assert [row["source"] for row in command.inside("status", "--json").json()["sources"]] == ["local_files/notes"]
    with terminal_instance(command.project.data / "dagster") as instance:
        assert instance.get_dynamic_partitions("local_files_sources") == ["notes"]


def test_progress_is_shown_on_a_terminal_and_leaves_only_the_result(new_project: MakeProject) -> None:
    command = new_project({f"{number}.md": f"# N {number}\n\ntext {number}\n" for number in range(30)})
    answer = command.on_terminal("sync", columns=80)
    assert answer.code == 0
    for word in ("asking local_files/notes", "starting Dagster", "documents", "30/30", "embeddings", "checking"):
        assert word in answer.out, word
    assert "30 added" in answer.out
    for noise in ("DEBUG", "RUN_START", "Warning", "dagster -"):
        assert noise not in answer.out, noise
