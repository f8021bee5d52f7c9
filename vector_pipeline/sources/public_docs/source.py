"""A public documentation site as a source: a local mirror of its pages, brought up to date by visits.

The probe looks at the sitemaps and a few pages in turn; a scan visits what may have changed, or everything when that
is due, and lists from the mirror; a fetch reads the mirror and asks nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vector_pipeline.conversion.convert import ConversionError
from vector_pipeline.conversion.converter import Converter
from vector_pipeline.documents import Document, Failure, Item, hash16
from vector_pipeline.settings_public_docs import PublicDocsSettings
from vector_pipeline.sources.base import Held, Known, Listing, SourceMisconfigured, SourceUnreachable
from vector_pipeline.sources.public_docs.answers import NoTimeLeft, PageRefused, SiteSilent
from vector_pipeline.sources.public_docs.client import SiteClient
from vector_pipeline.sources.public_docs.contents import GONE, Content
from vector_pipeline.sources.public_docs.finding import ask_now, claimed_url, end_of_redirects
from vector_pipeline.sources.public_docs.listing import UNKNOWN, build_listing
from vector_pipeline.sources.public_docs.media import kind_of_answer
from vector_pipeline.sources.public_docs.mirror import UNLINKED, Mirror
from vector_pipeline.sources.public_docs.picture import Picture, picture_of, version_of
from vector_pipeline.sources.public_docs.probing import find_news, look_at_page
from vector_pipeline.sources.public_docs.reading import Reader
from vector_pipeline.sources.public_docs.settling import settle
from vector_pipeline.sources.public_docs.site import Site, scope_of
from vector_pipeline.sources.public_docs.visit import Visit, Visited
from vector_pipeline.sources.public_docs.visits import Visits

_STAGE = "fetch"
_PROBE_SECONDS = 8.0
_REREAD_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Found:
    """An item with what the mirror holds for it, or the reason why there is nothing."""

    item: Item
    content: Content | None
    reason: str = ""


class PublicDocs:
    """Implements `Source` for one site; its mirror lies below `data_dir`."""

    def __init__(self, name: str, settings: PublicDocsSettings, data_dir: Path, converter: Converter) -> None:
        self._name, self._settings, self._converter = name, settings, converter
        self._label = f"{self.type}/{name}"
        scope = scope_of(settings)
        self._mirror = Mirror(data_dir / "sites", name, settings.url, self._label)
        self._client = SiteClient(self._label, settings, data_dir / "sites")
        try:
            self._reader = Reader(settings, scope, converter, self._client.agent)
        except ValueError as error:
            hint = "correct `content_selectors` or `remove_selectors`"
            raise SourceMisconfigured(f"{self._label}: {error}", hint=hint) from error
        self._site = Site(self._label, settings, self._mirror, self._client, self._reader, scope)
        self._visits = Visits(settings, self._mirror)

    @property
    def type(self) -> str:
        """Always "public_docs"."""
        return "public_docs"

    @property
    def name(self) -> str:
        """The partition key."""
        return self._name

    @property
    def url(self) -> str:
        """Where the site begins."""
        return self._settings.url

    def probe(self) -> str:
        """Names what the mirror holds, or says that there is something to visit. Takes a few seconds at most.

        Raises SourceUnreachable when the site does not answer.
        """
        deadline = time.monotonic() + min(_PROBE_SECONDS, self._settings.timeout.total_seconds())
        if not self._mirror.exists or self._visits.unfinished:
            with suppress(NoTimeLeft):  # where the visit under way takes all the turns there are
                self._client.robots(self._site.start, deadline)
            return f"unvisited, {self._visits.progress if self._mirror.exists else 'from nothing'}"
        with self._mirror.guarded(), self._mirror.locked(0) as alone:
            if alone:
                with suppress(NoTimeLeft):
                    find_news(self._site, deadline)
        return self._version() + self._visits.news

    def scan(self, known: Known) -> Listing:
        """Visits what may have changed, or everything where that is due, and lists the site. Raises SourceError.

        What could not be read is listed as a failure and stays as it is held. A visit that reached its time limit
        lists what it has, as a delta.
        """
        with self._mirror.guarded(), self._mirror.locked(self._settings.timeout.total_seconds()) as alone:
            if not alone:
                raise SourceUnreachable(
                    f"{self._label}: another process is visiting the site", hint="wait until it has finished"
                )
            self._read_again()
            visit = self._visits.begin(known)
            due = {native.decode("utf-8", "replace") for native in known.due}
            held = {native.decode("utf-8", "replace") for native in known.versions}
            visited = Visit(
                self._site, visit.number, whole=visit.whole, unconditional=visit.full, due=due, held=held
            ).run()
            if visited.finished:
                settle(self._mirror, known.versions, self._settings.same_page_share)
                self._visits.end(visit, visited.cut)
            return self._listing(known, visited, visit.number if visit.whole else 0)

    def fetch(self, items: Sequence[Item]) -> Iterator[Document | Failure]:
        """One document or failure per item, from the mirror. Raises SourceError."""
        yield from self._converter.ahead(self._answer, map(self._found, items))

    def reread(self, held: Sequence[Held]) -> Iterator[Document | Failure]:
        """The documents from the mirror, after each page was looked at as a probe does: one conditional request.

        A page that has changed is marked for the next visit, so that `probe` tells of it. Raises SourceError.
        """
        deadline = time.monotonic() + _REREAD_SECONDS
        with self._mirror.guarded(), self._mirror.locked(0) as alone:
            for one in held if alone else ():
                row = self._mirror.row_of(one.native_id.decode("utf-8", "replace"))
                if row is not None and self._site.allows(row.url):
                    with suppress(NoTimeLeft, PageRefused):
                        look_at_page(self._site, row, deadline)
        yield from self.fetch([one.item for one in held])

    def claims(self, wanted: str) -> bool:
        """Whether it is an address that the settings cover."""
        return bool(claimed_url(self._site, wanted))

    def identify(self, wanted: str) -> bytes | None:
        """The address in normal form, of a page that is known to have moved its new one."""
        url = claimed_url(self._site, wanted)
        if not url:
            return None
        with self._mirror.guarded():
            return end_of_redirects(self._site, url).encode()

    def has(self, native_id: bytes) -> bool:
        """Whether the site has such a page. Raises SourceError."""
        return self.look_up(native_id, Known()) is not None

    def look_up(self, native_id: bytes, known: Known) -> Item | None:
        """The page, asked for now by one request. Raises SourceError.

        One to which nothing on the site leads is there too, until the next visit finds that out.
        """
        url = native_id.decode("utf-8", "replace")
        if self._site.rule_against(url, listed=True):
            return None
        with self._mirror.guarded(), self._mirror.locked(self._settings.timeout.total_seconds()) as alone:
            if not alone:
                raise SourceUnreachable(
                    f"{self._label}: another process is visiting the site", hint="wait until it has finished"
                )
            content = ask_now(self._site, url)
        if content is None:
            try:
                content = self._asked(url)
            except (SiteSilent, PageRefused) as error:
                hint = "open the address in a browser"
                raise SourceUnreachable(f"{self._label}: {url}: {error.reason}", hint=hint) from error
        if content is None or not content.is_text:
            return None
        version = version_of(self._reader.identity, url, content, self._converter.identity)
        return Item(native_id, version, url)

    def close(self) -> None:
        """Ends requests under way and closes the mirror."""
        self._client.close()
        self._mirror.close()

    # ---- listing

    def _listing(self, known: Known, visited: Visited, whole: int) -> Listing:
        picture = self._picture()
        if not picture.versions and not known.versions and visited.finished:
            self._mirror.remember(whole_at="")  # the next run asks again
            raise self._nothing_found(picture)
        proven = visited.finished and not (visited.incomplete or visited.cut or picture.blind or self._visits.cut)
        if whole and proven:
            self._forget_others(picture, known, whole)
        asked = {row.url for row in self._mirror.rows(visited.asked)}
        if visited.cut:
            picture.skipped[f"beyond {visited.cut}"] += sum(1 for why in picture.absent.values() if why in _UNASKED)
        self._mirror.set_live([picture.ids[url] for url in picture.parts if url not in picture.moved])
        self._mirror.remember(digest=picture.digest, has_files="1" if picture.has_files else "")
        return build_listing(
            picture,
            known,
            asked=asked,
            proven=proven,
            links_proven=proven and not self._mirror.meta(UNLINKED),
            finished=visited.finished,
            crawled=self._site.crawls,
            version=self._version() if visited.finished else "",
            skipped=self._visits.skipped,
            rule_against=self._reason_against,
        )

    def _reason_against(self, url: str) -> str:
        """Why a page that nothing leads to is none, "" where nobody knows."""
        if reason := self._site.rule_against(url, listed=True):
            return reason
        row = self._mirror.row_of(url)
        content = self._mirror.content(row.id) if row is not None and not row.trouble else None
        return content.note if content is not None and content.state == GONE else ""

    def _forget_others(self, picture: Picture, known: Known, visit: int) -> None:
        """Drops from the mirror what no page of the site leads to any more."""
        held = self._mirror.known_ids([native.decode("utf-8", "replace") for native in known.versions])
        ids = {*picture.ids.values(), *held.values()}
        linked = {link for _, _, _, links in self._mirror.edges(ids) for link in links}
        self._mirror.forget(linked | ids, visit)

    def _picture(self) -> Picture:
        return picture_of(self._site, self._site.walk(), self._converter.identity)

    def _version(self) -> str:
        """Names what the mirror holds as the settings and converters of today read it, from what is remembered."""
        converters = self._converter.files_identity if self._mirror.meta("has_files") else ""
        parts = (self._mirror.meta("digest"), self._reader.identity, converters)
        return hash16(*(part.encode() for part in parts)).hex()

    def _read_again(self) -> None:
        """Reads kept pages anew where settings or conversion have changed; asks nothing."""
        old = [number for number, content in self._mirror.contents() if content.read_as != self._reader.identity]
        for row in self._mirror.rows(old):
            content = self._mirror.content(row.id, body=True)
            if content is not None and content.is_text and content.body:
                self._mirror.accept(row, self._reader.again(row.url, content), None)

    def _nothing_found(self, picture: Picture) -> SourceUnreachable | SourceMisconfigured:
        start = self._site.start
        trouble = picture.troubled.get(start) or picture.absent.get(start, "no page of it could be read")
        if start in picture.troubled:
            return SourceUnreachable(f"{self._label}: {start}: {trouble}", hint="open the address in a browser")
        return SourceMisconfigured(
            f"{self._label}: no page with text was found from {start} on ({trouble})",
            hint="set `url` to a page of the documentation, or widen `hosts`, `include` and `discover`",
        )

    # ---- fetching

    def _found(self, item: Item) -> tuple[bytes, _Found]:
        """What the mirror holds for an item, with the name that tells the converter its kind; asked for where lost."""
        url = item.native_id.decode("utf-8", "replace")
        with self._mirror.guarded():
            row = self._mirror.row_of(url)
            if row is not None and row.trouble and item.version == UNKNOWN:
                return b"", _Found(item, None, row.trouble)
            content = self._mirror.content(row.id, body=True) if row is not None else None
        if content is None or not content.is_text:
            try:
                content = self._asked(url)
            except (SiteSilent, PageRefused) as error:
                return b"", _Found(item, None, error.reason)
        if content is None:
            return b"", _Found(item, None, "is no page any more")
        return kind_of_answer(url, content.media_type).encode("utf-8", "replace"), _Found(item, content)

    def _answer(self, found: _Found) -> Document | Failure:
        item, content = found.item, found.content
        url = item.native_id.decode("utf-8", "replace")
        if content is None:
            return Failure(item.native_id, item.version, url, _STAGE, found.reason)
        version = version_of(self._reader.identity, url, content, self._converter.identity)
        try:
            return self._reader.document(url, content, version)
        except ConversionError as error:
            return Failure(item.native_id, version, url, _STAGE, str(error), error.permanent, error.attempts)

    def _asked(self, url: str) -> Content | None:
        """The page as the site has it now, for one that the mirror lost; None for what is no page."""
        if not self._site.allows(url):
            return None
        answer = self._client.get(url, wanted=lambda media_type: self._reader.takes(url, media_type))
        content = self._reader.read(url, answer).content if answer.status == 200 else None
        return content if content is not None and content.is_text else None


_UNASKED = frozenset({"not asked for yet"})
