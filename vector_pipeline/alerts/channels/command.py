"""A program that is told of troubles: JSON on its standard input, no shell, few variables, killed when it hangs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from typing import IO

from vector_pipeline.alerts.errors import DeliveryFailed
from vector_pipeline.alerts.messages import Message
from vector_pipeline.alerts.trouble import one_line
from vector_pipeline.settings_alerts import CommandSettings

KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
LAST_LINE = 200
_CHUNK = 4096


def send_command(name: str, settings: CommandSettings, message: Message) -> None:
    """Runs the program. Raises DeliveryFailed where it can't be started, hangs or ends with another code than 0."""
    timeout = settings.timeout.total_seconds()
    try:
        process = subprocess.Popen(
            arguments(settings, message),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=_environment(settings),
            start_new_session=True,
        )
    except OSError as error:
        raise DeliveryFailed(
            f"channel {name}: the program can't be started: {error.strerror}", hint="check `command` in the settings"
        ) from None
    said = _Tail(process.stderr)
    deadline = time.monotonic() + timeout
    feeder = threading.Thread(target=_feed, args=(process.stdin, json.dumps(message.to_json()).encode()), daemon=True)
    feeder.start()
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        _kill(process)
        raise DeliveryFailed(
            f"channel {name}: the program did not end within {timeout:g} s and was killed",
            hint="let it end, or raise its `timeout` in the settings",
        ) from None
    except BaseException:
        _kill(process)
        raise
    if code:
        last = said.last_line(max(0.1, min(1.0, deadline - time.monotonic())))
        raise DeliveryFailed(f"channel {name}: the program ended with {code}{f': {last}' if last else ''}")


def arguments(settings: CommandSettings, message: Message) -> list[str]:
    """The program and its arguments, with the message's words in their places."""
    words = {
        "severity": message.severity,
        "event": message.event,
        "kind": message.kind,
        "source": one_line(message.source),
    }
    filled = []
    for argument in settings.command:
        for name, word in words.items():
            argument = argument.replace(f"{{{name}}}", word)
        filled.append(argument)
    return filled


def _environment(settings: CommandSettings) -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return kept | {name: value.get_secret_value() for name, value in settings.environment.items()}


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the program with everything that it started and that did not leave its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _feed(pipe: IO[bytes] | None, text: bytes) -> None:
    """Writes what the program may read; it need not."""
    if pipe is not None:
        with contextlib.suppress(OSError), pipe:
            pipe.write(text)


class _Tail:
    """The last line that a pipe gave, however much came before it."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        self._kept = b""
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe: IO[bytes] | None) -> None:
        if pipe is None:
            return
        with contextlib.suppress(OSError), pipe:
            while data := os.read(pipe.fileno(), _CHUNK):
                self._kept = (self._kept + data)[-_CHUNK:]

    def last_line(self, wait: float) -> str:
        """The line, cut; waits so many seconds for the pipe's end."""
        self._thread.join(wait)
        lines = self._kept.decode("utf-8", "replace").strip().splitlines()
        return one_line(lines[-1], LAST_LINE) if lines else ""
