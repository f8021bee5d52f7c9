"""Blocks of code: their text as the page's reader would copy it, and the language their classes name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborNode

from vector_pipeline.conversion.writing.labels import language_name

GUTTERS = (
    ".linenos, .lineno, .linenodiv, td.gutter, .rouge-gutter, td.blob-num, .hljs-ln-numbers, .line-numbers-rows, "
    ".lnt, .chroma .ln, pre .ln, .CodeMirror-linenumber, .react-code-line-number"
)
"""Numbers beside the lines, which nobody would copy."""
_LINES = ".line, .highlight-line, .token-line, .code-line, .view-line"
_UNEVEN = f"br, {_LINES}"
_CLASS = re.compile(
    r"(?:^|\s)(?:(?:language|lang|highlight-source|highlight|hl)-|brush:\s*|(?:sourceCode|hljs)\s+(?!language-))([\w+#.-]+)"
)
_NOT_LANGUAGES = frozenset("default notranslate ipynb source output".split())
_SAME = {"ipython3": "python", "ipython": "python", "python3": "python"}
_MOST_LINES = 50
"""Lines that are looked at to tell how they end."""
_CLIMB = 8
_CODE_CELLS = frozenset({"code", "rouge-code", "lntd"})


def code_text(block: LexborNode) -> str:
    """The text of a `pre` (or of a listing made of line elements) exactly as in the page, without the last newline.

    Where each line is an element of its own and no newline stands between them, one is put there; so is one for `br`.
    """
    inner = [node for node in block.css("pre") if node.mem_id != block.mem_id]
    if len(inner) == 1 and inner[0].text().strip() == block.text().strip():
        block = inner[0]  # code beside its gutter, in a table within the outer one
    text = block.text() if block.css_first(_UNEVEN) is None else "".join(_pieces(block))
    return text.removesuffix("\n")


def _pieces(block: LexborNode) -> Iterator[str]:
    lines = block.css(_LINES)
    separate = bool(lines) and not any(_newline_near(line) for line in lines[:-1][:_MOST_LINES])
    ends = {line.mem_id for line in lines[:-1]} if separate else set()
    stack: list[tuple[LexborNode | None, int]] = [(block.child, 0)]
    while stack:
        node, closing = stack.pop()
        if node is None:
            if closing in ends:
                yield "\n"
            continue
        stack.append((node.next, closing))
        if node.is_text_node:
            yield node.text_content or ""
        elif node.tag == "br":
            yield "\n"
        elif node.is_element_node:
            stack.append((node.child, node.mem_id))


def _newline_near(line: LexborNode) -> bool:
    """Whether a line element ends with a newline of its own, or one stands between it and the next."""
    if line.css_first("br") is not None or line.text().endswith("\n"):
        return True
    after = line.next
    return after is not None and (after.tag == "br" or (after.is_text_node and "\n" in (after.text_content or "")))


def code_language(block: LexborNode) -> str:
    """The language that a class or attribute of the block, its `code` or its frame names; "" if none does."""
    code = block.css_first("code")
    if code is not None and (name := _named(code)):
        return name
    node: LexborNode | None = block
    for _ in range(_CLIMB):
        if node is None or node.tag in ("body", "main", "article", "section", "li", "blockquote"):
            return ""
        if node.tag == "td" and _CODE_CELLS.isdisjoint((node.attributes.get("class") or "").split()):
            return ""
        if name := _named(node):
            return name
        node = node.parent
    return ""


def _named(node: LexborNode) -> str:
    attributes = node.attributes
    for key in ("data-lang", "data-language"):
        if name := language_name(attributes.get(key) or ""):
            return name
    classes = attributes.get("class") or ""
    for match in _CLASS.finditer(classes):
        name = language_name(match[1].rstrip(";"))
        if name and name not in _NOT_LANGUAGES:
            return _SAME.get(name, name)
    return ""
