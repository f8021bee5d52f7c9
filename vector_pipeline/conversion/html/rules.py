"""What a user may say about the pages of a site: which elements are the content, which are not."""

from __future__ import annotations

from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

_EMPTY_PAGE = LexborHTMLParser("<p></p>")


@dataclass(frozen=True, slots=True)
class PageRules:
    """CSS selectors: `content` picks the elements that are the content, `remove` those that go before anything else.

    A page in which `content` picks nothing with words is read by the general rules.
    """

    content: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


def is_selector(text: str) -> bool:
    """Whether a text is a CSS selector that can be used in `PageRules`."""
    try:
        _EMPTY_PAGE.css(text)
    except SelectolaxError:
        return False
    return True
