"""Atlassian Document Format (the JSON of Jira Cloud and of Confluence Cloud) to markdown.

The tree is walked with a stack of its own, so that no depth overflows ours. A node of an unknown type gives its
words and those of its children. Types are as Atlassian's JSON schema names them; nothing about a node is taken for
granted, since the services themselves send more than the schema allows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from vector_pipeline.conversion.atlassian.base import MAX_LENGTH, MAX_PIECES, Markdown, References
from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.conversion.writing import inline
from vector_pipeline.conversion.writing.builder import Builder
from vector_pipeline.conversion.writing.labels import language_name, panel_label
from vector_pipeline.conversion.writing.writer import markdown_of

_MARKS = {"strong": inline.STRONG, "em": inline.EMPHASIS, "strike": inline.STRIKE, "code": inline.CODE}
_WORDS_OF_ATTRIBUTES = ("title", "text", "alt", "label", "name", "shortName")
_SECTIONS = (
    "paragraph mediaSingle mediaGroup caption blockCard embedCard layoutSection layoutColumn extension bodiedExtension "
    "syncBlock bodiedSyncBlock"
).split()
"""Nodes that are no more than a paragraph, or several."""
_TEXT_IN_JSON = re.compile(r'"(?:text|title|alt|url|href)"\s*:\s*("(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")')
_IGNORED_PARAMETERS = frozenset({"macroId", "schemaVersion", "localId", "_parentId", "language"})


def adf_to_markdown(adf: Mapping[str, Any] | str, references: References | None = None) -> Markdown:
    """The document as markdown; JSON text is read first. Never fails: what can't be walked gives its words.

    Text that is not JSON comes back as it is, `degraded`.
    """
    if isinstance(adf, str):
        if len(adf) > MAX_LENGTH:
            return Markdown(_words_of_json(adf), degraded="too large to be read as ADF")
        try:
            adf = json.loads(adf)
        except ValueError:
            return Markdown(normalize(str(adf)), degraded="not valid JSON")
        except RecursionError:
            return Markdown(_words_of_json(str(adf)), degraded="JSON nested too deep")
    builder = Builder()
    reader = _Reader(builder, references or References())
    if not reader.read(adf):
        return Markdown(normalize("\n".join(_strings(adf))), degraded=f"more than {MAX_PIECES:,} nodes")
    text = markdown_of(builder.finish())
    return Markdown(text, list(builder.links), list(builder.mentions))


class _Reader:
    """One walk over a document: every node opens something in the builder, its children follow, then it is closed."""

    def __init__(self, builder: Builder, references: References) -> None:
        self._builder = builder
        self._references = references
        self._openers: dict[str, Callable[[Mapping[str, Any]], int]] = {
            "heading": lambda attrs: builder.open_heading(_number(attrs.get("level"), 1)),
            "blockquote": lambda attrs: builder.open_quote(),
            "bulletList": lambda attrs: builder.open_list(),
            "orderedList": lambda attrs: builder.open_list(max(_number(attrs.get("order"), 1), 0)),
            "taskList": lambda attrs: builder.open_list(),
            "decisionList": lambda attrs: builder.open_list(),
            "listItem": lambda attrs: builder.open_item(),
            "decisionItem": lambda attrs: builder.open_item(),
            "taskItem": lambda attrs: builder.open_item(attrs.get("state") == "DONE"),
            "blockTaskItem": lambda attrs: builder.open_item(attrs.get("state") == "DONE"),
            "table": lambda attrs: builder.open_table(),
            "tableRow": lambda attrs: builder.open_row(),
            "tableCell": lambda attrs: self._open_cell(attrs, header=False),
            "tableHeader": lambda attrs: self._open_cell(attrs, header=True),
            "panel": lambda attrs: builder.open_section(panel_label(_string(attrs.get("panelType")))),
            "expand": lambda attrs: builder.open_section(_string(attrs.get("title"))),
            "nestedExpand": lambda attrs: builder.open_section(_string(attrs.get("title"))),
            **dict.fromkeys(_SECTIONS, lambda attrs: builder.open_section()),
        }
        self._leaves: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "hardBreak": lambda attrs: builder.line_break(),
            "rule": lambda attrs: builder.rule(),
            "mention": self._mention,
            "emoji": lambda attrs: builder.text(_string(attrs.get("text")) or _string(attrs.get("shortName"))),
            "date": lambda attrs: builder.text(_date(attrs.get("timestamp"))),
            "status": lambda attrs: builder.text(_string(attrs.get("text")), inline.NAME),
            "placeholder": lambda attrs: builder.text(_string(attrs.get("text"))),
            "inlineCard": self._card,
            "blockCard": self._card,
            "embedCard": self._card,
            "media": self._media,
            "mediaInline": self._media,
            "extension": self._extension,
            "inlineExtension": self._extension,
        }

    def read(self, document: Any) -> bool:
        """Walks the document; False if it has too many nodes."""
        stack: list[tuple[Iterator[Any], int | None]] = [(iter([document]), None)]
        nodes = 0
        while stack:
            children, token = stack[-1]
            node = next(children, stack)
            if node is stack:
                stack.pop()
                if token is not None:
                    self._builder.close(token)
                continue
            nodes += 1
            if nodes > MAX_PIECES:
                return False
            if isinstance(node, str):
                self._builder.text(node)
            elif isinstance(node, list):
                stack.append((iter(node), None))
            elif isinstance(node, Mapping):
                self._enter(node, stack)
        return True

    def _enter(self, node: Mapping[str, Any], stack: list[tuple[Iterator[Any], int | None]]) -> None:
        kind = _string(node.get("type"))
        attrs = node.get("attrs")
        attrs = attrs if isinstance(attrs, Mapping) else {}
        content = node.get("content")
        if isinstance(node.get("text"), str):
            self._text(node)
        if kind == "codeBlock":
            self._builder.code("".join(_strings(content)), language_name(_string(attrs.get("language"))))
            return
        token = None
        if kind in self._openers:
            token = self._openers[kind](attrs)
        if kind in self._leaves:
            self._leaves[kind](attrs)
        elif token is None and kind not in ("text", "doc"):
            self._unknown(attrs)
        if content is not None:
            stack.append((iter(content if isinstance(content, list) else [content]), token))
        elif token is not None:
            self._builder.close(token)

    def _text(self, node: Mapping[str, Any]) -> None:
        marks, href = 0, ""
        found = node.get("marks")
        for mark in found if isinstance(found, list) else ():
            if not isinstance(mark, Mapping):
                continue
            kind = _string(mark.get("type"))
            marks |= _MARKS.get(kind, 0)
            if kind == "link" and isinstance(mark.get("attrs"), Mapping):
                href = self._builder.link(_string(mark["attrs"].get("href")))
        self._builder.text(node["text"], marks, href)

    def _open_cell(self, attrs: Mapping[str, Any], header: bool) -> int:
        return self._builder.open_cell(_number(attrs.get("colspan"), 1), _number(attrs.get("rowspan"), 1), header)

    def _mention(self, attrs: Mapping[str, Any]) -> None:
        account = _string(attrs.get("id"))
        self._builder.mention(account, self._references.user(account) or _string(attrs.get("text")))

    def _card(self, attrs: Mapping[str, Any]) -> None:
        data = attrs.get("data")
        data = data if isinstance(data, Mapping) else {}
        href = self._builder.link(_string(attrs.get("url")) or _string(data.get("url")))
        self._builder.text(_string(data.get("name")) or href, href=href)

    def _media(self, attrs: Mapping[str, Any]) -> None:
        name = _string(attrs.get("alt")) or _string(attrs.get("__fileName"))
        url = _string(attrs.get("url")) or self._references.attachment(name)
        self._builder.raw(inline.image(name, self._builder.link(url)))

    def _extension(self, attrs: Mapping[str, Any]) -> None:
        """A macro without a body: its fallback text and the values of its parameters that are prose."""
        parameters = attrs.get("parameters")
        found = parameters.get("macroParams") if isinstance(parameters, Mapping) else None
        words = [_string(attrs.get("text"))]
        if isinstance(found, Mapping):
            for name, value in found.items():
                if name not in _IGNORED_PARAMETERS and isinstance(value, Mapping):
                    words.append(_string(value.get("value")))
        self._builder.text(" ".join(dict.fromkeys(filter(None, words))))

    def _unknown(self, attrs: Mapping[str, Any]) -> None:
        words = [_string(attrs.get(name)) for name in _WORDS_OF_ATTRIBUTES]
        self._builder.text(" ".join(filter(None, words)))


def _strings(node: Any) -> Iterator[str]:
    """Every text in document order, without recursion."""
    stack = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, list):
            stack.extend(reversed(node))
        elif isinstance(node, Mapping):
            stack.append(node.get("content"))
            stack.append(node.get("text"))


def _words_of_json(text: str) -> str:
    """The texts of JSON that is too deep to be parsed."""
    words = (json.loads(found, strict=False) for found in _TEXT_IN_JSON.findall(text))
    return normalize("\n".join(words))


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _number(value: Any, default: int) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _date(timestamp: Any) -> str:
    """The day of a timestamp in milliseconds; what is none as it is."""
    text = _string(timestamp)
    try:
        return datetime.fromtimestamp(int(text) / 1000, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return text
