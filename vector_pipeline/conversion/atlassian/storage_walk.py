"""The walk over a parsed page: XHTML's elements to builder events, Atlassian's handed to `Macros` and `Links`.

One loop with a stack of its own; every element is entered once and left once. An element that is not known is
transparent: its text and children count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lxml import etree

from vector_pipeline.conversion.atlassian.base import References
from vector_pipeline.conversion.atlassian.storage_elements import attribute, child, name_of, text_of
from vector_pipeline.conversion.atlassian.storage_links import account_of, linked_address, linked_words
from vector_pipeline.conversion.atlassian.storage_macros import Macros
from vector_pipeline.conversion.writing import inline
from vector_pipeline.conversion.writing.builder import Builder
from vector_pipeline.conversion.writing.labels import emoticon, language_name

_MARKS = {
    "strong": inline.STRONG, "b": inline.STRONG, "em": inline.EMPHASIS, "i": inline.EMPHASIS, "code": inline.CODE,
    "s": inline.STRIKE, "del": inline.STRIKE, "strike": inline.STRIKE, "tt": inline.CODE, "kbd": inline.CODE,
    "samp": inline.CODE,
}  # fmt: skip
_SECTIONS = frozenset(
    "p div section article header footer figure figcaption center address dl dt dd caption details summary "
    "ac:layout ac:layout-section ac:layout-cell ac:task-body ac:caption ac:rich-text-body ac:adf-extension".split()
)
_SKIPPED = frozenset("script style head ac:parameter ac:task-id ac:task-uuid ac:task-status ac:adf-attribute".split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


@dataclass(slots=True)
class _Open:
    """An element that is entered: what is left of it, its marks and link, what closes it."""

    children: Iterator[etree._Element]
    tail: str
    marks: int
    href: str
    token: int | None


class Walk:
    """Reads parsed pages into a builder. `parse` reads the storage format of pages that are included."""

    def __init__(self, builder: Builder, references: References, parse: Callable[[str], etree._Element | None]) -> None:
        self._builder = builder
        self._references = references
        self._macros = Macros(builder, references, parse)
        self._openers: dict[str, Callable[[etree._Element], int | None]] = {
            "blockquote": lambda element: builder.open_quote(),
            "ul": lambda element: builder.open_list(),
            "ol": lambda element: builder.open_list(_number(element.get("start"))),
            "li": lambda element: builder.open_item(),
            "table": lambda element: builder.open_table(),
            "tr": lambda element: builder.open_row(),
            "td": _open_cell(builder),
            "th": _open_cell(builder),
            "ac:task-list": lambda element: builder.open_list(),
            "ac:task": lambda element: builder.open_item(text_of(child(element, "ac:task-status")) == "complete"),
        }

    def read(self, root: etree._Element) -> None:
        """Walks the tree, and the trees of pages it includes."""
        stack = [_Open(iter([root]), "", 0, "", None)]
        while stack:
            top = stack[-1]
            element = next(top.children, None)
            if element is not None:
                self._enter(element, top, stack)
                continue
            stack.pop()
            if top.token is not None:
                self._builder.close(top.token)
            if top.tail and stack:
                self._builder.text(_one_line(top.tail), stack[-1].marks, stack[-1].href)

    def _enter(self, element: etree._Element, above: _Open, stack: list[_Open]) -> None:
        name = name_of(element)
        frame = _Open(iter(element), element.tail or "", above.marks | _MARKS.get(name, 0), above.href, None)
        text = element.text or ""
        if name in self._openers:
            frame.token = self._openers[name](element)
        elif name in _HEADINGS:
            frame.token = self._builder.open_heading(_HEADINGS[name])
        elif name in _SECTIONS:
            frame.token = self._builder.open_section()
        elif name in _SKIPPED or not name or self._leaf(name, element, frame):
            frame.children, text = iter(()), ""
        stack.append(frame)
        if text:
            self._builder.text(_one_line(text), frame.marks, frame.href)

    def _leaf(self, name: str, element: etree._Element, frame: _Open) -> bool:
        """Whether everything the element says has been added, and its children are not to be walked."""
        match name:
            case "pre" if not any(name_of(inner).startswith("ac:") for inner in element):
                self._builder.code(text_of(element), _language_of(child(element, "code")))
                return True
            case "time":
                self._builder.text(text_of(element).strip() or attribute(element, "datetime"), frame.marks, frame.href)
                return True
            case "ac:plain-text-body":
                self._builder.code(text_of(element))
                return True
            case "ac:adf-fallback":
                return self._repeats_content(element)
            case "br":
                self._builder.line_break()
            case "hr":
                self._builder.rule()
            case "a":
                frame.href = self._builder.link(attribute(element, "href")) or frame.href
            case "img":
                href = self._builder.link(attribute(element, "src"))
                self._builder.raw(inline.image(attribute(element, "alt"), href), frame.href)
            case "ac:emoticon":
                names = [attribute(element, key) for key in ("ac:name", "ac:emoji-fallback", "ac:emoji-shortname")]
                self._builder.text(emoticon(*names), frame.marks, frame.href)
            case "ac:image":
                self._image(element, frame)
            case "ac:link":
                self._link(element, frame)
            case "ac:structured-macro" | "ac:macro":
                self._macro(element, frame)
            case _ if name.startswith("ri:") and not _stands_in_link(element):
                self._builder.text(linked_words(element, self._references), frame.marks, frame.href)
            case _:
                pass
        return False

    def _image(self, element: etree._Element, frame: _Open) -> None:
        target = _target(element)
        words = linked_words(target, self._references) if target is not None else ""
        href = self._builder.link(linked_address(target, self._references)) if target is not None else ""
        alt = attribute(element, "ac:alt") or attribute(element, "ac:title") or words
        self._builder.raw(inline.image(alt, href), frame.href)

    def _link(self, element: etree._Element, frame: _Open) -> None:
        """A link of Confluence's own: its body is walked; without one it is what it points at."""
        target = _target(element)
        has_body = any(len(body) or text_of(body).strip() for body in element if body is not target)
        if target is not None and name_of(target) == "ri:user":
            account = account_of(target)
            name = self._references.user(account)
            if name or not has_body:
                self._builder.mention(account, name)
            else:
                self._builder.note_mention(account)
            return
        href = linked_address(target, self._references) if target is not None else ""
        anchor = attribute(element, "ac:anchor")
        if anchor and (href or target is None):
            href = f"{href}#{anchor}"
        frame.href = self._builder.link(href)
        if not has_body:
            words = linked_words(target, self._references) if target is not None else anchor
            self._builder.text(words, frame.marks, frame.href)

    def _macro(self, element: etree._Element, frame: _Open) -> None:
        """A macro: what it says itself is added, what it holds is walked."""
        frame.token, children = self._macros.open(element, frame.marks, frame.href)
        frame.children = iter(children)

    @staticmethod
    def _repeats_content(element: etree._Element) -> bool:
        """Whether a fallback is only for those who can't read the ADF node before it."""
        node = element.getprevious()
        return node is not None and bool(text_of(child(node, "ac:adf-content")).strip())


def _open_cell(builder: Builder) -> Callable[[etree._Element], int]:
    def open_cell(element: etree._Element) -> int:
        columns, rows = (_number(element.get(key)) for key in ("colspan", "rowspan"))
        return builder.open_cell(columns, rows, header=name_of(element) == "th")

    return open_cell


def _target(element: etree._Element) -> etree._Element | None:
    """What a link or an image points at."""
    return next((inner for inner in element if name_of(inner).startswith("ri:")), None)


def _stands_in_link(element: etree._Element) -> bool:
    """Whether a resource has been named by the link or image around it."""
    parent = element.getparent()
    return parent is not None and (name_of(parent) in ("ac:link", "ac:image") or name_of(parent).startswith("ri:"))


def _language_of(code: etree._Element | None) -> str:
    """The language of a `code` element by its class, as highlighters write it."""
    styles = attribute(code, "class").split() if code is not None else []
    names = [style.removeprefix("language-") for style in styles if style.startswith("language-")]
    return language_name(names[0]) if names else ""


def _one_line(text: str) -> str:
    """Line breaks of XHTML's source are spaces."""
    return text.replace("\n", " ") if "\n" in text else text


def _number(value: str | None) -> int:
    return int(value) if value and value.isdecimal() and len(value) < 7 else 1
