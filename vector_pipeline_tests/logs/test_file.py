"""The log file: written by several processes at once, put aside when it has grown, read to its end and on."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vector_pipeline.logs.about import PACKAGE, RUNS
from vector_pipeline.logs.file import kept_files
from vector_pipeline.logs.reading import Tail, Wanted, latest
from vector_pipeline.logs.setup import configure, reset
from vector_pipeline.settings_logs import LogSettings

LOGGER = logging.getLogger(f"{PACKAGE}.tests")


@pytest.fixture(autouse=True)
def _left_as_it_was() -> Iterator[None]:
    yield
    reset()


def messages(path: Path, wanted: Wanted | None = None) -> list[str]:
    return [entry.message for entry in latest(path, wanted or Wanted(), 100_000)]


def test_the_file_is_made_with_its_folder_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "pipeline.log"
    configure(LogSettings(file=path))
    LOGGER.info("hello")
    assert messages(path) == ["hello"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_only_what_weighs_enough_is_written(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.log"
    configure(LogSettings(file=path, level="warning", format="json"))
    LOGGER.info("light")
    LOGGER.warning("heavy")
    assert messages(path) == ["heavy"]


def test_records_of_libraries_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.log"
    configure(LogSettings(file=path, level="debug"))
    logging.getLogger("openai").error("request with a key")
    logging.getLogger("httpx2").error("answer")
    LOGGER.info("ours")
    assert messages(path) == ["ours"]


def test_a_file_that_has_grown_is_put_aside_and_the_oldest_go(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.log"
    configure(LogSettings(file=path, max_size=10_000, keep=2))
    for number in range(1_000):
        LOGGER.info("line %d", number)
    files = kept_files(path)
    assert [file.name for file in files] == ["pipeline.log.2", "pipeline.log.1", "pipeline.log"]
    assert all(file.stat().st_size <= 10_000 for file in files)
    found = messages(path)
    assert found == [f"line {number}" for number in range(1_000 - len(found), 1_000)]


_WRITER = """
import logging, sys
from pathlib import Path
from vector_pipeline.logs.setup import configure
from vector_pipeline.settings_logs import LogSettings
configure(LogSettings(file=Path(sys.argv[1]), max_size=20_000, keep=500, format="json"))
for number in range(500):
    logging.getLogger("vector_pipeline.tests").info("%s %d %s", sys.argv[2], number, "x" * 100)
"""


def test_processes_that_write_at_once_lose_no_line_and_mix_none(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.log"
    command = [sys.executable, "-c", _WRITER, str(path)]
    writers = [subprocess.Popen([*command, name], stderr=subprocess.DEVNULL) for name in "abc"]
    assert [writer.wait(200) for writer in writers] == [0, 0, 0]
    files = kept_files(path)
    assert len(files) > 5
    # Each was full when it was put aside; of processes that write at once each may add one line too many.
    assert all(19_000 < file.stat().st_size < 20_600 for file in files[:-1])
    found = [message.split()[:2] for message in messages(path)]
    for name in "abc":
        assert [int(number) for who, number in found if who == name] == list(range(500))


def test_a_tail_goes_on_where_the_file_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.log"
    configure(LogSettings(file=path, max_size=10_000, keep=50))
    LOGGER.info("before")
    tail = Tail(path)
    assert [entry.message for entry in latest(path, Wanted(), 10, tail.begin)] == ["before"]
    coming = tail.follow(Wanted())
    seen: list[str] = []
    for number in range(400):
        LOGGER.info("line %d", number)
        if number % 50 == 49:
            # To the end of what there is: so the reader meets each file as it is being put aside.
            while entry := next(coming):
                seen.append(entry.message)
    assert seen == [f"line {number}" for number in range(400)]
    assert len(kept_files(path)) > 1


def test_a_tail_waits_for_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.log"
    coming = Tail(path).follow(Wanted())
    assert next(coming) is None
    configure(LogSettings(file=path))
    LOGGER.info("first")
    entry = next(coming)
    assert entry is not None
    assert entry.message == "first"


def test_a_file_that_can_not_be_written_is_told_once_and_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    configure(LogSettings(file=tmp_path / "taken" / "pipeline.log", level="error"), terminal=lambda _: None)
    LOGGER.error("one")
    LOGGER.error("two")
    assert capsys.readouterr().err.count("can't be written") == 1


def test_a_terminal_hears_warnings_that_no_command_tells_itself(tmp_path: Path) -> None:
    heard: list[str] = []
    configure(LogSettings(file=tmp_path / "pipeline.log", format="json"), terminal=heard.append)
    RUNS.error("the run failed")
    LOGGER.info("by the way")
    LOGGER.warning("the mirror is damaged")
    assert heard == ["the mirror is damaged"]
    assert messages(tmp_path / "pipeline.log") == ["the run failed", "by the way", "the mirror is damaged"]


def test_without_a_terminal_everything_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogSettings(format="json"))
    RUNS.info("a run", extra={"source": "git/a"})
    assert '"source": "git/a"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(source="jira/work"), ["part", "site"]),
        (Wanted(source="git/a"), ["run"]),
        (Wanted(run="0123456789"), ["run"]),
        (Wanted(run="012"), ["run"]),
        (Wanted(level="error"), ["site"]),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_lines_are_found_by_source_run_and_level_in_either_form(
    form: str, wanted: Wanted, found: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "pipeline.log"
    configure(LogSettings.model_validate({"file": path, "format": form}))
    LOGGER.info("part", extra={"source": "jira/work.OPS"})
    LOGGER.error("site", extra={"source": "jira/work"})
    LOGGER.info("run", extra={"source": "git/a", "run": "0123456789abcdef"})
    LOGGER.info("other", extra={"source": "git/ab", "run": "abc"})
    assert messages(path, wanted) == found
