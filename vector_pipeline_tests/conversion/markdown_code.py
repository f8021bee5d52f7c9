"""The code in markdown, read by a parser of its own."""

from __future__ import annotations

import pyromark


def code_blocks(markdown: str) -> list[str]:
    """The code blocks of markdown, as a markdown parser reads them."""
    blocks: list[str] = []
    inside = False
    for event in pyromark.Markdown(options=pyromark.Options.ENABLE_TABLES).events(markdown):
        if isinstance(event, dict) and "Start" in event and "CodeBlock" in str(event["Start"]):
            inside = True
            blocks.append("")
        elif isinstance(event, dict) and "End" in event and inside:
            inside = False
        elif inside and isinstance(event, dict) and "Text" in event:
            blocks[-1] += event["Text"]
    return blocks
