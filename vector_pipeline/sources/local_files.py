"""A folder or an Obsidian vault as a source: one scan is the probe and the census, files are read only when asked for.

Documents are known by their exact path bytes, so that names which look alike stay apart. What can't be read is
reported and keeps its last good version.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

import polars as pl

from vector_pipeline.conversion.content import ConversionError
from vector_pipeline.conversion.convert import CONVERSION_IDENTITY
from vector_pipeline.conversion.converter import Converter
from vector_pipeline.conversion.file_documents import document_from_file
from vector_pipeline.documents import LISTED, Document, Failure, Item
from vector_pipeline.settings_sources import LocalFilesSettings
from vector_pipeline.sources.base import Known, Listing, SourceError, SourceMisconfigured, SourceUnreachable
from vector_pipeline.sources.ignore_rules import rules_from_settings
from vector_pipeline.sources.local_read import FileContent, FileNotRead, FolderReader
from vector_pipeline.sources.local_scan import (
    Scan,
    ScanRules,
    converted_version,
    kept_below,
    modified_times,
    scan_folder,
)

_STAGE = "fetch"
_FILE = "file://"


class LocalFiles:
    """Implements `Source` for the folder `root`, an absolute path."""

    def __init__(self, name: str, settings: LocalFilesSettings, root: Path, converter: Converter) -> None:
        self._name = name
        self._settings = settings
        self._converter = converter
        self._root = os.path.abspath(os.fsencode(root))
        self._rules = ScanRules(
            include=rules_from_settings(settings.include),
            exclude=rules_from_settings(settings.exclude),
            ignore_files=tuple(os.fsencode(name) for name in settings.ignore_files),
            hidden=settings.hidden,
            max_file_size=settings.max_file_size,
            converter=converter,
        )
        self._identity = f"{settings.fingerprint}\0{CONVERSION_IDENTITY}"
        before, _, after = (settings.url_template or f"{self.url}/{{path}}").partition("{path}")
        self._link = before, after

    @property
    def type(self) -> str:
        """Always "local_files"."""
        return "local_files"

    @property
    def name(self) -> str:
        """The partition key."""
        return self._name

    @property
    def url(self) -> str:
        """The folder as a file:// link."""
        return "file://" + quote_from_bytes(self._root.rstrip(b"/"))

    def probe(self) -> str:
        """Names what the folder holds: all paths with their versions. Raises SourceError."""
        return self._scan().digest

    def scan(self, known: Known) -> Listing:
        """Everything in the folder, always a census. Raises SourceError.

        What is known below a folder that can't be read is listed in the version known, beside a failure for the
        folder: it is neither deleted nor asked for.
        """
        scan = self._scan()
        paths, versions = scan.paths, scan.versions
        if scan.unreadable:
            kept = kept_below(list(scan.unreadable), list(known.versions))
            paths = paths + kept
            versions = versions + [known.versions[path] for path in kept]
        rows = len(paths)
        items = pl.DataFrame(
            {
                "native_id": paths,
                "version": versions,
                "uri": [self._uri(path) for path in paths],
                "previous_id": [None] * rows,
                "detail": [""] * rows,
                "updated_at": modified_times(versions),
            },
            schema=LISTED,
        )
        failures = [
            Failure(folder, "", self._uri(folder), "scan", f"folder {_readable(folder)} can't be read: {reason}")
            for folder, reason in scan.unreadable.items()
        ]
        return Listing(items, complete=True, version=scan.digest, skipped=dict(scan.skipped), failures=failures)

    def fetch(self, items: Sequence[Item]) -> Iterator[Document | Failure]:
        """One document or failure per item, folder by folder. Raises SourceError where the root is gone."""
        with self._open_root() as root:
            reader = FolderReader(root, self._settings.max_file_size)
            try:
                ordered = sorted(items, key=lambda item: item.native_id)
                read = ((item.native_id, self._read(reader, item)) for item in ordered)
                yield from self._converter.ahead(self._answer, read)
            finally:
                reader.close()

    def claims(self, wanted: str) -> bool:
        """Whether a path, absolute or below the folder, or a link to a file, is or may be one of this folder."""
        return self.identify(wanted) is not None

    def identify(self, wanted: str) -> bytes | None:
        """The path below the folder."""
        before, after = self._link
        if len(wanted) > len(before) + len(after) and wanted.startswith(before) and wanted.endswith(after):
            return unquote_to_bytes(wanted[len(before) : len(wanted) - len(after)])
        path = unquote_to_bytes(wanted[len(_FILE) :]) if wanted.startswith(_FILE) else os.fsencode(wanted)
        below = self._root.rstrip(b"/") + b"/"
        for whole in (os.path.abspath(path), os.path.normpath(below + path)):
            if whole.startswith(below) and os.path.lexists(whole):
                return whole[len(below) :]
        return None

    def has(self, native_id: bytes) -> bool:
        """Whether the file is there."""
        return os.path.lexists(self._root + b"/" + native_id)

    def look_up(self, native_id: bytes, known: Known) -> Item | None:
        """The file as a scan lists it, which is as cheap as a probe. Raises SourceError."""
        scan = self._scan()
        if native_id not in scan.paths:
            return None
        return Item(native_id, scan.versions[scan.paths.index(native_id)], self._uri(native_id))

    def close(self) -> None:
        """Nothing is kept open between calls."""

    def _read(self, reader: FolderReader, item: Item) -> tuple[Item, FileContent | FileNotRead]:
        try:
            return item, reader.read(item.native_id)
        except FileNotRead as error:
            return item, error

    def _answer(self, read: tuple[Item, FileContent | FileNotRead]) -> Document | Failure:
        item, content = read
        path, uri = item.native_id, self._uri(item.native_id)
        if isinstance(content, FileNotRead):
            return Failure(path, item.version, uri, _STAGE, content.reason, content.permanent)
        version = converted_version(content.version, path, self._converter)
        try:
            return self._document(path, version, content)
        except ConversionError as error:
            return Failure(path, version, uri, _STAGE, str(error), error.permanent, error.attempts)

    def _document(self, path: bytes, version: str, content: FileContent) -> Document:
        readable = _readable(path)
        stem = readable.rpartition("/")[2].rpartition(".")[0]
        return document_from_file(
            converter=self._converter,
            native_id=path,
            version=version,
            uri=self._uri(path),
            path=readable,
            data=content.data,
            title_fallback=stem or readable.rpartition("/")[2],
            extra_metadata=self._labels(),
            source_updated_at=_utc(content.modified_ns),
        )

    def _labels(self) -> Mapping[str, Any]:
        labels: dict[str, Any] = {}
        if self._settings.tags:
            labels["tags"] = list(self._settings.tags)
        if self._settings.access:
            labels["access"] = list(self._settings.access)
        return labels

    def _scan(self) -> Scan:
        with self._open_root() as root:
            try:
                return scan_folder(root, self._rules, self._identity)
            except OSError as error:
                raise self._unreachable(error) from error

    @contextmanager
    def _open_root(self) -> Iterator[int]:
        try:
            root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise self._unreachable(error) from error
        try:
            yield root
        finally:
            os.close(root)

    def _unreachable(self, error: OSError) -> SourceError:
        where = f"{self.type}/{self._name}: folder {_readable(self._root)}"
        if isinstance(error, NotADirectoryError):
            return SourceMisconfigured(f"{where} is not a folder", hint="set `path` to the folder that holds the files")
        if isinstance(error, FileNotFoundError):
            return SourceUnreachable(
                f"{where} does not exist", hint="mount or create it, or correct `path`; nothing is deleted meanwhile"
            )
        if error.errno == errno.EFBIG:
            hint = "shorten that file, or leave its name out of `ignore_files`"
            return SourceUnreachable(f"{where} can't be listed: {error.strerror}", hint=hint)
        reason = (error.strerror or "input/output error").lower()
        return SourceUnreachable(f"{where} can't be read: {reason}", hint="give this user the right to read it")

    def _uri(self, path: bytes) -> str:
        before, after = self._link
        return f"{before}{quote_from_bytes(path)}{after}"


def _readable(path: bytes) -> str:
    """The path for people and for JSON: bytes that are no UTF-8 are written as \\xNN."""
    return path.decode("utf-8", "backslashreplace")


def _utc(nanoseconds: int) -> datetime | None:
    """The moment in UTC; None for times no calendar has (a broken file system)."""
    try:
        return datetime.fromtimestamp(nanoseconds / 1_000_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
