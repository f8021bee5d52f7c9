"""What MkDocs is told about our pages: words behind the language of a fence ("sh no-run") are for the tests alone."""

from __future__ import annotations

import re
from typing import Any

_FENCE_WITH_WORDS = re.compile(r"^(```\w+) [^`\n]+$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page as MkDocs can read it: its fences take a language and nothing else."""
    return _FENCE_WITH_WORDS.sub(r"\1", markdown)
