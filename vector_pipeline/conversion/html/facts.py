"""What a page says to those who follow links: where they lead, whether it may be indexed, what its own address is.

Addresses are given as they are written; what they mean next to the page's own address is for the caller to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser

from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.conversion.front_matter import MAX_LENGTH
from vector_pipeline.conversion.html.limits import overwhelming, prepared
from vector_pipeline.conversion.html.words import passing_tags

MAX_LINKS = 20_000
MAX_ALTERNATES = 500
_LONGEST_ADDRESS = 4_000
_MOST_REFRESH = 10.0
"""Seconds after which a refresh is a page's news, not a redirect."""
_FEW_WORDS = 200
_FOLLOWED = "html, base, link, meta, a[href], area[href], iframe[src], frame[src], input[type='password' i]"
_KNOWN = frozenset({"html", "base", "link", "meta", "a", "area", "iframe", "frame", "input"})
_NO_ADDRESS = re.compile(r"(?:javascript|data|mailto|tel|vbscript|about|blob):|#|$", re.IGNORECASE)
_REFRESH = re.compile(
    r"\s*(\d{1,6}(?:\.\d{0,6})?|\.\d{1,6})\s*(?:[;,]\s*|\s+)(?:url\s*=\s*)?(?:\"([^\"]*)|'([^']*)|(.*))",
    re.IGNORECASE | re.DOTALL,
)
_BREAKS = str.maketrans("", "", "\t\n\r\f")


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What the page says about itself and where its links lead; "" and empty where it says nothing.

    `robots` holds the directives for all robots and for the one asked for, lower case, "none" spelled out too.
    `refresh` is where the page sends its readers within 10 seconds. `links` are addresses as written, each once, in
    order, without those into the page itself and those marked nofollow. `alternates` are (language, address) pairs.
    `asks_password` is true for a page of few words with a field for a password.
    """

    base: str = ""
    canonical: str = ""
    robots: frozenset[str] = frozenset()
    refresh: str = ""
    links: tuple[str, ...] = ()
    alternates: tuple[tuple[str, str], ...] = ()
    language: str = ""
    generator: str = ""
    asks_password: bool = False


def page_facts(text: str, agent: str = "") -> PageFacts:
    """The facts of a page. `agent` is the name robots rules know us by, a version behind it does not matter."""
    reader = _Facts(re.split(r"[/\s]", agent.strip().lower())[0])
    text = prepared(text)
    if overwhelming(text):
        for tag, attributes in passing_tags(text):
            if tag in _KNOWN:
                reader.note(tag, attributes)
        return reader.facts(len(text.split()))
    page = LexborHTMLParser(text)
    for tag, attributes in _elements(page):
        reader.note(tag, attributes)
    return reader.facts(_words(page) if reader.password else 0)


def _elements(page: LexborHTMLParser) -> Iterator[tuple[str, Mapping[str, str | None]]]:
    # A page of words has something to say to readers without scripts, even where it offers them another one.
    without_script = {node.mem_id for node in page.css("noscript meta")}
    if without_script and _words(page) < _FEW_WORDS:
        without_script.clear()
    for node in page.css(_FOLLOWED):
        if node.mem_id not in without_script:
            yield node.tag or "", node.attributes


def _words(page: LexborHTMLParser) -> int:
    return len(page.body.text(separator=" ").split()) if page.body is not None else 0


class _Facts:
    """Collects facts from elements in their order."""

    def __init__(self, agent: str) -> None:
        self.password = False
        self._robots_names = {"robots", agent} - {""}
        self._robots: set[str] = set()
        self._single: dict[str, str] = {}
        self._links: dict[str, None] = {}
        self._alternates: dict[tuple[str, str], None] = {}

    def note(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        """Takes one element."""
        match tag:
            case "html":
                self._first("language", attributes.get("lang") or attributes.get("xml:lang"))
            case "base":
                self._first("base", _address(attributes.get("href")))
            case "link":
                self._link(attributes)
            case "meta":
                self._meta(attributes)
            case "input":
                self.password = self.password or (attributes.get("type") or "").lower() == "password"
            case "a" | "area":
                if "nofollow" not in _tokens(attributes.get("rel")):
                    self._follow(attributes.get("href"))
            case _:  # frames
                self._follow(attributes.get("src"))

    def facts(self, words: int) -> PageFacts:
        """Everything collected; `words` is how many the page has."""
        return PageFacts(
            robots=frozenset(self._robots),
            links=tuple(self._links),
            alternates=tuple(self._alternates),
            asks_password=self.password and words < _FEW_WORDS,
            **self._single,
        )

    def _first(self, name: str, value: str | None) -> None:
        if value and (
            value := normalize(" ".join(value.split()))[: MAX_LENGTH if name != "base" else _LONGEST_ADDRESS]
        ):
            self._single.setdefault(name, value)

    def _follow(self, href: str | None) -> None:
        address = _address(href)
        if not _NO_ADDRESS.match(address) and len(self._links) < MAX_LINKS:
            self._links[address] = None

    def _link(self, attributes: Mapping[str, str | None]) -> None:
        kinds = _tokens(attributes.get("rel"))
        address = _address(attributes.get("href"))
        if not address:
            return
        if "canonical" in kinds:
            self._single.setdefault("canonical", address)
        language = normalize((attributes.get("hreflang") or "").strip())[:40]
        if language and "alternate" in kinds and len(self._alternates) < MAX_ALTERNATES:
            self._alternates[language, address] = None
        if kinds & {"next", "prev", "previous"} and "nofollow" not in kinds:
            self._follow(address)

    def _meta(self, attributes: Mapping[str, str | None]) -> None:
        content = attributes.get("content") or ""
        name = (attributes.get("name") or "").strip().lower()
        if name in self._robots_names:
            self._robots |= {one.strip().lower() for one in content[:MAX_LENGTH].split(",")} - {""}
            if "none" in self._robots:
                self._robots |= {"noindex", "nofollow"}
        elif name == "generator":
            self._first("generator", content)
        match (attributes.get("http-equiv") or "").strip().lower():
            case "refresh":
                wait = _REFRESH.match(content[:_LONGEST_ADDRESS])
                if wait is not None and float(wait[1]) <= _MOST_REFRESH:
                    address = _address(wait[2] or wait[3] or wait[4])
                    if address and not _NO_ADDRESS.match(address):
                        self._single.setdefault("refresh", address)
            case "content-language":
                self._first("language", content)


def _address(href: str | None) -> str:
    """An address as written, without the white space that browsers leave out; "" for none and for overlong ones."""
    address = (href or "").strip().translate(_BREAKS)
    return normalize(address) if len(address) <= _LONGEST_ADDRESS else ""


def _tokens(value: str | None) -> frozenset[str]:
    return frozenset((value or "").lower().split())
