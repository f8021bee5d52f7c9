"""The commands that watch: what they show, how they end, and the live page while a sync runs elsewhere."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from vector_pipeline.sync.activity import recorded_activity
from vector_pipeline.sync.progress import report
from vector_pipeline_tests.cli.command import SECONDS, Command, wait_until, write
from vector_pipeline_tests.cli.conftest import VAULT
from vector_pipeline_tests.listening import closed_port
from vector_pipeline_tests.project import Project

MARKUP = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()][A-Z0-9]")


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command line of a project with a hostile folder and one more, in step, where Dagster was never used."""
    folder = tmp_path_factory.mktemp("watched")
    write(folder / "vault", VAULT)
    write(folder / "code", {"tool.py": "def greet(name):\n    return f'hello {name}'\n"})
    project = Project(folder)
    project.add_folder("vault", folder / "vault")
    project.add_folder("code", folder / "code")
    project.sync()
    return Command(project)


def test_after_a_sync_nothing_has_failed_and_the_missing_daemon_is_degraded(command: Command) -> None:
    answer = command.inside("health", "--json")
    found = answer.json()
    states = {probe["name"]: probe["state"] for probe in found["probes"]}
    assert answer.code == 0
    assert found["state"] == "degraded"
    assert states["daemon"] == "degraded"
    assert {states[part] for part in ("settings", "state store", "index", "embedding", "source local_files/code")} == {
        "ok"
    }
    assert command.inside("health", "--strict", "--source", "local_files/code").code == 0


def test_what_is_degraded_fails_under_strict(command: Command) -> None:
    assert command.inside("health", "--strict").code == 1


def test_a_source_that_is_gone_fails_with_what_to_do(new_project: Callable[..., Command]) -> None:
    command = new_project({"a.md": "text"})
    shutil.rmtree(command.project.folder / "notes")
    answer = command.inside("health", "--source", "local_files/notes")
    assert answer.code == 1
    assert "does not exist → " in answer.out
    assert command.inside("health", "--source", "git/none").code == 2


def test_settings_that_can_not_be_read_are_a_failed_part(new_project: Callable[..., Command]) -> None:
    command = new_project({"a.md": "text"})
    command.project.file.write_text("sources: [")
    answer = command.inside("health", "--json")
    (probe,) = answer.json()["probes"]
    assert (answer.code, probe["name"], probe["state"]) == (1, "settings", "failed")


def test_stats_add_up_and_a_shared_text_counts_once_in_the_total(new_project: Callable[..., Command]) -> None:
    text = "# Same\n\nThe same text in both folders.\n"
    command = new_project({"a.md": text, "b.md": "# Other\n\nA text of its own.\n"})
    command.project.add_folder("copy", command.project.folder / "copy")
    (command.project.folder / "copy" / "a.md").write_text(text)
    command.project.sync()
    found = command.inside("stats", "--json").json()
    assert [(one["source"], one["documents"], one["texts"]) for one in found["sources"]] == [
        ("local_files/copy", 1, 1),
        ("local_files/notes", 2, 2),
    ]
    total = found["total"]
    assert (total["documents"], total["chunks"], total["points"], total["texts"]) == (3, 3, 3, 2)
    assert (total["chunks_per_text"], found["vectors"]) == (1.5, 2)
    assert total["tokens"] > 0
    assert found["bytes"]["state"] > 0
    assert found["bytes"]["index"] > 0
    shown = command.inside("stats", "--source", "local_files/copy").out
    assert "local_files/notes" not in shown


def test_performance_tells_rates_and_the_slowest(command: Command) -> None:
    found = command.inside("performance", "--json").json()
    assert found["runs"] == 2
    assert found["stages"]["documents"]["done"] >= 5
    assert sum(stage["share"] for stage in found["stages"].values()) == pytest.approx(1, abs=0.01)
    assert {one["source"] for one in found["sources"]} == {"local_files/code", "local_files/vault"}
    shown = command.inside("performance", "--source", "local_files/code", "--since", "2020-01-01").out
    assert "█" in shown
    assert "\x1b" not in command.inside("performance").out, "titles and paths are hostile"
    assert "no runs since" in command.inside("performance", "--since", "2099-01-01").out
    assert command.inside("performance", "--since", "yesterday").code == 2


def test_one_snapshot_shows_every_source(command: Command) -> None:
    found = command.inside("monitor", "--json").json()
    assert {one["source"]: one["status"] for one in found["sources"]} == {
        "local_files/code": "in step",
        "local_files/vault": "in step",
    }
    assert os.getpid() in {one["pid"] for one in found["processes"]}
    shown = command.inside("monitor").out
    assert "local_files/vault" in shown
    assert "2 in step" in shown


def test_the_live_page_needs_a_terminal(command: Command) -> None:
    assert command("monitor", "--live").code == 2
    assert command.inside("monitor", "--live", "--json").code == 2


@dataclass
class Terminal:
    """A command on a terminal, and what it has shown so far."""

    process: subprocess.Popen[bytes]
    ours: int
    shown: str = ""

    def reads(self, pattern: str) -> bool:
        """Whether the pattern was shown, after reading what there is."""
        with contextlib.suppress(OSError):
            while select.select([self.ours], [], [], 0)[0]:
                self.shown += os.read(self.ours, 65_536).decode("utf-8", "replace")
        return re.search(pattern, MARKUP.sub("", self.shown)) is not None

    def resize(self, columns: int, lines: int) -> None:
        """What a window manager does."""
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        os.kill(self.process.pid, signal.SIGWINCH)


def on_terminal(command: Command, *arguments: str) -> Terminal:
    """Starts a command on a terminal and leaves it running."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "vector_pipeline", "--config", str(command.project.file), *arguments],
        env=command.environment,
        cwd=command.project.folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    return Terminal(process, ours)


def test_the_live_page_follows_a_sync_of_another_process_and_ends_with_q(
    new_project: Callable[..., Command],
) -> None:
    command = new_project({f"{number}.md": f"# Note {number}\n\nText {number}.\n" for number in range(30)})
    page = on_terminal(command, "monitor", "--live")
    wait_until(lambda: page.reads(r"local_files/notes +never synced"))
    work = "local_files/notes", "documents"
    # A run as another process has it, saying what it does.
    with command.project.open() as pipeline, recorded_activity(pipeline, *work, "run-1"):
        report(*work, "documents", 10, 30)
        wait_until(lambda: page.reads(r"running +documents.*10/30 documents"))
        page.resize(70, 10)
        page.shown = ""
        wait_until(lambda: page.reads(r"documents 10/30"))
    sync = command.start("sync")
    page.shown = ""
    wait_until(lambda: page.reads(r"in step"), 120)
    assert sync.wait(120) == 0
    os.write(page.ours, b"q")
    wait_until(lambda: page.reads(r"\Z") and page.process.poll() is not None)
    assert page.process.returncode == 0
    os.close(page.ours)
    assert sync.stdout is not None
    sync.communicate()


def test_serve_answers_until_it_is_interrupted(command: Command) -> None:
    process = command.start("serve", "--port", "0")
    assert process.stdout is not None
    line = process.stdout.readline()
    port = int(line.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    assert 'vector_pipeline_documents{source="local_files/code"} 1.0' in text
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 0
    process.communicate()


def test_serve_that_was_started_with_another_process_ends_with_it(command: Command) -> None:
    begin = "import sys, pathlib; from vector_pipeline.cli.serve import start_with; "
    begin += "start_with(pathlib.Path(sys.argv[1])); sys.stdin.read()"
    with closed_port() as port:
        other = Project(command.project.folder / "other", {"monitoring": {"port": port}})
        parent = subprocess.Popen(
            [sys.executable, "-c", begin, str(other.file)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )

        def answers() -> bool:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except OSError:
                return False
            return True

        wait_until(answers)
        parent.communicate()
        wait_until(lambda: not answers())


def test_serve_on_a_taken_port_says_so_in_one_line(command: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answer = command.inside("serve", "--port", str(taken.getsockname()[1]))
    assert answer.code == 1
    assert answer.err.startswith("error: 127.0.0.1:")
    assert "Traceback" not in answer.err
