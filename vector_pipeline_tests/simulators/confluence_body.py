"""Bodies of Confluence content in the two formats people write them in, each readable as the other.

A body is kept as it was written, in storage format or as an ADF document; asked for in the other format it is
converted block by block, which keeps every word but not the macros: enough for a test service.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = {"p", "li", "td", "th", "div", "blockquote", "ac:plain-text-body", "ac:task-body", "tr", "br", *_HEADINGS}
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Body:
    """What was written: at least one of the formats. Both may be given, when a test wants its own of each."""

    storage: str | None = None
    adf: str | None = None

    @staticmethod
    def of(given: Body | str | dict[str, Any]) -> Body:
        """A body of storage text, of an ADF document, or as it is."""
        if isinstance(given, Body):
            return given
        return Body(storage=given) if isinstance(given, str) else Body(adf=json.dumps(given, ensure_ascii=False))

    def as_storage(self) -> str:
        """The body in storage format."""
        if self.storage is not None:
            return self.storage
        return storage_of_adf(json.loads(self.adf or "{}"))

    def as_adf(self) -> str:
        """The body as the JSON text of an ADF document."""
        return self.adf if self.adf is not None else json.dumps(adf_of_storage(self.storage or ""), ensure_ascii=False)

    def as_view(self) -> str:
        """The body as the HTML a reader sees: no macro element is left, their text is."""
        text = _CDATA.sub(lambda match: html.escape(match[1]), self.as_storage())
        return re.sub(r"</?(?:ac|ri):[^>]*>", "", text)

    def as_text(self) -> str:
        """The words of the body, for the search."""
        text = _CDATA.sub(lambda match: html.escape(match[1]), self.as_storage())
        return html.unescape(re.sub(r"<[^>]*>", " ", text))

    def rendered(self, representation: str) -> str:
        """The body in a format the API names."""
        if representation == "storage" or representation == "editor":
            return self.as_storage()
        return self.as_adf() if representation == "atlas_doc_format" else self.as_view()


def adf_of_storage(storage: str) -> dict[str, Any]:
    """An ADF document with the headings and paragraphs of a page in storage format."""
    reader = _Blocks()
    reader.feed(_CDATA.sub(lambda match: html.escape(match[1]), storage))
    reader.close()
    reader.end_block()
    return {"type": "doc", "version": 1, "content": reader.blocks or [{"type": "paragraph", "content": []}]}


def storage_of_adf(node: dict[str, Any]) -> str:
    """Storage format with the blocks and words of an ADF node."""
    kind, attributes = node.get("type"), node.get("attrs") or {}
    inner = "".join(storage_of_adf(child) for child in node.get("content") or [])
    if kind == "text":
        return html.escape(str(node.get("text", "")), quote=False)
    if kind == "heading":
        return f"<h{attributes.get('level', 1)}>{inner}</h{attributes.get('level', 1)}>"
    if kind == "codeBlock":
        code = html.unescape(inner).replace("]]>", "]]]]><![CDATA[>")
        language = html.escape(str(attributes.get("language") or "none"))
        return (
            f'<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">{language}</ac:parameter>'
            f"<ac:plain-text-body><![CDATA[{code}]]></ac:plain-text-body></ac:structured-macro>"
        )
    tag = {
        "paragraph": "p",
        "bulletList": "ul",
        "orderedList": "ol",
        "listItem": "li",
        "blockquote": "blockquote",
        "table": "table",
        "tableRow": "tr",
        "tableCell": "td",
        "tableHeader": "th",
    }.get(str(kind))
    shown = inner + html.escape(str(attributes.get("text") or ""), quote=False)
    return f"<{tag}>{shown}</{tag}>" if tag else shown


class _Blocks(HTMLParser):
    """Collects headings and paragraphs: a block ends where any block element begins or ends."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[dict[str, Any]] = []
        self._words: list[str] = []
        self._level = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.end_block()
            self._level = _HEADINGS.get(tag, 0)

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.end_block()

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def end_block(self) -> None:
        """Puts the words read so far into a block of their own."""
        text, level = "".join(self._words).strip(), self._level
        self._words, self._level = [], 0
        if not text:
            return
        content = [{"type": "text", "text": text}]
        if level:
            self.blocks.append({"type": "heading", "attrs": {"level": level}, "content": content})
        else:
            self.blocks.append({"type": "paragraph", "content": content})
