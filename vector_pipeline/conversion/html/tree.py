"""Questions about a page's tree whose cost stays bounded however deep and wide the page is.

A question that looks at everything below an element, asked for every element, would take time that grows with the
square of a hostile page: these look at a limited number of nodes, or at every node once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from selectolax.lexbor import LexborNode

MOST_NODES = 300
_INVISIBLE = str.maketrans("", "", "\u200b\u200c\u200d\u2060\ufeff\u00ad")


def children(node: LexborNode) -> Iterator[LexborNode]:
    """The nodes directly within an element: elements, text and comments."""
    child = node.child
    while child is not None:
        yield child
        child = child.next


def descendants(node: LexborNode, most: int = MOST_NODES) -> Iterator[LexborNode]:
    """The first nodes within an element, in the order of the page."""
    stack = [node.child]
    while stack and most > 0:
        inner = stack.pop()
        if inner is not None:
            most -= 1
            yield inner
            stack.append(inner.next)
            stack.append(inner.child)


def short_text(node: LexborNode, most: int) -> str | None:
    """The text of an element as it is, None if it is longer than `most` characters or made of very many nodes."""
    parts: list[str] = []
    for seen, inner in enumerate(descendants(node, MOST_NODES + 1)):
        if inner.is_text_node and (text := inner.text_content):
            parts.append(text)
            most -= len(text)
        if most < 0 or seen == MOST_NODES:
            return None
    return "".join(parts)


def one_line(text: str) -> str:
    """The words of a text without line breaks and invisible characters."""
    return " ".join(text.translate(_INVISIBLE).split())


def outermost(nodes: Sequence[LexborNode]) -> list[LexborNode]:
    """Those of the nodes that lie in none of the others. Each ancestor is looked at once, however deep they lie."""
    inside = {node.mem_id: True for node in nodes}
    found: dict[int, LexborNode] = {}
    for node in nodes:
        above, parent = [], node.parent
        while parent is not None and parent.mem_id not in inside:
            above.append(parent.mem_id)
            parent = parent.parent
        within = parent is not None and inside[parent.mem_id]
        inside.update(dict.fromkeys(above, within))
        if not within:
            found[node.mem_id] = node
    return list(found.values())


def holders(nodes: Iterable[LexborNode]) -> set[int]:
    """The memory ids of the nodes and of all elements around them."""
    found: set[int] = set()
    for node in nodes:
        around: LexborNode | None = node
        while around is not None and around.mem_id not in found:
            found.add(around.mem_id)
            around = around.parent
    return found


def remove(nodes: Sequence[LexborNode]) -> None:
    """Takes nodes out of the page. Only the outermost are touched: the others go with them."""
    for node in outermost(nodes):
        node.decompose()
