"""What a run tells is the same wherever it is told; `report` and `logs` tell it afterwards."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vector_pipeline.cli.logs_json import LogLineJson
from vector_pipeline.logs.setup import reset
from vector_pipeline.orchestration.launch import terminal_instance
from vector_pipeline.sync.summary import summarize
from vector_pipeline_tests.cli.command import Answer, Command, wait_until, write
from vector_pipeline_tests.cli.json_shape import mismatches
from vector_pipeline_tests.project import Project
from vector_pipeline_tests.reporting.test_page import assert_harmless
from vector_pipeline_tests.simulators.atlassian_conditions import API_TOKEN, server_error
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.simulators.openai_server import OpenAIServer, status
from vector_pipeline_tests.sync.exactness import served_by

NOTES = "local_files/notes"
KEY = "sk-endpoint-key-of-ours"
TEXT = "the vault combination is seventeen"


@dataclass
class Told:
    """A project that was synced three times (well, with a broken file, and into the brake), and what that said."""

    project: Project
    command: Command
    answers: list[Answer]
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """The log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture(autouse=True)
def _logging_left_as_it_was() -> Iterator[None]:
    yield
    reset()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Synced in this process, priced, with a log file as JSON."""
    folder = tmp_path_factory.mktemp("told")
    log = folder / "logs" / "pipeline.log"
    settings = {
        "logs": {"file": str(log), "format": "json", "level": "debug"},
        "embedding": {"price_per_million_tokens": 20, "currency": "EUR"},
        "limits": {"brake_documents": 2},
    }
    project = Project(folder, settings)
    project.add_folder("notes", folder / "notes")
    write(folder / "notes", {f"{number}.md": f"# {number}\n\nnote {number}, {TEXT}\n" for number in range(8)})
    command = Command(project)
    answers = [command.inside("sync")]
    write(folder / "notes", {"new.md": "# New\n\nnew\n", "broken.pdf": b"%PDF-1.7\nnot a real one"})
    answers.append(command.inside("sync"))
    for number in range(8):
        (folder / "notes" / f"{number}.md").unlink()
    answers.append(command.inside("sync"))
    yield Told(project, command, answers, log)
    reset()


def test_terminal_log_dagster_and_history_tell_the_same_of_every_run(told: Told) -> None:
    with told.project.open() as pipeline:
        rows = pipeline.store.ingestions()[::-1]
        summaries = [summarize(row, pipeline.settings.embedding.currency) for row in rows]
    assert [one.status for one in summaries] == ["success", "partial", "failed"]
    ends = {line["run"]: line for line in told.lines() if "status" in line}
    with terminal_instance(told.project.data / "dagster") as instance:
        in_dagster = {}
        for one in summaries:
            for entry in instance.all_logs(one.run_id):
                event = entry.dagster_event
                if event is None:
                    continue
                if event.is_step_materialization and event.step_key == "local_files__points":
                    in_dagster[one.run_id] = event.step_materialization_data.materialization.metadata["summary"].value
                if event.is_step_failure and event.step_failure_data.user_failure_data:
                    in_dagster[one.run_id] = event.step_failure_data.user_failure_data.metadata["summary"].value
    for one, answer in zip(summaries, told.answers, strict=True):
        printed = answer.out + answer.err
        unmarked = in_dagster[one.run_id].replace("\\", "")
        for line in one.lines():
            assert line in printed
            assert line in ends[one.run_id]["message"]
            assert line in unmarked
        assert unmarked.splitlines() == [f"{line}  " for line in one.lines()[:-1]] + [one.lines()[-1]]
    assert [ends[one.run_id]["level"] for one in summaries] == ["info", "warning", "error"]


def test_the_summary_says_what_changed_what_it_cost_and_what_to_do(told: Told) -> None:
    first, second, third = told.answers
    assert (first.code, second.code, third.code) == (0, 1, 1)
    assert "8 documents added; 8 texts embedded (" in first.out
    assert " EUR); points: 8 written" in first.out
    assert "1 document could not be brought in" in second.err
    assert f"→ `vector-pipeline quarantine list --source {NOTES}` says why" in second.err
    assert "8 of 9 documents are gone at the source; none was deleted" in third.err
    assert f"→ if that is right, run `vector-pipeline sync --source {NOTES} --allow-deletions`" in third.err


def test_the_history_holds_the_seconds_and_rows_of_every_stage(told: Told) -> None:
    with told.project.open() as pipeline:
        first = pipeline.store.ingestions()[-1]
        failed = next(row for row in pipeline.store.ingestions() if row.status == "failed")
    for stage in ("documents", "chunks", "embeddings", "points"):
        assert first.counts[f"{stage}: seconds"] > 0
    assert sum(first.counts[f"{stage}: seconds"] for stage in ("documents", "chunks", "embeddings", "points")) == (
        pytest.approx(first.seconds, abs=0.01)
    )
    assert first.counts["documents: rows"] == 8
    assert first.counts["chunks: rows"] == first.counts["points: rows"] == 8
    assert failed.counts["documents: seconds"] > 0
    assert failed.seconds > 0
    assert failed.hint.startswith("if that is right")
    assert "if that is right" not in failed.error


def test_the_log_says_what_every_record_is_about(told: Told) -> None:
    lines = told.lines()
    run = lines[0]["run"]
    first = [line for line in lines if line.get("run") == run]
    assert [line["message"].split(" in ")[0] for line in first] == [
        "the run begins (auto)",
        "documents: done",
        "chunks: done",
        "embeddings: done",
        "points: done",
        f"{NOTES}: success",
    ]
    assert {line["source"] for line in first} == {NOTES}
    assert [line["stage"] for line in first][1:5] == ["documents", "chunks", "embeddings", "points"]
    assert first[1]["counts"] == {"added": 8}
    (kept,) = {line["document"] for line in lines if line["message"].startswith("in quarantine: ")}
    with told.project.open() as pipeline:
        frame = pipeline.store.quarantined()
    assert kept.replace("-", "") == frame["document_id"].to_list()[0].hex()


def test_no_text_and_no_secret_of_a_sync_at_debug_is_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "pipeline.log"
    with OpenAIServer() as endpoint, ConfluenceServer("cloud") as wiki:
        wiki.state.add_space("ENG", "Engineering")
        wiki.state.add_page("ENG", "Keys", f"<p>{TEXT}</p>")
        project = Project(tmp_path, {"logs": {"file": str(log), "format": "json", "level": "debug"}})
        project.settings["embedding"] = served_by(endpoint, api_key=KEY)["embedding"]
        project.add_folder("notes", tmp_path / "notes")
        project.add_confluence("wiki", wiki, "ENG")
        write(tmp_path / "notes", {"a.md": f"# A\n\n{TEXT}\n", "b.md": f"# B\n\n{TEXT}, too\n"})
        endpoint.faults.once(status(503))
        wiki.faults.once(server_error(503))
        command = Command(project)
        assert command.inside("sync").code == 0
        endpoint.faults.always(status(401, "invalid_api_key"))
        write(tmp_path / "notes", {"c.md": f"# C\n\n{TEXT} now\n"})
        refused = command.inside("sync", "--json")
        assert refused.code == 1
    (outcome,) = (one for one in refused.json()["sources"] if one["source"] == NOTES)
    assert outcome["summary"][0].startswith(f"{NOTES}: failed in ")
    assert outcome["summary"][1:] == [outcome["error"], f"→ {outcome['hint']}"]
    written = log.read_text()
    assert written.count('"status"') == 3
    assert "asked again in" in written
    for planted in (TEXT, "seventeen", KEY, API_TOKEN):
        assert planted not in written


def test_the_report_tells_the_story_on_the_terminal(told: Told) -> None:
    answer = told.command.inside("report", "--since", "1d")
    assert answer.code == 0, answer.err
    assert "1 success, 1 partial" in answer.out
    assert "8 of 9 documents are gone at the source" in answer.out
    assert "→ if that is right, run" in answer.out
    assert f"in quarantine: {NOTES}: 1 × documents: PDF is damaged" in answer.out
    assert "quarantine_empty" in answer.out
    assert " EUR" in answer.out


def test_the_report_as_json_has_its_documented_shape(told: Told) -> None:
    # `json` compares it with the shape.
    found = told.command.inside("report", "--json").json()
    assert found["growth"][-1] == {**found["growth"][-1], "documents": 9, "chunks": 9, "points": 9}
    assert found["currency"] == "EUR"
    (fresh,) = found["freshness"]
    assert (fresh["source"], fresh["late"]) == (NOTES, False)
    assert fresh["lag_median"] is not None
    assert fresh["lag_median"] >= 0
    assert sum(one["failed"] for one in found["ended"]) == 1
    (held,) = found["quarantined"]
    assert held["documents"] == 1
    checks = {fault["check"]: fault for fault in found["check_faults"]}
    assert checks["quarantine_empty"]["source"] == NOTES
    assert sum(day["passed"] for day in found["checks"]) > 5


def test_the_page_is_written_in_one_piece_and_holds_everything(told: Told, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    answer = told.command.inside("report", "--html", str(path))
    assert answer.code == 0, answer.err
    assert str(path) in answer.out
    text = path.read_text()
    assert_harmless(text)
    for words in ("Growth", "Freshness", "Throughput", "Failures", "Checks", "Cost", "Last runs", NOTES):
        assert words in text
    assert [found.name for found in tmp_path.iterdir()] == ["report.html"]


def test_a_report_on_other_sources_or_another_time_leaves_these_runs_out(told: Told) -> None:
    assert told.command.inside("report", "--source", NOTES, "--json").json()["runs"] >= 3
    unknown = told.command.inside("report", "--source", "git/nothing")
    assert unknown.code == 2
    assert NOTES in unknown.err
    before = told.command.inside("report", "--since", "9d", "--until", "8d", "--json").json()
    assert (before["runs"], before["growth"], before["checks"]) == (0, [], [])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--since", "yesterday"], "--since 'yesterday'"),
        (["--until", "soon"], "--until 'soon'"),
        (["--since", "1d", "--until", "2d"], "before it begins"),
        (["--html", "/nowhere/at/all.html"], "can't be written"),
        (["--html", "/"], "is a folder"),
        (["--html", ""], "is a folder"),
    ],
)
def test_a_report_that_makes_no_sense_is_wrong_use(told: Told, words: list[str], said: str) -> None:
    answer = told.command.inside("report", *words)
    assert answer.code == 2
    assert said in answer.err


def test_logs_shows_the_log_by_source_run_and_level(told: Told) -> None:
    every = told.command.inside("logs", "--json").json()
    assert len(every["lines"]) > 10
    run = every["lines"][0]["run"]
    assert {line["run"] for line in told.command.inside("logs", "--run", run[:6], "--json").json()["lines"]} == {run}
    worst = told.command.inside("logs", "--level", "error", "-n", "1")
    assert "ERROR" not in worst.out
    assert f"error   {NOTES}" in worst.out
    assert len(worst.out.splitlines()) == 1
    assert told.command.inside("logs", "--source", "git/nothing").out == ""


def test_logs_says_how_to_have_a_log(tmp_path: Path) -> None:
    answer = Command(Project(tmp_path)).inside("logs")
    assert answer.code == 2
    assert "pipeline.yaml" in answer.err
    assert Command(Project(tmp_path)).inside("logs", "--level", "loud").code == 2


def test_logs_follows_what_is_written_until_it_is_stopped(told: Told) -> None:
    process = told.command.start("logs", "--follow", "--json", "-n", "1")
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert list(mismatches(LogLineJson, first)) == []
    line = {"time": "2026-03-01T00:00:00.000Z", "level": "info", "logger": "a", "message": "just now"}
    with told.log.open("a") as file:
        file.write(json.dumps(line) + "\n")
    assert json.loads(process.stdout.readline())["message"] == "just now"
    process.send_signal(signal.SIGINT)
    wait_until(lambda: process.poll() is not None)
    assert process.returncode == 0
    assert process.communicate()[1] == ""


def test_a_log_inside_a_folder_that_is_read_is_refused(tmp_path: Path) -> None:
    project = Project(tmp_path, {"logs": {"file": str(tmp_path / "notes" / "pipeline.log")}})
    project.add_folder("notes", tmp_path / "notes")
    answer = Command(project).inside("logs")
    assert answer.code == 2
    assert "logs.file" in answer.err
    assert "lies inside sources.local_files.notes" in answer.err
