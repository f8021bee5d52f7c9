"""The one door through which sources have files converted.

Text is read at once, in this process; PDF and office files by worker processes, whose answers are kept on disk. What
a result depends on besides the bytes is the file's identity, which sources put into its version.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from vector_pipeline.conversion.ahead import work_ahead
from vector_pipeline.conversion.content import ConversionError, Converted
from vector_pipeline.conversion.conversion_cache import ConversionCache
from vector_pipeline.conversion.convert import CONVERSION_IDENTITY, CORE_KINDS, convert, kind_of
from vector_pipeline.conversion.wire import Request, converted_from, most_bytes
from vector_pipeline.conversion.worker_process import ConversionStopped
from vector_pipeline.conversion.workers import WORKER_COMMAND, Limits, WorkerPool
from vector_pipeline.settings import ConversionSettings

T = TypeVar("T")
R = TypeVar("R")

FORMAT = "office-1"
"""Names what is made of files by workers: another value means that they are converted again, and nothing else is."""

NEEDS_EXTRA = "needs the office extra"
EXTRA_HINT = 'pip install "vector-pipeline[office]"'
"""Why files of some kinds wait in quarantine or, as pictures, are left out, and what can be done."""

_PDF, _IMAGE = "pdf", "image"
_WITHOUT_EXTRA = "no office extra"
_ARCHIVES = frozenset(
    ".zip .tar .gz .tgz .bz2 .tbz2 .xz .txz .zst .tzst .lz .lz4 .lzma .7z .rar .cab .arj .ace .cpio .ar .deb .rpm .iso "
    ".dmg .jar .war .ear .whl .egg .apk .nupkg .vsix".split()
)
_SLICE = 0.1
_ROUNDS = 100_000


class Converter:
    """Converts files of all kinds; safe for threads. Workers start when the first file needs one. Closed after use."""

    def __init__(
        self,
        settings: ConversionSettings,
        cache_dir: Path,
        *,
        command: Sequence[str] = WORKER_COMMAND,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """Starts and writes nothing yet. `command` runs a worker; without room only one file is converted at a time."""
        self._settings = settings
        self._pool = WorkerPool(
            Limits(settings.workers, settings.timeout.total_seconds(), settings.max_memory), command, has_room=has_room
        )
        self._cache = ConversionCache(cache_dir, settings.cache_size)
        self._passwords = tuple(found for one in settings.passwords if (found := one.get_secret_value()))
        self._changed = threading.Condition()
        self._under_way: set[str] = set()
        self._of_thread = threading.local()

    def convert(self, path: bytes | str, data: bytes) -> Converted:
        """The text of a file and what it says about itself; `path` only tells the kind. Blocks.

        Raises ConversionError, and ConversionStopped when the converter is closed meanwhile.
        """
        kind = _worker_kind(path)
        if not kind:
            return convert(path, data)
        if kind != _PDF and not self._office:
            raise ConversionError(NEEDS_EXTRA, hint=EXTRA_HINT)
        request = Request(
            kind=kind,
            name=f"document{_suffix(path)}",
            data=data,
            office=bool(self._office),
            passwords=self._passwords,
            max_text=self._settings.max_text,
        )
        return self._converted(request)

    def identity(self, path: bytes | str) -> str:
        """What the result depends on besides the bytes and CONVERSION_IDENTITY; "" for files read in this process.

        Names the reader and its version, the limits and the passwords, these in a way that does not tell them.
        """
        kind = _worker_kind(path)
        if not kind:
            return ""
        if kind != _PDF and not self._office:
            return _WITHOUT_EXTRA
        return f"{self._reader(kind)}/{self._settings_identity}"

    @property
    def files_identity(self) -> str:
        """Names the identities of all kinds of files together: with another value a source lists its files again."""
        return f"{self.identity('a.pdf')}+{self.identity('a.docx')}"

    def reason_to_skip(self, path: bytes | str) -> str:
        """Why a source leaves a file out for its kind, "" for one that is taken.

        Documents that only the office extra can read are taken without it too: they are worth a word in quarantine.
        """
        kind = kind_of(path)
        if kind is None:
            return "archive, not entered" if _suffix(path) in _ARCHIVES else "binary or unknown kind"
        if kind.kind == _IMAGE and not self._office:
            return f"{_IMAGE}: {NEEDS_EXTRA}"
        return ""

    def ahead(self, work: Callable[[T], R], items: Iterable[tuple[bytes, T]]) -> Iterator[R]:
        """`work(item)` for every item, in their order; each comes with the path of the file that the work converts.

        Those that need a worker run on threads ahead of the caller, so that all workers are busy; only a few results
        wait at once. Ending early stops what is under way.
        """
        stop = threading.Event()

        def on_thread(item: T) -> R:
            self._of_thread.stop = stop
            return work(item)

        told = ((bool(_worker_kind(path)), item) for path, item in items)
        return work_ahead(work, told, 2 * self._settings.workers, on_thread=on_thread, stop=stop.set)

    def close(self) -> None:
        """Ends all workers, in the middle of a file too; may be called twice."""
        self._pool.close()

    def _converted(self, request: Request) -> Converted:
        key, longest = self._key(request), most_bytes(request.max_text)
        if kept := self._kept(key, longest):
            return kept
        with self._alone_with(key):
            if kept := self._kept(key, longest):  # by whoever was at it
                return kept
            answer = self._pool.ask(request, self._is_stopped)
            try:
                converted = converted_from(answer)
            except ConversionError as error:
                if error.permanent:
                    self._cache.put(key, answer)
                raise
            self._cache.put(key, answer)
            return converted

    def _kept(self, key: str, longest: int) -> Converted | None:
        """What came of the same bytes before, None if nothing is kept. Raises the ConversionError that came of them."""
        answer = self._cache.get(key, longest)
        if answer is None:
            return None
        try:
            return converted_from(answer)
        except ConversionError as error:
            if error.permanent:
                raise
            return None  # such failures are never kept: the entry can't be read

    @contextmanager
    def _alone_with(self, key: str) -> Iterator[None]:
        """Within the block no other thread converts the same."""
        with self._changed:
            while key in self._under_way:
                if self._is_stopped():
                    raise ConversionStopped
                self._changed.wait(_SLICE)
            self._under_way.add(key)
        try:
            yield
        finally:
            with self._changed:
                self._under_way.discard(key)
                self._changed.notify_all()

    def _is_stopped(self) -> bool:
        """Whether nobody waits any more for what this thread does."""
        stop: threading.Event | None = getattr(self._of_thread, "stop", None)
        return stop is not None and stop.is_set()

    def _key(self, request: Request) -> str:
        """Names all that an answer depends on which is worth keeping; time and memory only decide whether one comes.

        But a PDF whose headings take too much memory is read without them.
        """
        memory = (str(self._settings.max_memory),) if request.kind == _PDF else ()
        reader = self._reader(request.kind)
        parts = (CONVERSION_IDENTITY, reader, self._secrets, request.name, str(request.max_text), *memory)
        digest = hashlib.sha256("\0".join(parts).encode())
        digest.update(b"\0" + request.data)
        return digest.hexdigest()

    def _reader(self, kind: str) -> str:
        versions = [f"xberg {self._office}"] if self._office else []
        versions += [f"pdfium {self._pdfium}"] if kind == _PDF else [self._decryption]
        return "/".join([*filter(None, versions), FORMAT])

    @cached_property
    def _office(self) -> str:
        """The version of the office extra, "" without it. It is looked for, not imported, which would take long."""
        return _version("xberg") if importlib.util.find_spec("xberg") is not None else ""

    @cached_property
    def _pdfium(self) -> str:
        return _version("pypdfium2")

    @cached_property
    def _decryption(self) -> str:
        """What opens office files that have a password, "" where nothing does."""
        return f"msoffcrypto {_version('msoffcrypto-tool')}" if importlib.util.find_spec("msoffcrypto") else ""

    @cached_property
    def _settings_identity(self) -> str:
        settings = self._settings
        parts = (settings.timeout.total_seconds(), settings.max_memory, settings.max_text, self._secrets)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:8]

    @cached_property
    def _secrets(self) -> str:
        """Names the passwords. Slow to compute and short, so that it is of no help in guessing them."""
        if not self._passwords:
            return ""
        told = "\0".join(self._passwords).encode("utf-8", "surrogatepass")
        return hashlib.pbkdf2_hmac("sha256", told, b"vector-pipeline conversion", _ROUNDS, 4).hex()


def _worker_kind(path: bytes | str) -> str:
    """The kind of a file that workers convert, "" for any other file."""
    kind = kind_of(path)
    return kind.kind if kind is not None and kind.kind not in CORE_KINDS else ""


def _suffix(path: bytes | str) -> str:
    raw = path.encode("utf-8", "surrogatepass") if isinstance(path, str) else path
    return raw[raw.rfind(b".") :].decode("ascii", "replace").lower()


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"
