"""What elements of HTML and classes of generators mean for the text: tables and small questions of the walk."""

from __future__ import annotations

from collections.abc import Mapping

from selectolax.lexbor import LexborNode

from vector_pipeline.conversion.html.tree import children, short_text
from vector_pipeline.conversion.writing.inline import CODE, EMPHASIS, STRIKE, STRONG

MARKS = {
    "strong": STRONG, "b": STRONG, "em": EMPHASIS, "i": EMPHASIS, "s": STRIKE, "del": STRIKE, "strike": STRIKE,
    "code": CODE, "tt": CODE, "kbd": CODE, "samp": CODE,
}  # fmt: skip
HEADINGS = {f"h{level}": level for level in range(1, 7)}
BLOCKS = frozenset(
    "address article aside body caption center dd details dialog div dl dt fieldset figcaption figure footer form "
    "frame frameset header hgroup hr html legend main menuitem noframes optgroup option p search section summary "
    "thead tbody tfoot tr td th ul ol li table pre blockquote".split()
)
"""Elements whose text stands apart from what is around them."""
VERBATIM = frozenset({"pre", "listing", "xmp", "plaintext"})
ADMONITIONS = frozenset(
    "admonition admonitionblock theme-admonition markdown-alert custom-block hint-container custom-container "
    "starlight-aside alert book-hint hint callout".split()
)
TITLES = frozenset(
    "admonition-title admonition-heading markdown-alert-title custom-block-title hint-container-title "
    "custom-container-title starlight-aside__title alert-heading callout-title callout-header topic-title "
    "sidebar-title sphinx-design-title sd-card-title sd-summary-title".split()
)
"""Classes of short elements that head a box: they are set in bold."""
DOCBOOK_BOXES = frozenset("note tip warning caution important".split())
SIGNATURES = frozenset({"sig", "member-signature", "type-signature", "memname"})
"""Classes of elements that hold the declaration of a function or type, cut into many elements."""
FRAGMENTS = frozenset({"fragment"})
"""Classes of listings whose lines are elements."""
LONGEST_LINE = 1_000
"""Characters of a heading or term that is read as one line; a longer one was never closed."""
_BEHIND = frozenset("p ul ol dl table pre h1 h2 h3 h4 h5 h6 section".split())


def before_blocks(heading: LexborNode) -> list[LexborNode] | None:
    """The words of a heading that are followed by blocks in it, since its end tag is missing; None if all is well."""
    lead: list[LexborNode] = []
    words = False
    for child in children(heading):
        if words and child.tag in _BEHIND:
            return lead
        words = words or has_words(child)
        lead.append(child)
    return None


def href(node: LexborNode) -> str:
    """Where a link leads as it is written, "" for other nodes."""
    return (node.attributes.get("href") or "") if node.tag == "a" else ""


def has_words(node: LexborNode) -> bool:
    """Whether a node says anything."""
    if node.is_text_node:
        return not (node.text_content or "").isspace()
    text = short_text(node, LONGEST_LINE)
    return text is None or bool(text.strip())


def is_title(name: str, classes: frozenset[str], boxed: bool) -> bool:
    """Whether an element heads a box or a block, by its class."""
    if not classes:
        return False
    if not TITLES.isdisjoint(classes) or "tab-label" in classes or "sd-tab-label" in classes:
        return True
    if name == "div" and "title" in classes:
        return True  # AsciiDoc's block titles
    return boxed and any(one.startswith("admonitionHeading") for one in classes)


def tex_of(node: LexborNode, attributes: Mapping[str, str | None]) -> str:
    """A formula as TeX if the page has it so, else its letters."""
    annotation = node.css_first("annotation[encoding*='tex' i]")
    if annotation is not None:
        return annotation.text()
    return attributes.get("alttext") or node.text(separator=" ")


def checked(item: LexborNode) -> bool | None:
    """Whether a task is done, None for an item that is no task."""
    first = item.child
    while first is not None and not first.is_element_node and not (first.text_content or "").strip():
        first = first.next
    if first is not None and first.tag in ("label", "p"):
        first = first.child
    if first is None or first.tag != "input":
        return None
    attributes = first.attributes
    return "checked" in attributes if attributes.get("type") == "checkbox" else None


def number(value: str | None, default: int) -> int:
    """The number that an attribute holds, the default where it holds none or a huge one."""
    return int(value) if value and value.isdecimal() and len(value) < 7 else default
