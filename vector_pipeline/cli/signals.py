"""Ctrl-C, SIGTERM and a closed terminal: all stop a command the same way, and none is lost.

Dagster puts its own handlers in place while it runs, and forgets a signal that arrives between two steps. The
interpreter notes every signal in a socket besides, whatever handler is in place; that note is what counts here.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stops:
    """Whether the user has asked to stop."""

    def __init__(self, notes: socket.socket) -> None:
        self._notes = notes
        self._seen = False

    @property
    def asked(self) -> bool:
        """True from the first signal on."""
        try:
            noted = self._notes.recv(1024)
        except BlockingIOError:  # nothing new
            noted = b""
        self._seen = self._seen or any(number in _STOPPING for number in noted)
        return self._seen

    def raise_if_asked(self) -> None:
        """Raises KeyboardInterrupt when the user has asked to stop."""
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def noticed() -> Iterator[Stops]:
    """Within the block, which the main thread runs, each of the signals raises KeyboardInterrupt and is noted."""
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    # A signal that was ignored when we were started (nohup) stays so.
    before = {number: signal.getsignal(number) for number in _STOPPING}
    taken = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}
    for number in taken:
        signal.signal(number, _interrupt)
    noted_to = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    try:
        yield Stops(reading)
    finally:
        signal.set_wakeup_fd(noted_to)
        for number, handler in taken.items():
            signal.signal(number, handler)
        reading.close()
        writing.close()


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
