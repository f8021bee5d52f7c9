"""Worker processes: whatever a converter does there, the pool answers in time, in words, and goes on."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from vector_pipeline.conversion.content import ConversionError, Converted
from vector_pipeline.conversion.wire import ANSWER, READY, Request, converted_from, frame
from vector_pipeline.conversion.worker import MOST_FILES
from vector_pipeline.conversion.worker_process import ConversionStopped
from vector_pipeline.conversion.workers import WORKER_COMMAND, Limits, WorkerPool
from vector_pipeline_tests.conversion.unruly_worker import COMMAND

MEMORY = 150_000_000
MOST_TEXT = 100_000


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    """Two workers with much time; none is left behind."""
    yield from opened(Limits(2, 30, MEMORY))


def opened(limits: Limits, command: Sequence[str] = COMMAND) -> Iterator[WorkerPool]:
    before = set(psutil.Process().children())
    pool = WorkerPool(limits, command)
    yield pool
    pool.close()
    assert set(psutil.Process().children()) <= before, "neither a process nor a zombie is left"


def ask(pool: WorkerPool, words: str, stopped: Callable[[], bool] = lambda: False) -> Converted:
    return converted_from(pool.ask(Request("docx", "document.docx", words.encode(), max_text=MOST_TEXT), stopped))


def pid_of(pool: WorkerPool) -> int:
    """The process that answers next."""
    return int(ask(pool, "say hello").metadata["pid"])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


def test_a_worker_is_used_again(pool: WorkerPool) -> None:
    assert ask(pool, "say hello").text == "hello"
    assert pid_of(pool) == pid_of(pool)


@pytest.mark.parametrize(
    ("words", "reason", "permanent"),
    [
        ("refuse", "is refused", True),
        ("raise the words", "the converter for docx failed (RuntimeError)", True),
        ("fail_at_the_system 24", "the converter for docx failed (OSError)", False),
        ("talk 100001", "holds too much text (more than 100,000 characters)", True),
        ("crash 11", "the converter crashed (signal 11)", False),
        ("crash 9", "the converter crashed (killed, perhaps since the machine ran out of memory)", False),
        ("exit 3", "the converter crashed (exit code 3)", False),
        ("grow 1000000000", "needed more than 0.15 GB of memory", False),
        ("abort_without_memory", "needed more than 0.15 GB of memory", False),
    ],
)
def test_each_way_to_fail_has_its_reason_and_the_next_file_is_converted(
    pool: WorkerPool, words: str, reason: str, permanent: bool
) -> None:
    with pytest.raises(ConversionError) as caught:
        ask(pool, words)
    assert (caught.value.message, caught.value.permanent) == (reason, permanent)
    assert "the words" not in str(caught.value)
    assert ask(pool, "say hello").text == "hello"


@pytest.mark.parametrize("words", ["hang", "hang_in_native_code"])
def test_a_file_that_takes_too_long_is_given_up_and_its_process_killed(
    pool: WorkerPool, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pid_of(pool)
    with monkeypatch.context() as hurried:
        hurried.setattr(pool, "_limits", Limits(1, 0.3, MEMORY))
        with pytest.raises(ConversionError, match=r"took longer than 0\.3 s") as caught:
            ask(pool, words)
    assert not caught.value.permanent
    assert not psutil.pid_exists(before)
    assert ask(pool, "say hello").text == "hello"


def test_waiting_for_a_worker_is_no_part_of_a_files_time() -> None:
    before = set(psutil.Process().children())
    for pool in opened(Limits(1, 4, MEMORY)):
        with ThreadPoolExecutor(2) as threads:
            hanging = threads.submit(ask, pool, "hang")
            wait_until(lambda: bool(set(psutil.Process().children()) - before))
            assert threads.submit(ask, pool, "say hello").result().text == "hello"
        with pytest.raises(ConversionError, match="took longer than 4 s"):
            hanging.result()


def test_what_a_library_prints_is_neither_an_answer_nor_in_the_way(pool: WorkerPool) -> None:
    assert ask(pool, "print 200").text == "printed"
    assert ask(pool, "say hello").text == "hello"


def test_memory_that_a_file_leaves_behind_is_not_missing_to_the_next(pool: WorkerPool) -> None:
    before = pid_of(pool)
    for _ in range(3):
        assert ask(pool, "keep 60000000").text == "kept"
    assert pid_of(pool) != before


def test_a_worker_ends_after_many_files(pool: WorkerPool) -> None:
    pids = [pid_of(pool) for _ in range(MOST_FILES + 2)]
    assert len(set(pids)) == 2
    assert pids[0] == pids[MOST_FILES - 1] != pids[MOST_FILES]


def test_a_hundred_files_on_two_workers_of_which_some_crash(pool: WorkerPool) -> None:
    def answer(number: int) -> str:
        try:
            return ask(pool, "crash" if number % 10 == 3 else f"say {number}").text
        except ConversionError as error:
            return error.message

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(answer, range(100)))
    crashed = "the converter crashed (signal 11)"
    assert answers == [crashed if number % 10 == 3 else str(number) for number in range(100)]


def test_no_more_workers_run_than_allowed(pool: WorkerPool) -> None:
    before = set(psutil.Process().children())
    with ThreadPoolExecutor(8) as threads:
        pids = set(threads.map(lambda _: pid_of(pool), range(50)))
    assert len(set(psutil.Process().children()) - before) == len(pids) <= 2


def test_a_worker_that_was_killed_while_idle_is_replaced(pool: WorkerPool) -> None:
    before = pid_of(pool)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: psutil.Process(before).status() == psutil.STATUS_ZOMBIE)
    assert pid_of(pool) != before


def test_closing_gives_up_what_is_under_way(pool: WorkerPool) -> None:
    pid = pid_of(pool)
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(ask, pool, "hang_in_native_code") for _ in range(3)]
        wait_until(lambda: len(psutil.Process().children()) >= 2)
        started = time.monotonic()
        pool.close()
        assert not psutil.pid_exists(pid)
        for one in waiting:
            with pytest.raises(ConversionStopped):
                one.result()
    assert time.monotonic() - started < 20
    with pytest.raises(ConversionStopped):
        ask(pool, "say hello")


def test_who_no_longer_waits_keeps_no_worker(pool: WorkerPool) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(ask, pool, "hang", stop.is_set) for _ in range(3)]
        wait_until(lambda: len(psutil.Process().children()) >= 2)
        stop.set()
        for one in waiting:
            with pytest.raises(ConversionStopped):
                one.result(60)
    assert ask(pool, "say hello").text == "hello"


def test_a_worker_sees_no_secrets_writes_no_files_and_has_no_network(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "secret")
    told = ast.literal_eval(ask(pool, "describe").text)
    assert set(told["environment"]) <= {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "PYTHONPATH"}
    assert told["limits"] == [(0, 0), (0, 0)]
    assert told["modules"] == []
    if os.geteuid() == 0:
        assert told["network"] == "Network is unreachable"


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys, threading\n"
        "from vector_pipeline.conversion.wire import Request, converted_from\n"
        "from vector_pipeline.conversion.workers import Limits, WorkerPool\n"
        f"pool = WorkerPool(Limits(2, 1000, {MEMORY}), {COMMAND!r})\n"
        "def ask(words): return converted_from(pool.ask(Request('docx', 'document.docx', words.encode())))\n"
        "busy = threading.Thread(target=lambda: ask('hang_in_native_code'), daemon=True)\n"
        "busy.start()\n"
        "print(ask('say hello').metadata['pid'], flush=True)\n"
        "threading.Event().wait()\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        idle = int(parent.stdout.readline())
        wait_until(lambda: len(psutil.Process(parent.pid).children()) == 2)
        workers = psutil.Process(parent.pid).children()
        wait_until(lambda: all(worker.cpu_times().user + worker.cpu_times().system > 0 for worker in workers))
        assert idle in {worker.pid for worker in workers}
        parent.kill()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == []


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("/no/such/program",), r"can't be started \(no such file or directory\)"),
        ((sys.executable, "-c", "import no_such_module"), r"can't be started \(ModuleNotFoundError: .*no_such_module"),
        ((sys.executable, "-c", "print('hello ' * 10)"), r"can't be started \("),
    ],
)
def test_a_worker_that_does_not_start_says_why(command: Sequence[str], reason: str) -> None:
    for pool in opened(Limits(1, 30, MEMORY), command):
        for _ in range(2):
            with pytest.raises(ConversionError, match=reason) as caught:
                ask(pool, "say hello")
            assert not caught.value.permanent


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ANSWER + b"\xff" * 8, "an answer without end"),
        (frame(ANSWER, b"[1, 2]"), "can't be read"),
        (frame(ANSWER, b'{"text": 1}'), "can't be read"),
        (frame(ANSWER, b"\x80\x04."), "can't be read"),
        (frame(ANSWER, b"[" * 100_000), "can't be read"),
    ],
)
def test_an_answer_that_is_none_is_not_believed(tmp_path: Path, answer: bytes, reason: str) -> None:
    script = tmp_path / "liar.py"
    said = frame(READY, b"") + answer
    script.write_text(f"import sys, time\nsys.stdout.buffer.write({said!r})\nsys.stdout.flush()\ntime.sleep(100)\n")
    for pool in opened(Limits(1, 30, MEMORY), (sys.executable, str(script))):
        with pytest.raises(ConversionError, match=reason) as caught:
            ask(pool, "say hello")
        assert not caught.value.permanent


def test_the_worker_imports_only_what_conversion_needs() -> None:
    code = "import sys, vector_pipeline.conversion.worker; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert WORKER_COMMAND[-1] in loaded
    assert not {"polars", "dagster", "pydantic", "sqlalchemy", "vector_pipeline.settings", "requests"} & set(loaded)
