"""HTML to markdown: the main content without the page's chrome, headings, lists, tables and code kept.

The parser and the converter are native code that overflows its stack on very deep nesting, so the depth is bounded
before either sees the page; such a page, and one whose markdown lost its words, gives plain text instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser

import html_to_markdown
from selectolax.lexbor import LexborHTMLParser, LexborNode

from vector_pipeline.conversion.content import Converted
from vector_pipeline.conversion.decoding import normalize
from vector_pipeline.conversion.front_matter import MAX_LENGTH
from vector_pipeline.conversion.markdown import outline_of

MAX_OPENED = 60_000
"""Elements that may be open at once; the parser's own limit is above 100,000 on a usual stack."""
MAX_REOPENED = 1_000_000
"""Elements that unclosed formatting may make of a small page."""
_MAIN = "main, [role=main], article, #main-content, .markdown-body"
_CHROME = "nav, footer, aside, [role=navigation], [role=contentinfo], [role=search], [role=banner]"
_UNREADABLE = (
    "script, style, noscript, template, svg, math annotation, iframe, object, embed, canvas, link, meta, a.headerlink, "
    "a.anchor-link, [hidden]"
)
_LEAST_SHARE = 0.25
_MOST_SHARE = 0.6
"""An element with more of the text than this is the content alone; others beside it are teasers and comments."""
_SVG_OPEN = re.compile(r"<svg(?=[\s/>])", re.IGNORECASE)
_SVG_CLOSE = re.compile(r"</svg\s*>", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_NEVER_DEEP = _VOID | frozenset("p li dt dd td th tr thead tbody tfoot option optgroup html head body".split())
"""Elements that close their like when they open."""
_FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_SKIPPED = frozenset({"script", "style"})
_BLANK_LINES = re.compile(r"\n{3,}")
_OPTIONS = html_to_markdown.ConversionOptions(
    extract_metadata=False,
    inline_data_media="alt_text_only",
    infer_dimensions=False,
    expand_abbreviations=False,
    compact_tables=True,
)


def convert_html(text: str, language: str = "") -> Converted:
    """The page's main content as markdown, with its title and author. A page is never lost: at worst it is plain text.

    The title is embedded as context where the content has no heading of its own.
    """
    text = _without_svg(text)
    if _overwhelming(text):
        words = _plain_text(text)
        return Converted(words, "text", title=_title_of(text))
    page = LexborHTMLParser(text)
    title = _words(page.css_first("title"))
    author = page.css_first('meta[name="author" i]')
    content = _main_content(page)
    markdown = _markdown(content)
    if not markdown:
        return Converted(_plain_text(text), "text", title=title)
    outline = outline_of(markdown)
    metadata = {}
    if author is not None and (name := " ".join((author.attributes.get("content") or "").split())):
        metadata["author"] = normalize(name)[:MAX_LENGTH]
    context = "" if outline.first_heading else title
    return Converted(markdown, "markdown", language, title or outline.first_h1, metadata, context)


def _main_content(page: LexborHTMLParser) -> list[LexborNode]:
    """The elements that hold the content, in order, with everything that is no content removed from them."""
    body = page.body
    if body is None:
        return [page.root] if page.root is not None else []
    for node in body.css(_UNREADABLE):
        node.decompose()
    everything = len(body.text(strip=True))
    mains = _outermost(body.css(_MAIN))
    lengths = [len(node.text(strip=True)) for node in mains]
    if mains and max(lengths) > _MOST_SHARE * everything:
        mains = [mains[lengths.index(max(lengths))]]
    if mains and sum(lengths) >= _LEAST_SHARE * everything:
        for main in mains:
            for node in main.css("nav, [role=navigation]"):
                node.decompose()
        return mains
    chrome = _outermost([node for node in body.css(_CHROME) if node.css_first("h1, main, article") is None])
    without = everything - sum(len(node.text(strip=True)) for node in chrome)
    if without >= _LEAST_SHARE * everything:
        for node in chrome:
            node.decompose()
    return [body]


def _outermost(nodes: Sequence[LexborNode]) -> list[LexborNode]:
    """Those of the nodes that lie in none of the others. Each ancestor is looked at once, however deep they lie."""
    inside = {node.mem_id: True for node in nodes}
    outermost = []
    for node in nodes:
        above, parent = [], node.parent
        while parent is not None and parent.mem_id not in inside:
            above.append(parent.mem_id)
            parent = parent.parent
        within = parent is not None and inside[parent.mem_id]
        inside.update(dict.fromkeys(above, within))
        if not within:
            outermost.append(node)
    return outermost


def _markdown(contents: Sequence[LexborNode]) -> str:
    words = " ".join(node.text(separator=" ", strip=True) for node in contents)
    try:
        whole = "\n".join(node.html or "" for node in contents)
        markdown = normalize(html_to_markdown.convert(whole, _OPTIONS).content or "")
    except html_to_markdown.ConversionError:
        markdown = ""  # its words follow as plain text
    if words and len(markdown) < len("".join(words.split())) // 2:
        markdown = normalize("\n\n".join(node.text(separator="\n", strip=True) for node in contents))
    markdown = _BLANK_LINES.sub("\n\n", markdown).strip("\n")
    return markdown + "\n" if markdown else ""


def _overwhelming(text: str) -> bool:
    """Whether native code could run out of stack or memory: too many elements open at once, or formatting never closed.

    Counts what may be open at most, since what really is takes a parser to know. The parser opens unclosed
    formatting again in every block, so their product bounds the tree.
    """
    if text.count("<") <= 2_000:
        return False
    harmless = _VOID if "<math" in text.lower() else _NEVER_DEEP
    opened = formatting = most_formatting = 0
    for closing, name in _TAG.findall(text):
        lower = name.lower()
        if lower in _FORMATTING:
            formatting = max(formatting - 1, 0) if closing else formatting + 1
            most_formatting = max(most_formatting, formatting)
        if not closing and lower not in harmless:
            opened += 1
    return opened > MAX_OPENED or most_formatting * opened > MAX_REOPENED


def _without_svg(text: str) -> str:
    """The page without drawings, in which the rules on nesting differ and whose text is no prose."""
    parts, position = [], 0
    while opening := _SVG_OPEN.search(text, position):
        tag_end = text.find(">", opening.end())
        if tag_end > 0 and text[tag_end - 1] == "/":
            end = tag_end + 1  # <svg/> holds nothing
        elif closing := _SVG_CLOSE.search(text, opening.end()):
            end = closing.end()
        else:
            break
        parts.append(text[position : opening.start()])
        position = end
    parts.append(text[position:])
    return "".join(parts)


class _Words(HTMLParser):
    """Collects text with no tree and no recursion, so that nesting costs nothing."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.title: list[str] = []
        self._skipped: list[str] = []
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SKIPPED:
            self._skipped.append(tag)
        self._in_title = tag == "title"

    def handle_endtag(self, tag: str) -> None:
        if self._skipped and tag == self._skipped[-1]:
            self._skipped.pop()
        self._in_title = False

    def parse_html_declaration(self, i: int) -> int:
        """Takes "<![x[ … ]>" for a comment, as browsers do: the base class fails on words it doesn't know."""
        if self.rawdata.startswith("<![", i):
            return self.parse_bogus_comment(i)
        return super().parse_html_declaration(i)

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._skipped and (words := data.strip()):
            self.parts.append(words)


def _plain_text(text: str) -> str:
    reader = _Words()
    reader.feed(text)
    reader.close()
    return normalize("".join(f"{part}\n" for part in reader.parts))


def _title_of(text: str) -> str:
    reader = _Words()
    reader.feed(text)
    return " ".join("".join(reader.title).split())[:MAX_LENGTH]


def _words(node: LexborNode | None) -> str:
    return normalize(" ".join(node.text().split()))[:MAX_LENGTH] if node is not None else ""
