"""The file of a mirror: one SQLite database with one visitor at a time, opened, locked, and begun anew when damaged.

The one idea: the file is a cache. Whatever is wrong with it costs one visit and nothing else, so it is removed rather
than mended; what is wrong with the disk around it is told and left alone.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from vector_pipeline.sources.base import SourceUnreachable

_log = logging.getLogger(__name__)

FORM = "site-mirror-1"
"""Names the tables; another value means that mirrors are begun anew."""

_BUSY_SECONDS = 30.0
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE page (
  id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, is_file INTEGER NOT NULL, answered INTEGER NOT NULL DEFAULT 0,
  asked_at REAL NOT NULL DEFAULT 0, lastmod TEXT NOT NULL DEFAULT '', lastmod_seen TEXT NOT NULL DEFAULT '',
  wanted INTEGER NOT NULL DEFAULT 0, live INTEGER NOT NULL DEFAULT 0, trouble TEXT NOT NULL DEFAULT '');
CREATE TABLE content (
  id INTEGER NOT NULL, slot INTEGER NOT NULL, state TEXT NOT NULL, note TEXT NOT NULL, target TEXT NOT NULL,
  media_type TEXT NOT NULL, charset TEXT NOT NULL, etag TEXT NOT NULL, last_modified TEXT NOT NULL,
  version TEXT NOT NULL, shape BLOB NOT NULL, sketch BLOB NOT NULL, words INTEGER NOT NULL, canonical TEXT NOT NULL,
  noindex INTEGER NOT NULL, language TEXT NOT NULL, alternates TEXT NOT NULL, asks_password INTEGER NOT NULL,
  read_as TEXT NOT NULL, PRIMARY KEY (id, slot)) WITHOUT ROWID;
CREATE TABLE body (id INTEGER NOT NULL, slot INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (id, slot));
CREATE TABLE links (id INTEGER NOT NULL, slot INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (id, slot));
CREATE TABLE sitemap (
  url TEXT PRIMARY KEY, etag TEXT NOT NULL, last_modified TEXT NOT NULL, entries BLOB NOT NULL,
  children TEXT NOT NULL, trouble TEXT NOT NULL, failing_since REAL NOT NULL, asked_at REAL NOT NULL,
  digest TEXT NOT NULL) WITHOUT ROWID;
"""


class MirrorFile:
    """The database of the site that begins at `url`, as the source `name` sees it, in a file below `folder`."""

    def __init__(self, folder: Path, name: str, url: str, label: str) -> None:
        digest = hashlib.sha256(url.encode()).hexdigest()[:12]
        self.path = folder / f"{name}-{digest}.sqlite"
        self._label = label
        self._lock = filelock.FileLock(self.path.with_suffix(".lock"), thread_local=False)
        self._db: sqlite3.Connection | None = None

    @contextmanager
    def locked(self, seconds: float) -> Iterator[bool]:
        """The mirror for this visitor alone; False where another one has it for longer than `seconds`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=seconds)
        except filelock.Timeout:
            yield False
            return
        try:
            yield True
        finally:
            self._lock.release()

    @property
    def exists(self) -> bool:
        """Whether there is a file at all."""
        return self._db is not None or self.path.exists()

    @property
    def db(self) -> sqlite3.Connection:
        """The open database. Raises SourceUnreachable where the file can't be written."""
        if self._db is None:
            try:
                self._db = self._opened()
            except sqlite3.Error as error:
                if _is_foreign_trouble(error):
                    raise self._unusable(error) from error
                _log.warning("%s: the mirror of the site is damaged and is begun anew (%s)", self._label, error)
                with self.locked(0) as alone:
                    if not alone:  # whoever visits the site sees to it
                        raise self._unusable(error) from error
                    self.remove()
                    try:
                        self._db = self._opened()
                    except (sqlite3.Error, OSError) as again:
                        raise self._unusable(again) from again
            except OSError as error:
                raise self._unusable(error) from error
        return self._db

    def remove(self) -> None:
        """Forgets everything: the next visit asks for every page again."""
        self.close()
        for end in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)

    def close(self) -> None:
        """Closes the file; the mirror may be used again."""
        if self._db is not None:
            self._db.close()
            self._db = None

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction. Raises SourceUnreachable where the file is damaged or the disk is full."""
        with self.guarded():
            db = self.db
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.rollback()
                raise
            db.execute("COMMIT")

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Within it what SQLite says against the file is raised as SourceUnreachable; a damaged file is removed."""
        try:
            yield
        except sqlite3.Error as error:
            if _name_of(error).startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
                self.remove()
            raise self._unusable(error) from error

    def _opened(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            if not _is_made(db):
                db.execute("BEGIN IMMEDIATE")
                if not _is_made(db):  # by another process meanwhile
                    for statement in _TABLES.split(";"):
                        db.execute(statement)
                    db.execute("INSERT INTO meta VALUES ('form', ?)", (FORM,))
                db.execute("COMMIT")
            else:
                form = db.execute("SELECT value FROM meta WHERE key = 'form'").fetchone()
                if form is None or form[0] != FORM:
                    raise sqlite3.DatabaseError("it has another form")
                db.execute("SELECT count(*) FROM page").fetchone()
        except BaseException:
            db.close()
            raise
        return db

    def _unusable(self, error: Exception) -> SourceUnreachable:
        return SourceUnreachable(
            f"{self._label}: the mirror of the site can't be used: {error}",
            hint=f"see whether {self.path.parent} may be written and has space; the file may be removed at any time",
        )


def _is_made(db: sqlite3.Connection) -> bool:
    return bool(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


def _is_foreign_trouble(error: sqlite3.Error) -> bool:
    """Whether the file itself may be whole: the disk, the rights or another process are what is in the way."""
    return _name_of(error).startswith(
        ("SQLITE_BUSY", "SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_IOERR")
    )


def _name_of(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", None) or ""
