"""Where the usual generators of documentation put their content: one line for each, known by an element of its own.

The selectors of one line together are the content, in the order of the page; some generators keep the page's title
apart from its text.
"""

from __future__ import annotations

from collections.abc import Sequence

from selectolax.lexbor import LexborNode

_CONTENT: Sequence[tuple[str, str, str]] = (
    # generator, an element only it makes, its content
    ("Sphinx, furo", "#furo-main-content", "#furo-main-content"),
    ("Sphinx, pydata", "article.bd-article", "article.bd-article"),
    ("Sphinx and MkDocs, Read the Docs", ".rst-content [itemprop=articleBody]", ".rst-content [itemprop=articleBody]"),
    ("Sphinx, basic", "div.documentwrapper div.body", "div.documentwrapper div.body"),
    ("MkDocs, Material", "article.md-content__inner", "article.md-content__inner"),
    ("Docusaurus", ".theme-doc-markdown", ".theme-doc-markdown"),
    ("Hugo, Docsy", "div.td-content", "div.td-content"),
    ("Hugo, Book", "article.book-article", "article.book-article"),
    ("GitBook", ".book-body .markdown-section", ".book-body .markdown-section"),
    ("VitePress", ".VPDoc .vp-doc, main .vp-doc", ".vp-doc"),
    ("VuePress", ".theme-default-content", ".theme-default-content, #theme-default-content"),
    ("mdBook", "#content.content > main", "#content.content > main"),
    ("javadoc", "main[role=main] .class-description, .flex-content main", "main"),
    ("javadoc before 16", ".contentContainer", "div.header:has(> .title), .contentContainer"),
    ("Doxygen", ".headertitle", ".headertitle, div.contents, div.textblock"),
    ("Antora", "article.doc", "article.doc"),
    ("AsciiDoc", "body > #header ~ #content", "body > #header, body > #content, body > #footnotes"),
    ("Just the Docs", "#main-content.main-content", "#main-content.main-content"),
    ("rustdoc", "#main-content.content", "#main-content.content"),
    ("MediaWiki", "#content > #bodyContent", "#firstHeading, #mw-content-text"),
)

PAGE_TITLES = ".headertitle .title, .fancy_title"
"""Elements that are the page's heading without being one."""


def generated_content(body: LexborNode) -> list[LexborNode]:
    """The elements that hold the content if a known generator made the page, else none."""
    for _, mark, content in _CONTENT:
        if body.css_first(mark) is not None:
            return body.css(content)
    return []
