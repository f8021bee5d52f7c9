"""Documents made up for the tests, the same in every run, and what must be true of every way to cut them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from vector_pipeline.chunking.base import CountTokens
from vector_pipeline.documents import Span, embedded_prefix

_WORDS = tuple(
    "the a release branch server index vector folder is was becomes holds moves each every chunk without after "
    "before because configuration deployment rollback schedule partition latency of in to with for and or but".split()
)


def sentence(rnd: random.Random) -> str:
    """A sentence of 5 to 16 words."""
    return " ".join(rnd.choice(_WORDS) for _ in range(rnd.randint(5, 16))).capitalize() + "."


def paragraph(rnd: random.Random) -> str:
    """A paragraph of 1 to 6 sentences."""
    return " ".join(sentence(rnd) for _ in range(rnd.randint(1, 6)))


def block(rnd: random.Random) -> str:
    """A paragraph, or now and then a list, a table, a quote or a fence."""
    kind = rnd.random()
    if kind < 0.7:
        return paragraph(rnd)
    if kind < 0.8:
        return "\n".join(f"- {sentence(rnd)}" for _ in range(rnd.randint(2, 8)))
    if kind < 0.87:
        rows = "\n".join(f"| {rnd.choice(_WORDS)} | {sentence(rnd)} |" for _ in range(rnd.randint(1, 8)))
        return f"| name | meaning |\n|---|---|\n{rows}"
    if kind < 0.92:
        return "> " + paragraph(rnd)
    return (
        "```python\n" + "\n".join(f"{rnd.choice(_WORDS)} = {rnd.random()}" for _ in range(rnd.randint(2, 20))) + "\n```"
    )


def markdown_blocks(seed: int, sections: int) -> list[str]:
    """The blocks of a markdown document with so many sections, headings among them."""
    rnd = random.Random(seed)
    blocks = [f"# Handbook {seed}", paragraph(rnd)]
    for number in range(1, sections):
        level = rnd.choice((2, 2, 3, 3, 4))
        blocks.append(f"{'#' * level} Part {number} of the {rnd.choice(_WORDS)}")
        blocks += [block(rnd) for _ in range(rnd.randint(1, 6))]
    return blocks


def markdown(seed: int, sections: int = 12) -> str:
    """A markdown document with so many sections."""
    return "\n\n".join(markdown_blocks(seed, sections)) + "\n"


def python_functions(seed: int, functions: int) -> list[str]:
    """The functions and classes of a Python module."""
    rnd = random.Random(seed)
    found = ["import os\nimport sys\n"]
    for number in range(functions):
        body = "\n".join(f"    value_{line} = {rnd.random()}  # {sentence(rnd)}" for line in range(rnd.randint(1, 30)))
        found.append(f"def step_{number}(value: int) -> int:\n{body}\n    return value\n")
    return found


def assert_covers(text: str, spans: Sequence[Span]) -> None:
    """The spans are in order, not empty, don't overlap, and only white space lies between them."""
    position = 0
    for span in spans:
        assert position <= span.start < span.end <= len(text)
        assert not text[position : span.start].strip()
        assert text[span.start : span.end].strip()
        position = span.end
    assert not text[position:].strip()


def assert_capped(text: str, context: str, spans: Sequence[Span], count_tokens: CountTokens, max_tokens: int) -> None:
    """No embedded text has more tokens than the cap."""
    embedded = [embedded_prefix(context, span.headings) + text[span.start : span.end] for span in spans]
    assert all(tokens <= max_tokens for tokens in count_tokens(embedded))
