"""Guards against pages built to exhaust the parser: what may be too deep is told from the text, before it is parsed.

Many elements open at once cost the parser time and memory out of proportion to the page. Whatever is left open by
mistake counts as open here, so that no page is thought smaller than it is.
"""

from __future__ import annotations

import re

MAX_OPENED = 60_000
"""Elements that may be open at once: a few seconds of the parser."""
MAX_REOPENED = 1_000_000
"""Elements that unclosed formatting may make of a small page."""
MAX_CHOICES = 1_000
MAX_ATTRIBUTES = 5_000
"""Attributes of one element; each is compared with all others."""
MAX_BODIES = 100
"""Tags of the whole page; the attributes of each are compared with those of all before."""
_BODY = re.compile(r"<(?:body|html)(?![\w-])", re.IGNORECASE)
_LONG_TAG = re.compile(r"<[a-z](?:[^>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+'|))*+", re.IGNORECASE)
_VALUE = re.compile(r"=\s*+(?:\"[^\"]*+\"|'[^']*+')")
NO_SELECT = "x-select"
"""The name that `select` gets in a page with many choices."""
_SELECT = re.compile(r"<(/?)select(?![\w-])", re.IGNORECASE)
_CHOICE = re.compile(r"<option(?![\w-])", re.IGNORECASE)
_NO_DRAWING = (
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<raw>script|style|title|textarea|xmp|iframe|noembed|noframes|plaintext)(?=[\s/>])"
    r".*?(?:</(?P=raw)(?=[\s/>])|\Z)"
)
"""Comments, and elements whose text is no markup: scripts and addresses often hold the marks of a drawing."""
_DRAWING = re.compile(
    _NO_DRAWING + r"|<(?:(?P<svg>svg)(?=[\s/>])|[a-z])(?:[^>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+'|))*+>?",
    re.DOTALL | re.IGNORECASE,
)
_SVG_END = re.compile(
    r"(?P<closed></svg\s*>)|(?P<words><foreignobject)|<(?:blockquote|center|d[dlt]|div|h[1-6]|hr|li|ol|p|pre|table|ul)"
    r"(?=[\s/>])",
    re.IGNORECASE,
)
"""What closes a drawing; elements of a page do so, too, unless the drawing holds words set by the page's means."""
_SVG_CLOSE = re.compile(r"</svg\s*>", re.IGNORECASE)
_VOID = "area base br col embed hr img input link meta param source track wbr"
_NEVER_DEEP = f"{_VOID} p li dt dd td th tr thead tbody tfoot option optgroup html head body"
"""Elements that close their like when they open."""
_NO_MORE = "(?![a-zA-Z0-9-])"


def _opening(harmless: str) -> re.Pattern[str]:
    return re.compile(f"<(?!(?:{'|'.join(harmless.split())}){_NO_MORE})[a-z]", re.IGNORECASE)


_OPENED, _OPENED_WITH_MATH = _opening(_NEVER_DEEP), _opening(_VOID)
_FORMATTING = re.compile(f"<(/?)(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u){_NO_MORE}", re.IGNORECASE)
_CLOSED = re.compile(
    r"""<([a-zA-Z][a-zA-Z0-9-]*)(?:\s+[a-zA-Z_][\w:.-]*(?:=(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>=`]+))?)*\s*>[^<>]*</\1\s*>"""
)
"""An element in its strictest spelling with nothing but text in it: whatever stands around it, it is closed again."""
_MOST_ROUNDS = 4


def overwhelming(text: str) -> bool:
    """Whether the parser could run out of time or memory: too many elements open at once, or formatting never closed.

    Counts what may be open at most, since what really is takes a parser to know. The parser opens unclosed
    formatting again in every block, so their product bounds the tree; its time grows with what is open, squared.
    """
    if _laden(text):
        return True
    if text.count("<") <= 2_000:
        return False
    for _ in range(_MOST_ROUNDS):
        if not _too_much(text):
            return False
        # A long page of closed elements is no danger: look again without the innermost ones.
        text, closed = _CLOSED.subn("", text)
        if not closed:
            return True
    return _too_much(text)


def _laden(text: str) -> bool:
    """Whether an element has very many attributes, or the page very many bodies."""
    if len(text) <= 2 * MAX_ATTRIBUTES:
        return False
    for tag in _LONG_TAG.finditer(text):
        if tag.end() - tag.start() > 2 * MAX_ATTRIBUTES and len(_VALUE.sub(" ", tag[0]).split()) > MAX_ATTRIBUTES:
            return True
    return len(_BODY.findall(text)) > MAX_BODIES


def _too_much(text: str) -> bool:
    opened = len((_OPENED_WITH_MATH if "<math" in text.lower() else _OPENED).findall(text))
    if opened > MAX_OPENED:
        return True
    formatting = most_formatting = 0
    for closing in _FORMATTING.findall(text):
        formatting = max(formatting - 1, 0) if closing else formatting + 1
        most_formatting = max(most_formatting, formatting)
    return most_formatting * opened > MAX_REOPENED


def prepared(text: str) -> str:
    """The page without drawings, in which the rules on nesting differ and whose text is no prose, and without long
    menus of choices, which take the parser a time that grows with their number squared.
    """
    if len(_CHOICE.findall(text)) > MAX_CHOICES:
        text = _SELECT.sub(rf"<\1{NO_SELECT}", text)
    return _without_drawings(text) if "<svg" in text.lower() else text


def _without_drawings(text: str) -> str:
    parts, position, kept = [], 0, 0
    while found := _DRAWING.search(text, position):
        position = found.end()
        if found["svg"] is None:
            continue
        if not found[0].endswith("/>"):
            closing = _SVG_END.search(text, position)
            if closing is not None and closing["words"]:
                closing = _SVG_CLOSE.search(text, closing.end())
            elif closing is not None and not closing["closed"]:
                continue
            if closing is None:
                break  # none that follows is closed either
            position = closing.end()
        parts.append(text[kept : found.start()])
        kept = position
    parts.append(text[kept:])
    return "".join(parts)
