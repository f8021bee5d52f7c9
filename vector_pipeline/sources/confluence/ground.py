"""What a scan of either kind stands on: the questions it may ask, what is held, and what was seen first."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from vector_pipeline.documents import LISTED, Failure, Item, listing_frame
from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.base import Known
from vector_pipeline.sources.confluence.addresses import Addresses
from vector_pipeline.sources.confluence.answers import moment_at
from vector_pipeline.sources.confluence.memory import Memory
from vector_pipeline.sources.confluence.picture import Picture, page_of
from vector_pipeline.sources.confluence.scope import Scope
from vector_pipeline.sources.confluence.search import Newest, Search
from vector_pipeline.sources.confluence.space import Space
from vector_pipeline.sources.confluence.versions import Parts, parse_version

_ROWS_AT_ONCE = 10_000


@dataclass
class Ground:
    """`newest`, `labelled` and `version` are what a probe would have seen at the start of the scan."""

    site: Site
    search: Search
    scope: Scope
    label: str
    known: Known
    newest: Newest
    labelled: int
    version: str
    held: dict[str, Parts] = field(init=False)
    """What is held or in quarantine, by id, with the parts of the newest version known."""
    _versions: dict[str, Parts] = field(init=False)

    def __post_init__(self) -> None:
        self._versions = dict(_parsed(self.known.versions))
        self.held = self._versions | dict(_parsed(self.known.failed))

    def contents(self, memory: Memory | None) -> Mapping[str, Parts]:
        """The versions held of which the content need not be read again: made by this release, and not in doubt."""
        if memory is None or self.known.full or memory.identity != self.scope.identity(memory.space):
            return {}
        return self._versions

    @property
    def newest_change(self) -> datetime | None:
        """The time of the newest change that the answers show."""
        moments = (moment_at(hit, "lastModified") for hit in self.newest.hits)
        return max((moment for moment in moments if moment), default=None)

    def addresses(self, space: Space) -> Addresses:
        """Addresses in the space."""
        return Addresses(space.base or self.site.url, space.key, self.site.cloud)

    def failure(self, number: str, reason: str, space: Space) -> Failure:
        """What exists and could not be listed."""
        held = self.held.get(number)
        page = page_of(number, self.held) if held else number
        uri = self.addresses(space).content(held.kind if held else "", number, page)
        version = self.known.failed.get(number.encode()) or self.known.versions.get(number.encode(), "")
        return Failure(number.encode(), version, uri, "scan", reason)

    def items(
        self, picture: Picture, numbers: Iterable[str], addresses: Addresses, *, changed_only: bool
    ) -> pl.DataFrame:
        """Entries of the picture as a LISTED frame; with `changed_only` only those that are new, changed or failed."""

        def rows() -> Iterator[Item]:
            for number in numbers:
                native = number.encode()
                version = picture.finished(number).text()
                differs = self.known.versions.get(native) != version or native in self.known.failed
                if differs or self.known.full or not changed_only:
                    yield picture.item(number, version, addresses, detailed=differs or self.known.full)

        return frame(rows())


def frame(items: Iterator[Item]) -> pl.DataFrame:
    """A LISTED frame, built in slices so that the items need not all be Python objects at once."""
    slices = [LISTED.to_frame()]
    while rows := list(itertools.islice(items, _ROWS_AT_ONCE)):
        slices.append(listing_frame(rows))
    return pl.concat(slices)


def counted(entries: Mapping[str, Parts]) -> int:
    """How many contents of the service the entries stand for: themselves, and the comments in pages."""
    return len(entries) + sum(parts.comment_count for parts in entries.values())


def _parsed(versions: Mapping[bytes, str]) -> Iterator[tuple[str, Parts]]:
    for native, version in versions.items():
        parts = parse_version(version)
        if parts is not None:
            yield native.decode("ascii", "replace"), parts
