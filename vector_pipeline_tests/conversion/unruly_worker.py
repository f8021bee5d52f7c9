"""A worker that does what its file says: a process of the real loop, with a converter that misbehaves on demand."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
import time

from vector_pipeline.conversion.content import ConversionError, Converted
from vector_pipeline.conversion.wire import Request
from vector_pipeline.conversion.worker import serve

COMMAND = (sys.executable, "-P", __file__)


def convert(request: Request) -> Converted:
    """Obeys the first word of the file, which the rest of it is for."""
    word, _, rest = request.data.decode().partition(" ")
    match word:
        case "say":
            return Converted(rest, "text", metadata={"pid": os.getpid()})
        case "refuse":
            raise ConversionError("is refused", hint="ask again")
        case "raise":
            raise RuntimeError(rest)
        case "fail_at_the_system":
            raise OSError(int(rest), os.strerror(int(rest)))
        case "hang":
            time.sleep(1000)
        case "hang_in_native_code":
            ctypes.PyDLL(None).sleep(1000)  # keeps the interpreter to itself
        case "crash":
            os.kill(os.getpid(), int(rest or signal.SIGSEGV))
        case "exit":
            os._exit(int(rest))
        case "abort_without_memory":
            os.write(2, b"memory allocation of 4294967296 bytes failed\n")
            os.abort()
        case "grow":
            return Converted(str(len(bytearray(int(rest)))), "text")
        case "keep":
            _kept.append(bytearray(os.urandom(4096) * (int(rest) // 4096)))
            return Converted("kept", "text")
        case "talk":
            return Converted("x" * int(rest), "text")
        case "print":
            for _ in range(int(rest)):
                os.write(1, b"printed to standard output\n" * 100)
                os.write(2, b"printed to standard error\n" * 100)
            return Converted("printed", "text")
        case "describe":
            return Converted(_description(), "text")
    raise AssertionError(word)


def _description() -> str:
    """What there is of the outside in here."""
    try:
        socket.create_connection(("127.0.0.1", int(os.environ.get("PORT", "9"))), 1).close()
        network = "reached"
    except OSError as error:
        network = error.strerror or str(error)
    limits = [resource.getrlimit(limit) for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE)]
    modules = sorted({"polars", "dagster", "pydantic", "sqlalchemy", "numpy"} & sys.modules.keys())
    return repr({"environment": sorted(os.environ), "network": network, "limits": limits, "modules": modules})


_kept: list[bytearray] = []

if __name__ == "__main__":
    serve(convert)
