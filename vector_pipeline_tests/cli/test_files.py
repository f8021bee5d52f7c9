"""Office and PDF files on the command line: the missing extra, passwords, limits, and what a stop leaves behind."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from vector_pipeline_tests.cli.command import SECONDS, Answer, Command, wait_until, write
from vector_pipeline_tests.conversion import office_files as good
from vector_pipeline_tests.conversion.pdf_files import make_pdf
from vector_pipeline_tests.conversion.picture_files import make_png
from vector_pipeline_tests.project import Project

MANY = 16
"""Files, more than all workers convert before they stop."""

_WORKERS, _FIRST = 2, 3

NewProject = Callable[[dict[str, str | bytes]], Command]


def reasons(command: Command) -> dict[str, str]:
    """What is in quarantine, with the reason."""
    rows = command.inside("quarantine", "list", "--json").json()["quarantined"]
    return {row["native_id"]: row["reason"] for row in rows}


def convert_with(command: Command, **settings: Any) -> None:
    """Other settings of conversion from now on."""
    command.project.settings["conversion"] = settings
    command.project.write()


@pytest.fixture
def without_extra(tmp_path: Path) -> dict[str, str]:
    """An environment in which the office extra can't be imported, by workers neither."""
    folder = tmp_path / "without"
    write(folder, {"sitecustomize.py": "import sys\nsys.modules['xberg'] = None\n"})
    return {"PYTHONPATH": str(folder)}


def test_files_that_need_the_extra_are_named_with_the_way_to_it_and_come_in_with_it(
    new_project: NewProject, without_extra: dict[str, str]
) -> None:
    files: dict[str, str | bytes] = {
        "letter.docx": good.make_docx(good.paragraph("The walrus statue arrived broken.")),
        "talk.pptx": good.make_pptx(),
        "manual.pdf": make_pdf(["The gasket is made of copper."]),
        "plan.png": make_png({"Title": "The scullery faces north"}),
        "photo.png": make_png(),
        "notes.md": "# Notes\n\nplain words\n",
    }
    command = new_project(files)
    answer = command("sync", **without_extra)
    assert answer.code == 1
    assert "local_files/notes: 2 documents could not be brought in" in answer.err
    assert "local_files/notes: 2 files were left out (image: needs the office extra; pip install" in answer.err
    assert set(reasons(command)) == {"letter.docx", "talk.pptx"}
    shown = command("quarantine", "list", **without_extra).out
    assert 'needs the office extra; pip install "vector-pipeline[office]"' in " ".join(shown.split())
    assert command.project.paths() == {"manual.pdf", "notes.md"}, "PDF is read without it"

    answer = command.inside("sync")
    assert answer.code == 0, answer.err
    assert reasons(command) == {}
    assert command.project.search("walrus statue")[0]["path"] == "letter.docx"
    assert command.project.search("scullery north")[0]["path"] == "plan.png"
    assert "left out" not in answer.err


def test_a_password_in_the_settings_opens_what_was_locked(new_project: NewProject) -> None:
    locked = make_pdf(["The combination is nine nine one."], password="open sesame")
    command = new_project({"locked.pdf": locked, "notes.md": "# Notes\n\nplain words\n"})
    assert command.inside("sync").code == 1
    assert "conversion.passwords" in reasons(command)["locked.pdf"]
    convert_with(command, passwords=["wrong"])
    assert command.inside("sync").code == 1
    convert_with(command, passwords=["wrong", "open sesame"])
    answer = command.inside("sync")
    assert answer.code == 0, answer.err
    assert "1 added" in answer.out
    assert command.project.search("combination nine")[0]["path"] == "locked.pdf"
    assert "open sesame" not in command.inside("config").out
    kept = [path for path in command.project.data.rglob("*") if path.is_file()]
    assert not any(b"open sesame" in path.read_bytes() for path in kept), "nowhere but in the settings"


def test_what_took_too_long_is_tried_again_when_asked_for_and_with_more_time(new_project: NewProject) -> None:
    command = new_project({"slow.pdf": make_pdf(["The tortoise arrives."])})
    convert_with(command, timeout="0.001s")
    assert command.inside("sync").code == 1
    assert reasons(command)["slow.pdf"].startswith("took longer than 0.001 s; ")
    assert "`timeout` of `conversion`" in reasons(command)["slow.pdf"]
    assert "1 due again; `vector-pipeline sync` tries it" in command.inside("quarantine", "retry").out
    assert command.inside("sync").code == 1
    [row] = command.inside("quarantine", "list", "--json").json()["quarantined"]
    assert row["attempts"] >= 2
    convert_with(command, timeout="60s")
    assert command.inside("sync").code == 0
    assert reasons(command) == {}
    assert "nothing is in quarantine" in command.inside("quarantine", "retry").out


@pytest.fixture
def busy(tmp_path: Path) -> Command:
    """A project with many PDF files."""
    write(tmp_path / "reports", {f"{n:02}.pdf": make_pdf([f"Report {n} on pumps."]) for n in range(MANY)})
    project = Project(tmp_path, {"conversion": {"workers": _WORKERS}})
    project.add_folder("reports", tmp_path / "reports")
    return Command(project)


@pytest.fixture
def hanging(tmp_path: Path) -> dict[str, str]:
    """An environment in which each worker converts its first files, and never comes to the end of the next."""
    program = f"""
import sys, time
if "vector_pipeline.conversion.worker" in sys.orig_argv:
    from vector_pipeline.conversion import wire
    read, first = wire.request_from, iter(range({_FIRST}))
    wire.request_from = lambda body: time.sleep(1000) if next(first, None) is None else read(body)
"""
    folder = tmp_path / "hanging"
    write(folder, {"sitecustomize.py": program})
    return {"PYTHONPATH": str(folder)}


def kept(project: Project) -> dict[str, int]:
    """Every kept conversion with the number of its file: one that is made again gets another number."""
    found = (path for path in (project.data / "conversions").rglob("*") if path.is_file() and path.suffix != ".part")
    return {path.name: path.stat().st_ino for path in found}


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_sync_stopped_while_it_converts_leaves_no_worker_and_the_next_one_goes_on(
    busy: Command, hanging: dict[str, str], stop: signal.Signals
) -> None:
    process = busy.start("sync", **hanging)
    watched = psutil.Process(process.pid)
    wait_until(lambda: len(kept(busy.project)) == _WORKERS * _FIRST)
    workers = [child for child in watched.children(recursive=True) if "worker" in " ".join(child.cmdline())]
    assert len(workers) == _WORKERS
    process.send_signal(stop)
    process.communicate(timeout=SECONDS)
    assert process.returncode == (1 if stop == signal.SIGINT else -stop)
    gone, alive = psutil.wait_procs(workers, timeout=60)
    assert len(gone) == len(workers)
    assert not alive
    before = kept(busy.project)
    assert len(before) == _WORKERS * _FIRST
    answer = busy.inside("sync")
    assert answer.code == 0, answer.err
    assert len(busy.project.paths()) == MANY
    after = kept(busy.project)
    assert len(after) == MANY
    assert {name: after[name] for name in before} == before, "none was converted twice"
    assert left_over(busy) == []


def test_a_sync_that_ended_leaves_no_process(busy: Command) -> None:
    answer: Answer = busy("sync")
    assert answer.code == 0
    assert left_over(busy) == []


def left_over(command: Command) -> list[str]:
    """Command lines of processes that work for the project: their home is its folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME") == str(command.project.folder):
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found
