"""From an answer to what the mirror keeps of it, and from there to a document: the same bytes always say the same.

The one idea: the version of a page is the hash of what its document will hold, so that a new theme, navigation or
build stamp leaves it as it is. Nothing is asked for and nothing stored here; safe for threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from vector_pipeline.conversion.convert import CONVERSION_IDENTITY, ConversionError, Converted
from vector_pipeline.conversion.converter import Converter
from vector_pipeline.conversion.html import PageFacts, PageRules, convert_html, decode_page, is_selector, page_facts
from vector_pipeline.documents import Document, canonical_json, hash16
from vector_pipeline.settings_public_docs import PublicDocsSettings
from vector_pipeline.sources.public_docs.answers import Answer
from vector_pipeline.sources.public_docs.contents import ALIAS, FILE, LEFT, PAGE, Content
from vector_pipeline.sources.public_docs.media import HTML, file_name, is_converted_file, kind_of_answer
from vector_pipeline.sources.public_docs.scope import Scope
from vector_pipeline.sources.public_docs.urls import normal_url
from vector_pipeline.sources.public_docs.words import shape_of, sketch_of, words_of

MOST_LINKS = 10_000
"""Links of one page that are followed; more of them are a trap or a dump."""

_FORM = "reading-1"
_NO_INDEX = frozenset({"noindex", "none"})
_NO_FOLLOW = frozenset({"nofollow", "none"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer says: the content to keep, its words for comparisons, its beginning for markers.

    `skipped` are links that the settings leave out, with the reason.
    """

    content: Content
    words: frozenset[str] = frozenset()
    head: str = ""
    skipped: tuple[tuple[str, str], ...] = ()


class Reader:
    """Reads answers as the settings of a site say. Raises nothing of its own on any bytes."""

    def __init__(self, settings: PublicDocsSettings, scope: Scope, converter: Converter, agent: str) -> None:
        """`agent` is our name in robots meta elements. Raises ValueError for a selector that is none."""
        self._settings, self._scope, self._converter, self._agent = settings, scope, converter, agent
        for selector in (*settings.content_selectors, *settings.remove_selectors):
            if not is_selector(selector):
                raise ValueError(f"{selector!r} is no CSS selector")
        self._rules = PageRules(content=settings.content_selectors, remove=settings.remove_selectors)
        named = "\0".join((settings.fingerprint, CONVERSION_IDENTITY, _FORM))
        self.identity = hash16(named.encode()).hex()[:12]
        """Names all that a reading depends on besides the bytes; file converters have names of their own."""

    def takes(self, url: str, media_type: str) -> bool:
        """Whether an answer of that type can be a document."""
        name = kind_of_answer(url, media_type)
        return bool(name) and (self._settings.files or not is_converted_file(name))

    def read(self, url: str, answer: Answer) -> Reading:
        """What an answer with status 200 says, as asked for under `url`."""
        empty = Content(
            LEFT,
            media_type=answer.media_type,
            charset=answer.charset,
            validators=answer.validators,
            read_as=self.identity,
            body=answer.body,
        )
        if not self.takes(url, answer.media_type):
            return Reading(replace(empty, note="kind", body=b""))
        name = kind_of_answer(url, answer.media_type)
        robots = answer.robots if self._settings.robots else frozenset[str]()
        base = replace(empty, canonical=self._page_in_scope(answer.canonical, url), noindex=bool(robots & _NO_INDEX))
        if name == HTML:
            return self._page(url, base, robots)
        if is_converted_file(name):
            version = hash16(name.encode("utf-8", "replace"), answer.body).hex()
            return Reading(replace(base, state=FILE, version=version, words=1 if answer.body else 0))
        return self._text(url, name, base)

    def again(self, url: str, content: Content) -> Content:
        """A kept content as the settings and converters of today read it; its validators are those of its body."""
        answer = Answer(
            url, 200, media_type=content.media_type, charset=content.charset, body=content.body,
            validators=content.validators, canonical=content.canonical,
            robots=frozenset({"noindex"}) if content.noindex else frozenset(),
        )  # fmt: skip
        return self.read(url, answer).content

    def document(self, url: str, content: Content, version: str) -> Document:
        """The document that a kept content is. Raises ConversionError."""
        name = kind_of_answer(url, content.media_type)
        if name == HTML:
            converted = convert_html(decode_page(content.body, content.charset), "", self._rules)
        else:
            converted = self._converter.convert(name, content.body)
        metadata = self._metadata(url, converted, content.language)
        return Document(
            native_id=url.encode(),
            version=version,
            uri=url,
            title=converted.title or _title_of(url),
            text=converted.text,
            kind=converted.kind,
            language=converted.language,
            context=converted.context,
            metadata=metadata,
        )

    def _page(self, url: str, base: Content, robots: frozenset[str]) -> Reading:
        text = decode_page(base.body, base.charset)
        facts = page_facts(text, self._agent)
        directives = robots | (facts.robots if self._settings.robots else frozenset())
        root = normal_url(facts.base, url) if facts.base else url
        moved = normal_url(facts.refresh, root or url) if facts.refresh else ""
        if moved and moved != url:
            return Reading(replace(base, state=ALIAS, target=moved, body=b""))
        links, skipped = ((), ()) if directives & _NO_FOLLOW else self._links(facts, root or url)
        canonical = self._page_in_scope(normal_url(facts.canonical, root or url) if facts.canonical else "", url)
        base = replace(
            base,
            state=PAGE,
            canonical=base.canonical or canonical,
            noindex=base.noindex or bool(directives & _NO_INDEX),
            language=facts.language[:35],
            alternates=self._alternates(facts, root or url),
            links=links,
            asks_password=facts.asks_password,
        )
        try:
            converted = convert_html(text, "", self._rules)
        except ConversionError:
            # The page is there; that it can't be read is said when it is fetched.
            return Reading(replace(base, version=hash16(base.body).hex(), words=1), head=text[:20_000])
        return self._read(url, base, converted, text[:20_000], skipped)

    def _text(self, url: str, name: str, base: Content) -> Reading:
        try:
            converted = self._converter.convert(name, base.body)
        except ConversionError:
            return Reading(replace(base, state=PAGE, version=hash16(base.body).hex(), words=1))
        return self._read(url, replace(base, state=PAGE), converted, converted.text[:2_000], ())

    def _read(
        self, url: str, base: Content, converted: Converted, head: str, skipped: tuple[tuple[str, str], ...]
    ) -> Reading:
        words = words_of(f"{converted.title}\n{converted.text}", url)
        parts = (converted.title, converted.text, converted.context, converted.kind, converted.language, base.language)
        said = canonical_json([*parts, converted.metadata])
        content = replace(
            base,
            version=hash16(said.encode("utf-8", "surrogatepass")).hex(),
            shape=shape_of(words),
            sketch=sketch_of(words),
            words=len(converted.text.split()),
        )
        return Reading(content, words, head, skipped)

    def _links(self, facts: PageFacts, base: str) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """The links that the settings cover, in normal form, and those left out by a rule about pages."""
        covered: dict[str, None] = {}
        skipped: dict[str, str] = {}
        for href in facts.links:
            link = normal_url(href, base)
            if not link or link in covered or link in skipped:
                continue
            if reason := self._scope.reason_to_skip(link):
                skipped[link] = reason
            else:
                covered[link] = None
                if len(covered) >= MOST_LINKS:
                    break
        told = ((reason, link) for link, reason in skipped.items() if reason not in ("other host", "outside the site"))
        return tuple(covered), tuple(told)

    def _alternates(self, facts: PageFacts, base: str) -> tuple[tuple[str, str], ...]:
        found = ((language, normal_url(href, base)) for language, href in facts.alternates[:500])
        return tuple((language[:35], url) for language, url in found if url and language)

    def _page_in_scope(self, canonical: str, url: str) -> str:
        """A canonical link that counts: another page that the settings cover; "" for none."""
        other = normal_url(canonical) if canonical else ""
        return other if other and other != url and not self._scope.reason_to_skip(other, listed=True) else ""

    def _metadata(self, url: str, converted: Converted, language: str) -> Mapping[str, Any]:
        parts = urlsplit(url)
        metadata: dict[str, Any] = dict(converted.metadata)
        metadata["path"] = _clean(unquote(parts.path, errors="replace")).lstrip("/") or "/"
        metadata["site"] = parts.netloc
        if language:
            metadata["page_language"] = _clean(language)
        if tags := list(dict.fromkeys([*converted.metadata.get("tags", ()), *self._settings.tags])):
            metadata["tags"] = tags
        if self._settings.access:
            metadata["access"] = list(self._settings.access)
        return metadata


def _title_of(url: str) -> str:
    """What a page without a title is called: its file name, else its address."""
    segments = [segment for segment in urlsplit(url).path.split("/") if segment]
    name = file_name(url) or unquote(segments[-1] if segments else urlsplit(url).netloc, errors="replace")
    return _clean(name.rpartition(".")[0] or name)


def _clean(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)
