"""Jira's wiki markup to markdown: lines to blocks, a line's words to `wiki_inline`.

The dialect has no grammar and people write anything into it, so every mark that isn't closed or isn't known stays as
the text it is. Code is set aside first, whole, so that nothing in it is taken for markup.
"""

from __future__ import annotations

import re

from vector_pipeline.conversion.atlassian.base import MAX_LENGTH, Markdown, References
from vector_pipeline.conversion.atlassian.wiki_code import Snippet, without_code
from vector_pipeline.conversion.atlassian.wiki_inline import WikiLine
from vector_pipeline.conversion.atlassian.wiki_lists import WikiLists
from vector_pipeline.conversion.atlassian.wiki_rows import cells_of, joined_rows
from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.conversion.writing.builder import Builder
from vector_pipeline.conversion.writing.labels import language_name, panel_label
from vector_pipeline.conversion.writing.writer import markdown_of

MAX_MARKS = 100_000
"""Lines and marks of one text that are read as markup; Jira itself allows 32,767 characters."""
_MARKUP = "*_+^~-[!{?|\\\n"
_BLANK_LINES = re.compile(r"\n{3,}")
_BLOCK_MACRO = re.compile(
    r"\{(quote|panel|info|note|tip|warning|expand|section|column|excerpt|toc|anchor)(?::([^{}\n\x02]{0,500}))?\}",
    re.IGNORECASE,
)
_HEADING = re.compile(r"[ \t]*h([1-6])\.(?:[ \t]+|$)")
_QUOTED_LINE = re.compile(r"[ \t]*bq\.[ \t]+")
_ITEM = re.compile(r"[ \t]*([*#]+-*|-{1,3})[ \t]+(?=\S)")
_RULE = re.compile(r"[ \t]*-{4,5}[ \t]*$")
_TITLE = re.compile(r"(?:^|\|)(?:title=)?([^|=]+)(?:\||$)")
_TITLED = frozenset({"panel", "info", "note", "tip", "warning", "expand"})


def wiki_to_markdown(markup: str, references: References | None = None) -> Markdown:
    """The text as markdown. Never fails; a text with more markup than people write comes back as it is, `degraded`."""
    markup = _BLANK_LINES.sub("\n\n", normalize(markup))
    if len(markup) > MAX_LENGTH or sum(map(markup.count, _MARKUP)) > MAX_MARKS:
        return Markdown(markup, degraded=f"more than {MAX_MARKS:,} lines and marks")
    text, snippets = without_code(markup)
    builder = Builder()
    reader = _Reader(builder, references or References(), snippets)
    reader.read(text)
    return Markdown(markdown_of(builder.finish()), list(builder.links), list(builder.mentions))


class _Reader:
    """Reads lines into a builder, knowing which lists, table and quotes are open."""

    def __init__(self, builder: Builder, references: References, snippets: list[Snippet]) -> None:
        self._builder = builder
        self._line = WikiLine(builder, references, self._add_snippet)
        self._lists = WikiLists(builder)
        self._snippets = snippets
        self._table: int | None = None
        self._quote: int | None = None

    def read(self, text: str) -> None:
        """Reads the whole text."""
        for line in joined_rows(text.split("\n")):
            position = 0
            for macro in _BLOCK_MACRO.finditer(line) if "{" in line else ():
                self._read_line(line[position : macro.start()], whole=False)
                self._block_macro(macro[1].lower(), macro[2] or "", at_start=not line[: macro.start()].strip())
                position = macro.end()
            self._read_line(line[position:], whole=position == 0)

    def _read_line(self, line: str, whole: bool) -> None:
        if not line.strip():
            if whole:
                self._end_blocks()
                self._builder.paragraph()
            return
        if line.lstrip().startswith("|"):
            self._row(line.strip())
            return
        self._end_table()
        if (item := _ITEM.match(line)) and self._lists.open_item(item[1]):
            self._line.read(line[item.end() :])
            return
        if heading := _HEADING.match(line):
            self._end_blocks()
            token = self._builder.open_heading(int(heading[1]))
            self._line.read(line[heading.end() :])
            self._builder.close(token)
        elif quoted := _QUOTED_LINE.match(line):
            self._end_blocks()
            token = self._builder.open_quote()
            self._line.read(line[quoted.end() :])
            self._builder.close(token)
        elif _RULE.match(line):
            self._end_blocks()
            self._builder.rule()
        else:
            self._builder.line_break()
            self._line.read(line)

    def _block_macro(self, name: str, parameters: str, at_start: bool) -> None:
        if name in ("toc", "anchor"):
            return
        if at_start:
            self._end_blocks()
        self._builder.paragraph()
        if name == "quote":
            if self._quote is None:
                self._quote = self._builder.open_quote()
            else:
                self._lists.forget()
                self._table = None
                self._builder.close(self._quote)
                self._quote = None
        elif name in _TITLED:
            title = _TITLE.search(parameters)
            self._builder.label(panel_label(name, title[1] if title else "") if parameters else "")

    def _row(self, line: str) -> None:
        if self._table is None:
            self._table = self._builder.open_table()
        row = self._builder.open_row()
        for text, header in cells_of(line):
            cell = self._builder.open_cell(header=header)
            for part in text.split("\n"):
                self._builder.line_break()
                self._line.read(part)
            self._builder.close(cell)
        self._builder.close(row)

    def _end_table(self) -> None:
        if self._table is not None:
            self._builder.close(self._table)
            self._table = None

    def _end_blocks(self) -> None:
        self._end_table()
        self._lists.end()

    def _add_snippet(self, number: int) -> None:
        snippet = self._snippets[number]
        self._builder.label(snippet.title)
        self._builder.code(snippet.text, language_name(snippet.language))
