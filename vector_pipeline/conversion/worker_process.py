"""One worker process as its parent sees it: started, asked, and killed when it takes too long.

Everything is bounded: the start, a request, what is read of an answer. What a worker says on its error output is
drained, so that it never blocks, and kept only to tell why it ended.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vector_pipeline.conversion.content import FEW_ATTEMPTS, ConversionError
from vector_pipeline.conversion.wire import HEAD_BYTES, LAST_ANSWER, READY, REQUEST, frame, read_head, too_much_memory
from vector_pipeline.errors import PipelineError

START_SECONDS = 30.0
_SLICE = 0.1
"""Seconds of a single wait, after which it is asked whether to stop."""
_BLOCK = 1 << 20
_KEPT_OUTPUT = 4000
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH")
"""All that a worker gets of the environment, which may hold secrets."""
_NO_MEMORY = (b"memory allocation of", b"bad_alloc", b"MemoryError", b"out of memory")


class ConversionStopped(PipelineError):
    """Whoever waited for a conversion no longer does, or the converter was closed."""

    def __init__(self) -> None:
        super().__init__("the conversion was stopped")


@dataclass(frozen=True, slots=True)
class Answered:
    """The body of an answer, and whether the worker ends with it."""

    body: bytes
    is_last: bool


class WorkerProcess:
    """A worker; used by one thread at a time. Whoever gets an exception from it must `end` it."""

    def __init__(self, command: Sequence[str], max_memory: int) -> None:
        """Starts the process, which gets ready meanwhile. Raises ConversionError where none can be started."""
        self._max_memory = max_memory
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        try:
            seen_by_worker, life = os.pipe()  # never written to: it tells the worker when this process ends
        except OSError as error:
            raise _not_started((error.strerror or "").lower()) from error
        try:
            self._process = subprocess.Popen(
                [*command, str(max_memory), str(seen_by_worker)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd="/",
                env=environment,
                start_new_session=True,  # a signal from the terminal is the parent's alone
                pass_fds=[seen_by_worker],
            )
        except OSError as error:
            os.close(life)
            raise _not_started((error.strerror or "").lower()) from error
        finally:
            os.close(seen_by_worker)
        self._life: int | None = life
        self._pipes = tuple(pipe for pipe in (self._process.stdin, self._process.stdout, self._process.stderr) if pipe)
        self._stdin, self._stdout, self._stderr = (pipe.fileno() for pipe in self._pipes)
        for pipe in self._pipes:
            os.set_blocking(pipe.fileno(), False)
        self._said = b""
        self._is_ready = False

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def ask(self, request: bytes, seconds: float, most: int, stopped: Callable[[], bool]) -> Answered:
        """The answer to a request, which may take so many seconds and be so many bytes long.

        Time counts from when the worker is ready. Raises ConversionError, and ConversionStopped once `stopped` says so.
        """
        if not self._is_ready:
            self._get_ready(stopped)
        tag, body = self._exchange(frame(REQUEST, request), seconds, most, stopped)
        return Answered(body, tag == LAST_ANSWER)

    def end(self) -> None:
        """Kills the process and waits for its end; may be called twice."""
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        for pipe in self._pipes:
            pipe.close()
        # Taken before it is closed: two threads may end a worker, and a number closed twice may be another's by then.
        life, self._life = self._life, None
        if life is not None:
            os.close(life)

    def kill(self) -> None:
        """Kills the process from another thread than the one that asks it."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def _get_ready(self, stopped: Callable[[], bool]) -> None:
        try:
            tag, _ = self._exchange(b"", START_SECONDS, 0, stopped)
        except ConversionError as error:
            raise _not_started(self._last_line() or error.message) from error
        if tag != READY:
            raise _not_started("it does not say that it is ready")
        self._is_ready = True

    def _exchange(self, sent: bytes, seconds: float, most: int, stopped: Callable[[], bool]) -> tuple[bytes, bytes]:
        """Sends bytes and reads one frame meanwhile or after. Raises what `ask` does."""
        deadline = time.monotonic() + seconds
        left, received, tag, length = memoryview(sent), bytearray(), b"", HEAD_BYTES
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            selector.register(self._stderr, selectors.EVENT_READ)
            if left:
                selector.register(self._stdin, selectors.EVENT_WRITE)
            while not tag or len(received) < length:
                now = time.monotonic()
                if stopped():
                    raise ConversionStopped
                if now >= deadline:
                    raise _too_slow(seconds)
                ready = {key.fd for key, _ in selector.select(min(_SLICE, deadline - now))}
                if self._stderr in ready and not self._listen():
                    selector.unregister(self._stderr)
                if self._stdin in ready:
                    left = self._send(left)
                    if not left:
                        selector.unregister(self._stdin)
                if self._stdout in ready:
                    piece = os.read(self._stdout, min(length - len(received), _BLOCK))
                    if not piece:
                        raise self._ended()
                    received += piece
                    if not tag and len(received) == length:
                        tag, length = read_head(bytes(received))
                        received.clear()
                        if length > most:
                            raise ConversionError(
                                "the converter gave an answer without end", permanent=False, attempts=FEW_ATTEMPTS
                            )
        return tag, bytes(received)

    def _send(self, data: memoryview) -> memoryview:
        """What is left to send; nothing once the worker no longer reads, which its end will explain."""
        try:
            return data[os.write(self._stdin, data[:_BLOCK]) :]
        except BrokenPipeError:
            return memoryview(b"")

    def _listen(self) -> bool:
        """Takes in what the worker says besides; False at its end."""
        try:
            said = os.read(self._stderr, _BLOCK)
        except BlockingIOError:
            return True
        self._said = (self._said + said)[-_KEPT_OUTPUT:]
        return bool(said)

    def _ended(self) -> ConversionError:
        """Why the worker closed its output: it has ended, or is made to."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        self.kill()
        code = self._process.wait()
        self._listen()
        if code == -signal.SIGKILL:
            return _crashed("killed, perhaps since the machine ran out of memory")
        if any(words in self._said for words in _NO_MEMORY):
            return too_much_memory(self._max_memory)
        return _crashed(f"signal {-code}" if code < 0 else f"exit code {code}")

    def _last_line(self) -> str:
        lines = self._said.decode("utf-8", "replace").split("\n")
        return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")


def _too_slow(seconds: float) -> ConversionError:
    return ConversionError(
        f"took longer than {seconds:g} s",
        hint="split it, exclude it, or raise `timeout` of `conversion`",
        permanent=False,
        attempts=FEW_ATTEMPTS,
    )


def _crashed(how: str) -> ConversionError:
    return ConversionError(
        f"the converter crashed ({how})",
        hint="exclude it in the source's settings, or save it again from the program that made it",
        permanent=False,
        attempts=FEW_ATTEMPTS,
    )


def _not_started(reason: str) -> ConversionError:
    return ConversionError(f"the converter can't be started ({reason})", permanent=False)
