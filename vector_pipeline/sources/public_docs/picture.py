"""The site as its mirror shows it: every page that belongs to it, and which documents they come down to.

Computed anew from the mirror each time; the digest of it is remembered until something changes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from vector_pipeline.sources.public_docs.contents import ALIAS, FILE, GONE, LEFT, Content, Row
from vector_pipeline.sources.public_docs.identity import Facts, documents_of
from vector_pipeline.sources.public_docs.media import is_file, kind_of_answer
from vector_pipeline.sources.public_docs.reach import end_of
from vector_pipeline.sources.public_docs.site import Site, Walk


@dataclass(slots=True)
class Picture:
    """`versions` maps the URL of each document to its version, `parts` every URL to that of its document.

    `troubled` maps URLs in trouble to the reason, `absent` those that are no document to why. `blind` says that a page
    whose links count was never read, so that more pages may belong to the site. `skipped` counts what rules leave out;
    `has_files` that documents depend on the converters of files, too.
    """

    versions: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    troubled: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)
    reached: set[str] = field(default_factory=set)
    ids: dict[str, int] = field(default_factory=dict)
    blind: bool = False
    has_files: bool = False

    @property
    def digest(self) -> str:
        """Names all documents and their versions."""
        digest = hashlib.blake2b(digest_size=16)
        for url, version in sorted(self.versions.items()):
            digest.update(f"{url}\0{version}\0".encode())
        return digest.hexdigest()


def picture_of(site: Site, walk: Walk, converter_identity: Callable[[str], str]) -> Picture:
    """The site after `walk`, from what its mirror holds. `converter_identity` names the converter of a file name."""
    picture = Picture()
    rows = {row.id: row for row in site.mirror.rows(walk.depth)}
    facts: dict[str, Facts] = {}
    kept = {number: replace(content, alternates=()) for number, content in site.mirror.contents() if number in rows}
    for number, row in rows.items():
        picture.reached.add(row.url)
        picture.ids[row.url] = number
        content = kept.get(number)
        edition = walk.editions.get(number, "")
        reason = edition or _reason(row, content)
        if row.trouble and not edition:
            picture.troubled[row.url] = row.trouble
            picture.blind |= content is None and site.crawls and not is_file(row.url)
        if reason:
            picture.absent[row.url] = reason
            if not row.trouble and reason != ALIAS:
                picture.skipped[_counted_as(reason)] += 1
        if content is not None and not edition:
            picture.has_files |= content.state == FILE
            version = version_of(site.reader.identity, row.url, content, converter_identity) if not reason else ""
            facts[row.url] = Facts(row.url, content.target, content.canonical, version, content.sketch, not reason)
    for row in site.mirror.rows(walk.rules):
        picture.absent[row.url] = walk.rules[row.id]
    picture.skipped.update(reason for reason in walk.rules.values() if reason not in ("other host", "outside the site"))
    picture.parts = documents_of(facts)
    picture.versions = {url: facts[url].version for url in set(picture.parts.values())}
    picture.moved = moved = {url: one.target for url, one in facts.items() if one.target}
    if circles := sum(1 for url in moved if not end_of(url, moved)):
        picture.skipped["redirects in a circle"] = circles
    return picture


def _reason(row: Row, content: Content | None) -> str:
    """Why a page is no document, "" for one that is."""
    if content is None:
        return "not asked for yet" if not row.answered else "in trouble"
    if content.state == ALIAS:
        return ALIAS
    if content.state in (GONE, LEFT):
        return content.note
    if content.noindex:
        return "noindex"
    return "" if content.words else "no text"


def _counted_as(reason: str) -> str:
    return "not there" if reason.startswith(("404", "410")) else reason


def version_of(identity: str, url: str, content: Content, converter_identity: Callable[[str], str]) -> str:
    """What changes when the document may: the content, the settings (`identity`), and for files the converter."""
    parts = [content.version, identity]
    if content.state == FILE:
        name = kind_of_answer(url, content.media_type)
        parts.append(hashlib.blake2b(converter_identity(name).encode(), digest_size=6).hexdigest())
    return ":".join(parts)
