"""The mirror of a site: one SQLite file with what each URL last said, and how far the visit under way has come.

The one idea: each answer is one transaction that holds body, validators and links together, so that a visit killed
anywhere goes on where it stood and no validator is ever newer than the body it belongs to.
"""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from vector_pipeline.sources.public_docs.answers import Validators
from vector_pipeline.sources.public_docs.contents import FILE, PAGE, Content, KeptSitemap, Row
from vector_pipeline.sources.public_docs.media import is_file
from vector_pipeline.sources.public_docs.mirror_file import MirrorFile

ACCEPTED, PENDING = 0, 1
"""Slots of contents: what counts, and what the visit under way found in its place."""

UNLINKED = "unlinked"
"""Remembered ("1") once a page has lost a link: whether another page has it instead, only a whole visit tells."""

_AT_ONCE = 500
_COLUMNS = (
    "state, note, target, media_type, charset, etag, last_modified, version, shape, sketch, words, canonical, noindex,"
    " language, alternates, asks_password, read_as"
)
_ROW = "id, url, answered, lastmod, lastmod_seen, wanted, trouble"


class Mirror(MirrorFile):
    """What the mirror of a site holds: rows of URLs, their contents, sitemaps, and remembered values."""

    def meta(self, key: str, default: str = "") -> str:
        """A remembered value."""
        found = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(found[0]) if found else default

    def metas(self, start: str) -> dict[str, str]:
        """All remembered values whose key begins so."""
        return dict(self.db.execute("SELECT key, value FROM meta WHERE substr(key, 1, ?) = ?", (len(start), start)))

    def remember(self, **values: str) -> None:
        """Keeps values for `meta`."""
        with self.change() as db:
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def ids(self, urls: Iterable[str]) -> dict[str, int]:
        """The id of each URL; new ones get one."""
        wanted = list(dict.fromkeys(urls))
        found = self.known_ids(wanted)
        if missing := [url for url in wanted if url not in found]:
            with self.change() as db:
                rows = ((url, is_file(url)) for url in missing)
                db.executemany("INSERT OR IGNORE INTO page (url, is_file) VALUES (?, ?)", rows)
            found |= self.known_ids(missing)
        return found

    def known_ids(self, urls: Sequence[str]) -> dict[str, int]:
        """The ids of those URLs that have one."""
        found: dict[str, int] = {}
        for part in _parts(urls):
            found.update(self.db.execute(f"SELECT url, id FROM page WHERE url IN ({_marks(part)})", part).fetchall())
        return found

    def rows(self, ids: Iterable[int]) -> Iterator[Row]:
        """The rows with these ids."""
        for part in _parts(list(ids)):
            for found in self.db.execute(f"SELECT {_ROW} FROM page WHERE id IN ({_marks(part)})", part).fetchall():
                yield Row(*found)

    def row_of(self, url: str) -> Row | None:
        """The row of one URL."""
        found = self.db.execute(f"SELECT {_ROW} FROM page WHERE url = ?", (url,)).fetchone()
        return Row(*found) if found else None

    def content(self, number: int, slot: int = ACCEPTED, *, body: bool = False) -> Content | None:
        """What a row holds, without its links; None for nothing yet."""
        found = self.db.execute(f"SELECT {_COLUMNS} FROM content WHERE id = ? AND slot = ?", (number, slot)).fetchone()
        if found is None:
            return None
        data = self.db.execute("SELECT data FROM body WHERE id = ? AND slot = ?", (number, slot)).fetchone()
        return _content(found, zlib.decompress(data[0]) if body and data else b"")

    def contents(self, slot: int = ACCEPTED) -> Iterator[tuple[int, Content]]:
        """All contents, without body and links, by id."""
        cursor = self.db.execute(f"SELECT id, {_COLUMNS} FROM content WHERE slot = ? ORDER BY id", (slot,))
        while found := cursor.fetchmany(_AT_ONCE):
            for row in found:
                yield row[0], _content(row[1:], b"")

    def edges(self, ids: Iterable[int]) -> Iterator[tuple[int, str, str, array[int]]]:
        """(id, target, canonical, ids of links) of rows, of the content that counts and of the one found since."""
        for part in _parts(list(ids)):
            query = (
                "SELECT c.id, c.target, c.canonical, l.data FROM content c LEFT JOIN links l"
                f" ON l.id = c.id AND l.slot = c.slot WHERE c.id IN ({_marks(part)})"
            )
            for number, target, canonical, data in self.db.execute(query, part).fetchall():
                yield number, target, canonical, array("I", zlib.decompress(data) if data else b"")

    def file_ids(self) -> set[int]:
        """The ids of all URLs that name a file which needs a converter."""
        return {row[0] for row in self.db.execute("SELECT id FROM page WHERE is_file").fetchall()}

    def accept(self, row: Row, content: Content, visit: int | None, slot: int = ACCEPTED) -> None:
        """Records what a row holds now (or, PENDING, may hold), as an answer of that visit; None for no answer."""
        linked = self.ids([url for url in (*content.links, content.target, content.canonical) if url])
        data = array("I", [linked[url] for url in content.links])
        with self.change() as db:
            old = db.execute("SELECT data FROM links WHERE id = ? AND slot = ?", (row.id, ACCEPTED)).fetchone()
            if old and not set(data).issuperset(array("I", zlib.decompress(old[0]))):
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, '1')", (UNLINKED,))
            if slot == ACCEPTED:
                _drop(db, row.id, PENDING)
            _drop(db, row.id, slot)
            values = (
                *(content.state, content.note, content.target, content.media_type, content.charset),
                *(content.validators.etag, content.validators.last_modified, content.version, content.shape),
                *(content.sketch, content.words, content.canonical, int(content.noindex), content.language),
                *(json.dumps(content.alternates), int(content.asks_password), content.read_as),
            )
            db.execute(
                f"INSERT INTO content (id, slot, {_COLUMNS}) VALUES ({_marks([0] * 19)})", (row.id, slot, *values)
            )
            if content.is_text:
                packed = zlib.compress(content.body, 3)
                db.execute("INSERT INTO body VALUES (?, ?, ?)", (row.id, slot, packed))
            if data:
                db.execute("INSERT INTO links VALUES (?, ?, ?)", (row.id, slot, zlib.compress(data.tobytes(), 1)))
            if visit is not None:
                _note_answer(db, row, visit, "")

    def note(self, row: Row, visit: int, trouble: str = "") -> None:
        """Records an answer that changes nothing: the page is as it was, or `trouble` says why that is not known."""
        with self.change() as db:
            _drop(db, row.id, PENDING)
            _note_answer(db, row, visit, trouble)

    def promote(self, ids: Collection[int]) -> None:
        """Makes what was found the content that counts."""
        with self.change() as db:
            for number in ids:
                _drop(db, number, ACCEPTED)
                for table in ("content", "body", "links"):
                    db.execute(f"UPDATE {table} SET slot = ? WHERE id = ? AND slot = ?", (ACCEPTED, number, PENDING))

    def disbelieve(self, ids: Collection[int], trouble: str) -> None:
        """Drops what was found for rows; where that is all they hold, it goes too and is asked for anew."""
        with self.change() as db:
            for number in ids:
                found = db.execute("SELECT 1 FROM content WHERE id = ? AND slot = ?", (number, PENDING)).fetchone()
                _drop(db, number, PENDING if found else ACCEPTED)
                db.execute("UPDATE page SET trouble = ? WHERE id = ?", (trouble, number))

    def want(self, ids: Iterable[int]) -> None:
        """Marks pages that the next visit asks for out of turn."""
        with self.change() as db:
            db.executemany("UPDATE page SET wanted = 1 WHERE id = ?", [(number,) for number in ids])

    def want_none(self) -> None:
        """Takes all marks away: what was marked and not asked for is no page of the site any more."""
        with self.change() as db:
            db.execute("UPDATE page SET wanted = 0 WHERE wanted")

    def set_lastmods(self, lastmods: Mapping[int, str]) -> None:
        """Records what the sitemaps say of pages."""
        with self.change() as db:
            changes = ((lastmod, number, lastmod) for number, lastmod in lastmods.items())
            db.executemany("UPDATE page SET lastmod = ? WHERE id = ? AND lastmod != ?", changes)

    def forget(self, keep: Collection[int], visit: int) -> int:
        """Deletes rows that are not to be kept and that no visit since `visit` has asked; how many."""
        old = [row[0] for row in self.db.execute("SELECT id FROM page WHERE answered < ?", (visit,)).fetchall()]
        gone = [number for number in old if number not in keep]
        with self.change() as db:
            for number in gone:
                _drop(db, number, ACCEPTED)
                _drop(db, number, PENDING)
                db.execute("DELETE FROM page WHERE id = ?", (number,))
        return len(gone)

    def all_urls(self) -> dict[int, str]:
        """Every id with its URL."""
        return dict(self.db.execute("SELECT id, url FROM page").fetchall())

    def edition_facts(self) -> Iterator[tuple[int, str, tuple[tuple[str, str], ...]]]:
        """(id, state, alternates) of all contents that redirect or declare pages in other languages."""
        query = "SELECT id, state, alternates FROM content WHERE slot = 0 AND (state != 'page' OR alternates != '[]')"
        for number, state, alternates in self.db.execute(query).fetchall():
            yield number, state, tuple((one, other) for one, other in json.loads(alternates))

    def longest_unasked(self, count: int) -> list[Row]:
        """The pages of documents that have waited longest for a look, and are in no trouble."""
        query = f"SELECT {_ROW} FROM page WHERE live AND trouble = '' AND wanted = 0 ORDER BY asked_at, id LIMIT ?"
        return [Row(*found) for found in self.db.execute(query, (count,)).fetchall()]

    def set_live(self, ids: Collection[int]) -> None:
        """Records which pages are parts of documents."""
        with self.change() as db:
            db.execute("UPDATE page SET live = 0 WHERE live")
            db.executemany("UPDATE page SET live = 1 WHERE id = ?", [(number,) for number in ids])

    def looked_at(self, row: Row) -> None:
        """Puts a page at the end of the queue of those that wait for a look."""
        with self.change() as db:
            db.execute("UPDATE page SET asked_at = ? WHERE id = ?", (time.time(), row.id))

    def wanted(self) -> list[int]:
        """The pages that are marked to be asked for out of turn."""
        return [row[0] for row in self.db.execute("SELECT id FROM page WHERE wanted ORDER BY id").fetchall()]

    def count_documents(self) -> int:
        """How many pages and files it holds."""
        query = f"SELECT count(*) FROM content WHERE slot = {ACCEPTED} AND state IN ('{PAGE}', '{FILE}')"
        return int(self.db.execute(query).fetchone()[0])

    def sitemaps(self) -> dict[str, KeptSitemap]:
        """All remembered sitemaps by URL, without their entries."""
        columns = "url, etag, last_modified, children, trouble, failing_since, asked_at, digest"
        found = self.db.execute(f"SELECT {columns} FROM sitemap ORDER BY url").fetchall()
        return {
            url: KeptSitemap(
                url, Validators(etag, modified), tuple(json.loads(children)), trouble, since, asked, digest
            )
            for url, etag, modified, children, trouble, since, asked, digest in found
        }

    def sitemap_entries(self, url: str) -> list[tuple[str, str]]:
        """(URL, lastmod) of the pages that a remembered sitemap lists."""
        found = self.db.execute("SELECT entries FROM sitemap WHERE url = ?", (url,)).fetchone()
        return [(page, lastmod) for page, lastmod in json.loads(zlib.decompress(found[0]))] if found else []

    def keep_sitemap(self, kept: KeptSitemap, entries: Sequence[tuple[str, str]] | None = None) -> None:
        """Records a sitemap; without `entries` those remembered stay."""
        values = (
            *(kept.validators.etag, kept.validators.last_modified, json.dumps(kept.children), kept.trouble),
            *(kept.failing_since, kept.asked_at, kept.digest),
        )
        with self.change() as db:
            empty = zlib.compress(b"[]")
            db.execute("INSERT OR IGNORE INTO sitemap VALUES (?, '', '', ?, '[]', '', 0, 0, '')", (kept.url, empty))
            db.execute(
                "UPDATE sitemap SET etag = ?, last_modified = ?, children = ?, trouble = ?, failing_since = ?,"
                " asked_at = ?, digest = ? WHERE url = ?",
                (*values, kept.url),
            )
            if entries is not None:
                packed = zlib.compress(json.dumps(list(entries)).encode(), 3)
                db.execute("UPDATE sitemap SET entries = ? WHERE url = ?", (packed, kept.url))

    def drop_sitemaps(self, urls: Iterable[str]) -> None:
        """Forgets sitemaps."""
        with self.change() as db:
            db.executemany("DELETE FROM sitemap WHERE url = ?", [(url,) for url in urls])


def _drop(db: sqlite3.Connection, number: int, slot: int) -> None:
    for table in ("content", "body", "links"):
        db.execute(f"DELETE FROM {table} WHERE id = ? AND slot = ?", (number, slot))


def _note_answer(db: sqlite3.Connection, row: Row, visit: int, trouble: str) -> None:
    db.execute(
        "UPDATE page SET answered = ?, asked_at = ?, lastmod_seen = lastmod, wanted = 0, trouble = ? WHERE id = ?",
        (visit, time.time(), trouble, row.id),
    )


def _content(found: Sequence[object], body: bytes) -> Content:
    values = list(found)
    state, note, target, media_type, charset, etag, last_modified, version, shape, sketch = values[:10]
    words, canonical, noindex, language, alternates, asks_password, read_as = values[10:]
    return Content(
        state=str(state),
        note=str(note),
        target=str(target),
        media_type=str(media_type),
        charset=str(charset),
        validators=Validators(str(etag), str(last_modified)),
        version=str(version),
        shape=bytes(shape),  # type: ignore[call-overload]
        sketch=bytes(sketch),  # type: ignore[call-overload]
        words=int(words),  # type: ignore[call-overload]
        canonical=str(canonical),
        noindex=bool(noindex),
        language=str(language),
        alternates=tuple((one, other) for one, other in json.loads(str(alternates))),
        asks_password=bool(asks_password),
        read_as=str(read_as),
        body=body,
    )


def _parts(values: Sequence[object]) -> Iterator[list[object]]:
    for start in range(0, len(values), _AT_ONCE):
        yield list(values[start : start + _AT_ONCE])


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
