"""The Confluence source: one space of a site, Cloud or Data Center.

A probe is one question for the newest changes and the number of contents. `scan` decides between a delta and a census,
`fetch` reads bodies in bulk. What a document depends on is in its version, part by part (see `versions`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from vector_pipeline.conversion.converter import Converter
from vector_pipeline.documents import LISTED, Document, Failure, Item, Restated, frame_items
from vector_pipeline.settings_atlassian import ConfluenceSettings
from vector_pipeline.sources.atlassian.errors import AnswerRefused
from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.base import Held, Known, Listing, SourceMisconfigured
from vector_pipeline.sources.confluence.addresses import Addresses
from vector_pipeline.sources.confluence.answers import moment_at, number_at, text_at
from vector_pipeline.sources.confluence.census_scan import Census
from vector_pipeline.sources.confluence.delta_scan import Delta
from vector_pipeline.sources.confluence.fetch import Fetch, item_held
from vector_pipeline.sources.confluence.finding import named_content, title_query
from vector_pipeline.sources.confluence.ground import Ground
from vector_pipeline.sources.confluence.memory import Memory
from vector_pipeline.sources.confluence.names import Names
from vector_pipeline.sources.confluence.presence import sort_out
from vector_pipeline.sources.confluence.rows import PAGES, content_id
from vector_pipeline.sources.confluence.scope import Scope
from vector_pipeline.sources.confluence.search import VERSION, Newest, Search
from vector_pipeline.sources.confluence.space import Space, read_space
from vector_pipeline.sources.confluence.versions import parse_version, short_hash

_GONE = "gone"
"""The version of a space that was discovered and is no longer to be seen."""


class ConfluenceSource:
    """A space as a source (see `Source`): `name` is its partition without the type ("wiki.ENG"), `key` its key."""

    def __init__(self, name: str, key: str, settings: ConfluenceSettings, converter: Converter) -> None:
        """Sends nothing yet. Raises SourceMisconfigured for an address that can't be a Confluence."""
        self._name, self.key, self.settings = name, key, settings
        self._label = f"confluence/{name}"
        self._scope = Scope(settings, converter)
        self._site = Site(settings, product="confluence", label=self._label)
        self._search = Search(self._site, self._label)
        self._space: Space | None = None
        self._names = Names(self._site, self._search)

    @property
    def type(self) -> str:
        """ "confluence"."""
        return "confluence"

    @property
    def name(self) -> str:
        """The partition key."""
        return self._name

    @property
    def url(self) -> str:
        """Where people find the space."""
        base, key = (self._space.base, self._space.key) if self._space else ("", self.key)
        return Addresses(base or self._site.url, key, self._site.cloud).space()

    def probe(self) -> str:
        """Names the newest changes and the number of contents; "gone" for a discovered space that can't be seen.

        One request, a second one where labels decide what is taken. Raises SourceError.
        """
        with _hurried(self.settings, self._label) as site:
            return self._look(site, Search(site, self._label))[2]

    def scan(self, known: Known) -> Listing:
        """A delta where the cursor and the number of contents allow it, else a census. Raises SourceError.

        A space that was discovered and can't be seen any more is an empty census: whether that is believed, a person
        decides. One that the settings name by key is SourceMisconfigured.
        """
        newest, labelled, version = self._look(self._site, self._search)
        memory = Memory.load(known.cursor)
        ground = Ground(self._site, self._search, self._scope, self._label, known, newest, labelled, version)
        only_counting = False
        wants_all = known.census or known.full or version == _GONE
        if memory is not None and not wants_all and self._may_go_on(memory, newest):
            delta = Delta(ground, memory)
            listing, only_counting = delta.listing(), delta.only_the_count_differs
            if listing is not None:
                self._space = memory.space
                return listing
        space = None if version == _GONE else self._read_space(self._site)
        if space is None:
            return Listing(LISTED.to_frame(), complete=True, version=_GONE)
        self._space = space
        if memory is not None and memory.space.id != space.id:
            memory = None  # another space under the key of one that was deleted
        verify = known.full or memory is None or self._must_verify(memory)
        return Census(ground, space, memory, verify=verify, only_counting=only_counting).listing()

    def fetch(self, items: Sequence[Item]) -> Iterator[Document | Restated | Failure]:
        """The documents of the items; those of one kind are read together. Raises SourceError.

        A file is downloaded only when its item is asked for. What can't be read alone is a Failure of its own.
        """
        space = self._space or self._read_space(self._site)
        if space is None:
            yield from (Failure(i.native_id, i.version, i.uri, "fetch", "no longer there") for i in items)
            return
        self._space = space
        fetch = Fetch(self._site, self._search, self._scope, space, self._names)
        yield from fetch.documents(items)

    def reread(self, held: Sequence[Held]) -> Iterator[Document | Restated | Failure]:
        """The documents as the space has them now, at the place and for the readers they are held with."""
        return self.fetch([item_held(one) for one in held])

    def claims(self, wanted: str) -> bool:
        """Whether it is an address in this space, or a content id, which any space may have."""
        return named_content(wanted, self.key, self._site.url) is not None

    def identify(self, wanted: str) -> bytes | None:
        """The content id; a page that is named by its title is looked for. Raises SourceError."""
        named = named_content(wanted, self.key, self._site.url)
        if named is None or named.id:
            return named.id.encode() if named else None
        found = self._search.every(title_query(self.key, named.title), VERSION, self._scope.statuses)
        return next((number.encode() for row in found if (number := content_id(text_at(row, "id")))), None)

    def has(self, native_id: bytes) -> bool:
        """Whether the content is in this space. Raises SourceError."""
        number = content_id(native_id.decode("ascii", "replace"))
        space = self._read_space(self._site) if number else None
        return space is not None and number in sort_out(self._search.rows([number]), space.key).rows

    def look_up(self, native_id: bytes, known: Known) -> Item | None:
        """The content as it is now, in the tree of what is held. Raises SourceError.

        A space that was never listed is listed: places and restrictions can't be told otherwise.
        """
        number = content_id(native_id.decode("ascii", "replace"))
        if not number:
            return None
        memory = Memory.load(known.cursor)
        if memory is None:
            items = self.scan(replace(known, census=True, full=True)).items
            return next((item for item in frame_items(items) if item.native_id == native_id), None)
        # As if it were not held: then all of it is read anew.
        others = {key: version for key, version in known.versions.items() if key != native_id}
        told = replace(known, versions=others, failed={}, due=frozenset({native_id}))
        nothing = Newest(0, ())
        ground = Ground(self._site, self._search, self._scope, self._label, told, nothing, labelled=0, version="")
        return Delta(ground, memory).one(number)

    def owner(self, native_id: bytes, version: str) -> bytes | None:
        """What an attachment or a comment hangs on."""
        parts = parse_version(version)
        return parts.above.encode() if parts is not None and parts.kind not in PAGES and parts.above else None

    def close(self) -> None:
        """Closes connections."""
        self._site.close()

    def _look(self, site: Site, search: Search) -> tuple[Newest, int, str]:
        """The newest changes, the number of pages with deciding labels, and the version that names both."""
        try:
            newest = search.newest(self._scope.everything(self.key), self._scope.statuses)
        except AnswerRefused:
            if self._read_space(site) is not None:
                raise
            return Newest(0, ()), 0, _GONE
        if not newest.hits and self._read_space(site) is None:
            return newest, 0, _GONE
        labelled = 0
        if self._scope.filters_labels:
            labelled = search.total(self._scope.labelled(self.key), self._scope.statuses)
        rows = [
            [
                text_at(hit, "content", "id"),
                number_at(hit, "content", "version", "number"),
                text_at(hit, "content", "title"),
                str(moment_at(hit, "lastModified")),
                text_at(hit, "content", "space", "name"),
            ]
            for hit in newest.hits
        ]
        return newest, labelled, f"{newest.total}+{labelled}+{short_hash([rows, self._scope.files_identity])}"

    def _read_space(self, site: Site) -> Space | None:
        """The space; None where a discovered one is not to be seen. Raises SourceMisconfigured for a given one."""
        space = read_space(site, self.key, self._label)
        if space is None and self.key.upper() in {key.upper() for key in self.settings.given_keys}:
            raise SourceMisconfigured(
                f"{self._label}: there is no space {self.key} at {site.url}, or this account may not see it",
                hint="correct the key in `spaces`, or give the account permission to view the space",
            )
        if space is not None and not site.cloud:
            return replace(space, base="")
        return space

    def _must_verify(self, memory: Memory) -> bool:
        return memory.verified_at is None or datetime.now(UTC) - memory.verified_at >= self.settings.verify_every

    def _may_go_on(self, memory: Memory, newest: Newest) -> bool:
        """Whether a delta may do: nothing is to be verified, and what all documents depend on is as it was.

        Answers of the search tell the name and the id of the space in passing.
        """
        names = {text_at(hit, "content", "space", "name") for hit in newest.hits} - {""}
        numbers = {text_at(hit, "content", "space", "id") for hit in newest.hits} - {""}
        renamed = bool(names) and memory.space.name not in names
        renamed |= bool(numbers) and memory.space.id not in numbers
        scope = self._scope
        same = memory.identity == scope.identity(memory.space) and memory.files == scope.files_identity
        return not renamed and not self._must_verify(memory) and same


class _hurried:
    """A site that gives up quickly: for probes, which are asked again soon anyway."""

    def __init__(self, settings: ConfluenceSettings, label: str) -> None:
        self._settings, self._label = settings, label

    def __enter__(self) -> Site:
        self._site = Site(self._settings, product="confluence", label=self._label)
        self._site.hurry(self._settings.timeout.total_seconds())
        return self._site

    def __exit__(self, *_: object) -> None:
        self._site.close()
