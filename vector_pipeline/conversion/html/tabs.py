"""Tabs: each panel is shown under the label of its tab, since a text has no tabs to click.

Labels and panels are matched by their order within the element that holds both; where the numbers differ, the
labels stay where they are.
"""

from __future__ import annotations

from selectolax.lexbor import LexborNode

from vector_pipeline.conversion.html.tree import one_line, outermost, remove

_LISTS = "[role=tablist], .tabbed-labels, .vp-code-group > .tabs, ul.nav-tabs, .tablist"
_LABELS = "[role=tab]", "label", "li", "a", "button"
_PANELS = "[role=tabpanel], .tabbed-block, .tab-pane, .tabpanel, .vp-code-group > .blocks > div"
_CLIMB = 4
"""Elements between a list of tabs, or a panel, and the element that holds both."""


def tab_labels(content: LexborNode) -> dict[int, str]:
    """The label of each panel by the panel's memory id. The lists of labels that were matched leave the page."""
    lists = outermost([tabs for tabs in content.css(_LISTS) if tabs.mem_id != content.mem_id])
    if not lists:
        return {}
    held = _panels_by_holder(content)
    found: dict[int, str] = {}
    matched = []
    for tabs in lists:
        labels = next(filter(None, (tabs.css(selector) for selector in _LABELS)), [])
        panels = _panels_of(tabs, held, len(labels))
        if panels:
            words = [one_line(label.text()) for label in outermost(labels)]
            found.update(zip(panels, words, strict=False))
            matched.append(tabs)
    remove(matched)
    return found


def _panels_by_holder(content: LexborNode) -> dict[int, list[int]]:
    """The panels by the elements close around them; a panel within a panel belongs to those inside of that only."""
    panels = content.css(_PANELS)
    ids = {panel.mem_id for panel in panels}
    held: dict[int, list[int]] = {}
    for panel in panels:
        holder = panel.parent
        for _ in range(_CLIMB):
            if holder is None:
                break
            held.setdefault(holder.mem_id, []).append(panel.mem_id)
            if holder.mem_id in ids:
                break
            holder = holder.parent
    return held


def _panels_of(tabs: LexborNode, held: dict[int, list[int]], number: int) -> list[int]:
    """The panels in the nearest element around the list that holds as many as there are labels."""
    holder = tabs.parent
    for _ in range(_CLIMB):
        if holder is None:
            break
        panels = held.get(holder.mem_id, [])
        if number and len(panels) == number:
            return panels
        holder = holder.parent
    return []
