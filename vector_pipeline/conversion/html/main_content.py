"""Which elements of a page are its content: those the user names, those of a known generator, or by general rule.

What is returned has lost its chrome, and everything in the page that shows no text.
"""

from __future__ import annotations

from collections.abc import Sequence

from selectolax.lexbor import LexborHTMLParser, LexborNode

from vector_pipeline.conversion.html.chrome import remove_unreadable
from vector_pipeline.conversion.html.generators import PAGE_TITLES, generated_content
from vector_pipeline.conversion.html.rules import PageRules
from vector_pipeline.conversion.html.tree import holders, outermost, remove

_MAIN = "main, [role=main], article, #main-content, .markdown-body"
_BESIDE = (
    "nav, footer, aside, [role=navigation], [role=contentinfo], [role=search], [role=banner], "
    ".nosearch, .sphinxsidebar, .navbar, .searchmenu"
)
_LEAST_SHARE = 0.25
_MOST_SHARE = 0.6
"""An element with more of the text than this is the content alone; others beside it are teasers and comments."""


def main_content(page: LexborHTMLParser, rules: PageRules) -> list[LexborNode]:
    """The elements that hold the content, in the order of the page, none within another."""
    body = page.body
    if body is None:
        return [page.root] if page.root is not None else []
    remove_unreadable(body)
    if rules.remove:
        remove([node for node in body.css(", ".join(rules.remove)) if node.mem_id != body.mem_id])
    if rules.content and (chosen := _with_words(body.css(", ".join(rules.content)))):
        return chosen
    return _with_words(generated_content(body)) or _by_rule(body)


def _with_words(nodes: Sequence[LexborNode]) -> list[LexborNode]:
    chosen = outermost(nodes)
    return chosen if any(node.text(strip=True) for node in chosen) else []


def _by_rule(body: LexborNode) -> list[LexborNode]:
    mains = outermost(body.css(_MAIN))
    lengths = [len(node.text(strip=True)) for node in mains]
    everything = len(body.text(strip=True))
    holding = holders(body.css(f"h1, main, article, {PAGE_TITLES}"))
    beside = outermost([node for node in body.css(_BESIDE) if node.mem_id not in holding])
    without = everything - sum(len(node.text(strip=True)) for node in beside)
    if mains and max(lengths) > _MOST_SHARE * without:
        mains = [mains[lengths.index(max(lengths))]]
    if mains and sum(lengths) >= _LEAST_SHARE * without:
        return mains
    if without >= _LEAST_SHARE * everything:
        remove(beside)
    return [body]
