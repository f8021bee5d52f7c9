"""Servers of the tests leave nothing behind that could take the connections of others."""

from __future__ import annotations

import socket
import threading

from vector_pipeline_tests.listening import listening
from vector_pipeline_tests.sources.public_docs.raw_server import RawServer, reply


def test_a_server_that_is_over_accepts_nothing_more() -> None:
    before = set(threading.enumerate())
    with listening(lambda client: client.sendall(b"hello")) as address, socket.create_connection(address) as client:
        assert client.recv(5) == b"hello"
    with RawServer(lambda _: reply()):
        pass
    # Those that attend to a connection end by themselves; those that accept would stay.
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive()
