"""Confluence's macros: what each one says, and what of it is still to be walked.

A macro that is not known keeps its body and those of its parameters that are words for readers. Only macros whose
whole content Confluence makes itself (tables of contents, lists of children) are dropped.
"""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from vector_pipeline.conversion.atlassian.base import References
from vector_pipeline.conversion.atlassian.storage_elements import attribute, child, name_of, text_of
from vector_pipeline.conversion.atlassian.storage_links import linked_address, linked_words
from vector_pipeline.conversion.writing import inline
from vector_pipeline.conversion.writing.builder import Builder
from vector_pipeline.conversion.writing.labels import language_name, panel_label

MAX_INCLUDED = 20
"""Pages that one page may include, those included by them counted too."""

_GENERATED = frozenset(
    "toc children pagetree pagetreesearch livesearch recently-updated recently-used contentbylabel content-by-label "
    "blog-posts index space-index attachments gallery change-history contributors contributors-summary listlabels "
    "navmap anchor popular-labels related-labels space-attachments spaces-list tasks-report-macro".split()
)
_NO_LANGUAGE = frozenset({"noformat", "code", "paste-code-macro", "code-block"})
_PANELS = frozenset("info note tip warning panel success error".split())
_WORDS = frozenset("title text label name caption description body alt summary subject message query jqlquery".split())
_CONSUMED = frozenset({"ac:parameter", "ac:plain-text-body"})


class Macros:
    """Opens macros in a builder."""

    def __init__(self, builder: Builder, references: References, parse: Callable[[str], etree._Element | None]) -> None:
        self._builder = builder
        self._references = references
        self._parse = parse
        self._included = 0

    def open(self, macro: etree._Element, marks: int, href: str) -> tuple[int | None, list[etree._Element]]:
        """Adds what the macro itself says; gives the token that closes it, and the elements that are to be walked."""
        name = attribute(macro, "ac:name").lower()
        parameters = {attribute(inner, "ac:name").lower(): inner for inner in macro if name_of(inner) == "ac:parameter"}
        stray = "".join(inner.tail or "" for inner in macro if name_of(inner) in _CONSUMED)
        if stray.strip():
            self._builder.text(stray, marks, href)
        rest = [inner for inner in macro if name_of(inner) not in _CONSUMED]
        plain = child(macro, "ac:plain-text-body")
        title = text_of(parameters.get("title")).strip()
        if plain is not None:
            return self._code(name, parameters, title, plain), rest
        if name in _PANELS:
            return self._builder.open_section(panel_label(name, title)), rest
        if name == "status":
            self._builder.text(title, inline.NAME, href)
            return None, rest
        if name == "jira":
            words = text_of(parameters.get("key")) or text_of(parameters.get("jqlquery"))
            self._builder.text(words, marks, href)
            return None, rest
        if name == "excerpt":
            return self._builder.open_section(), rest
        if name in ("include", "excerpt-include"):
            return self._include(name, parameters, rest)
        if name in _GENERATED:
            return None, rest
        token = self._builder.open_section() if child(macro, "ac:rich-text-body") is not None else None
        return token, [*self._worded(parameters, marks, href), *rest]

    def _code(self, name: str, parameters: dict[str, etree._Element], title: str, plain: etree._Element) -> int:
        token = self._builder.open_section(title)
        language = text_of(parameters.get("language")) or ("" if name in _NO_LANGUAGE else name)
        if name == "markdown":
            self._builder.verbatim(text_of(plain))
        else:
            self._builder.code(text_of(plain), language_name(language))
        return token

    def _worded(self, parameters: dict[str, etree._Element], marks: int, href: str) -> list[etree._Element]:
        """Adds the parameters of an unknown macro that are words; gives those that hold elements."""
        walked: list[etree._Element] = []
        words = []
        for name, parameter in parameters.items():
            if len(parameter):
                walked.extend(parameter)
                words.append((parameter.text or "").strip())
            elif (value := text_of(parameter).strip()) and (name in _WORDS or name == "" or " " in value):
                words.append(value)
        self._builder.text(" ".join(filter(None, words)), marks, href)
        return walked

    def _include(
        self, name: str, parameters: dict[str, etree._Element], rest: list[etree._Element]
    ) -> tuple[int | None, list[etree._Element]]:
        """The included page's content where the caller gives it, else a link to the page."""
        default = parameters.get("")
        page = (
            next(default.iter("{ri}page", "{ri}blog-post", "ri:page", "ri:blog-post"), None)
            if default is not None
            else None
        )
        if page is None:
            self._builder.text(text_of(default).strip())
            return None, rest
        excerpt = text_of(parameters.get("name")).strip()
        token = self._builder.open_section()
        space, title = attribute(page, "ri:space-key"), attribute(page, "ri:content-title")
        if self._references.include is not None and self._included < MAX_INCLUDED:
            self._included += 1
            storage = self._references.include(space, title, excerpt)
            tree = self._parse(storage) if storage else None
            if tree is not None:
                return token, [_excerpt(tree, excerpt) if name == "excerpt-include" else tree, *rest]
        link = self._builder.link(linked_address(page, self._references))
        self._builder.text(linked_words(page, self._references), href=link)
        return token, rest


def _excerpt(tree: etree._Element, name: str) -> etree._Element:
    """The body of the excerpt of that name, the first one without a name, the whole page if it has none."""
    for macro in tree.iter("{ac}structured-macro", "ac:structured-macro"):
        if attribute(macro, "ac:name").lower() != "excerpt":
            continue
        names = [text_of(inner).strip() for inner in macro if attribute(inner, "ac:name") == "name"]
        body = child(macro, "ac:rich-text-body")
        if body is not None and (not name or name in names):
            return body
    return tree
