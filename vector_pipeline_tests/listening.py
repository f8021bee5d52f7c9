"""A bare server on loopback, for tests that decide about every byte: each connection gets a thread of its own.

Its thread is gone before the socket's number is free. Closing a socket does not wake a thread that accepts from it, and
when the system restarts that call (after a stop and a continue, say), it takes the connections of whichever server has
got the number since.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Address = tuple[str, int]


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket], object], host: str = "127.0.0.1") -> Iterator[Address]:
    """Gives the address; calls `serve` with each connection, of which any may break, until the block ends."""
    over = threading.Event()

    def accept(listener: socket.socket) -> None:
        while True:
            client = listener.accept()[0]
            if over.is_set():
                client.close()
                return
            threading.Thread(target=attend, args=(client,), daemon=True).start()

    def attend(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            serve(client)

    with socket.create_server((host, 0), backlog=64) as listener:
        address = host, int(listener.getsockname()[1])
        accepting = threading.Thread(target=accept, args=(listener,), daemon=True)
        accepting.start()
        try:
            yield address
        finally:
            over.set()
            socket.create_connection(address).close()  # wakes it
            accepting.join()


@contextlib.contextmanager
def closed_port(host: str = "127.0.0.1") -> Iterator[int]:
    """A port where nothing listens: it is taken for as long as the block lasts, so that no other server gets it.

    Whoever is told of it and listens as servers do, allowed to use the address again, has it all the same.
    """
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, 0))
        yield int(taken.getsockname()[1])
