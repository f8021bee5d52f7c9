"""The worker process: converts one file after the other, apart from the pipeline, within limits it sets itself.

Started as a fresh interpreter, so it imports only what conversion needs. Whatever a parser does here (a crash, a hang,
endless memory) ends this process alone. It ends when its parent does, also in the middle of a file.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import resource
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import NoReturn

from vector_pipeline.conversion.content import ConversionError, Converted
from vector_pipeline.conversion.guarding import guarded
from vector_pipeline.conversion.wire import (
    ANSWER,
    HEAD_BYTES,
    LAST_ANSWER,
    READY,
    Request,
    answer_of,
    answer_of_error,
    frame,
    read_head,
    request_from,
    too_much_memory,
)

MOST_FILES = 500
"""After so many files a worker ends: native libraries leak."""
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET
_OUT_OF_MEMORY = ("out of memory", "memory allocation", "cannot allocate memory")

Convert = Callable[[Request], Converted]


def main() -> NoReturn:
    """Serves conversions by the office extra, and of PDF files by PDFium where the extra is missing."""
    serve(convert_request, prepare=_import_converters)


def convert_request(request: Request) -> Converted:
    """The content of a file. Raises ConversionError."""
    if request.office:
        from vector_pipeline.conversion.office import convert_office

        return convert_office(request.kind, request.data, request.name, request.passwords)
    from vector_pipeline.conversion.pdf import convert_pdf

    return convert_pdf(request.data, request.passwords)


def _import_converters() -> None:
    """What is imported before the first file costs it no time and no memory."""
    if importlib.util.find_spec("xberg") is not None:
        import xberg  # noqa: F401

        import vector_pipeline.conversion.office
    import vector_pipeline.conversion.pdf  # noqa: F401


def serve(convert: Convert, *, prepare: Callable[[], None] = lambda: None) -> NoReturn:
    """Answers the requests on standard input until it ends.

    The arguments are the memory a file may take, in bytes, and the descriptor of a pipe that closes with the parent.
    `prepare` runs before the memory is measured. Ends without the interpreter's own end, in which native libraries
    crash.
    """
    status = 1
    try:
        _end_with_the_parent(int(sys.argv[2]))
        _serve(convert, prepare, int(sys.argv[1]))
        status = 0
    finally:
        if status:
            traceback.print_exc()
        os._exit(status)


def _serve(convert: Convert, prepare: Callable[[], None], max_memory: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the parent decides
    requests, answers = _own_pipes()
    _leave_the_network()
    prepare()
    _limit(max_memory)
    before = _memory()
    _write(answers, frame(READY, b""))
    for number in range(1, MOST_FILES + 1):
        body = _next_request(requests)
        if body is None:
            return
        answer, is_out_of_memory = _answer(convert, request_from(body), max_memory)
        del body
        # What a file leaves behind must not be missing to the next one.
        is_last = number == MOST_FILES or is_out_of_memory or _memory() - before > max_memory // 4
        _write(answers, frame(LAST_ANSWER if is_last else ANSWER, answer))
        if is_last:
            return


def _answer(convert: Convert, request: Request, max_memory: int) -> tuple[bytes, bool]:
    """The answer to a request, and whether the memory was not enough for it."""
    try:
        with guarded(request.kind):
            return answer_of(convert(request), request.max_text), False
    except ConversionError as error:
        causes = list(_causes(error))
        if any(map(_is_about_memory, causes)):
            return answer_of_error(too_much_memory(max_memory)), True
        permanent = error.permanent and not any(map(_is_of_the_system, causes))
        return answer_of_error(ConversionError(error.message, hint=error.hint, permanent=permanent)), False


def _causes(error: BaseException) -> Iterator[BaseException]:
    """A failure, and those behind it."""
    behind: BaseException | None = error
    for _ in range(10):
        if behind is None:
            return
        yield behind
        behind = behind.__cause__ or behind.__context__


def _is_about_memory(error: BaseException) -> bool:
    """Whether a failure is that no more memory was given."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def _is_of_the_system(error: BaseException) -> bool:
    """Whether a failure is about this machine, such as too many open files, and says nothing of the file."""
    return isinstance(error, ImportError) or (isinstance(error, OSError) and error.errno is not None)


def _own_pipes() -> tuple[int, int]:
    """Descriptors of requests and answers that nothing else in this process reads or writes by chance."""
    requests, answers = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return requests, answers


def _next_request(requests: int) -> bytes | None:
    head = _read(requests, HEAD_BYTES)
    return None if head is None else _read(requests, read_head(head)[1])


def _read(descriptor: int, size: int) -> bytes | None:
    """Exactly so many bytes; None where the pipe ends before."""
    found = bytearray()
    while len(found) < size:
        piece = os.read(descriptor, min(size - len(found), 1 << 20))
        if not piece:
            return None
        found += piece
    return bytes(found)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _end_with_the_parent(parent: int) -> None:
    """From now on the end of the parent ends this process, whatever it is busy with.

    The parent never writes to this pipe, so the only event it can have is that it closes. The signal's default action
    needs no interpreter, which native code may keep for itself.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGIO])
    fcntl.fcntl(parent, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(parent, fcntl.F_SETFL, fcntl.fcntl(parent, fcntl.F_GETFL) | os.O_ASYNC)
    watch = select.poll()
    watch.register(parent, 0)
    if watch.poll(0):  # closed before the flag was set
        os._exit(0)


def _leave_the_network() -> None:
    """Takes this process off the network where the system lets it: what a file names is never fetched."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # another system than Linux
        libc = ctypes.CDLL(None)
        # Root may do so as it is; others only as the root of a namespace of their own.
        if libc.unshare(_NEW_NETWORK) != 0:
            libc.unshare(_NEW_USER | _NEW_NETWORK)


def _limit(max_memory: int) -> None:
    """No core dumps, no files written, and so much memory on top of what the process has now."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if used := _memory():
        resource.setrlimit(resource.RLIMIT_DATA, (used + max_memory,) * 2)


def _memory() -> int:
    """Bytes of private memory this process has reserved, as the limit counts them; 0 where that can't be told."""
    try:
        with open("/proc/self/statm", "rb") as status:
            return int(status.read().split()[5]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    main()
