"""A documentation site of any size that takes no memory: each page is made from the seed and its number when asked for.

The pages are a tree, page n below page (n - 1) // 20, so that every page is few links away from the start.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from vector_pipeline_tests.simulators.docs_site_pages import Page, Section

_CHILDREN = 20
_NUMBER = re.compile(r"topic-(\d+)")
_WORDS = (
    "account adapter alias archive array backup batch binding branch buffer bundle cache channel checksum client "
    "cluster codec column commit component config connection container cursor daemon dataset deadline default "
    "dependency device directory document driver element encoder endpoint entry error event executor exporter field "
    "filter folder format function gateway group handler header heartbeat host identity import index instance "
    "interface iterator journal key label latency layer library limit link listener loader location log manifest "
    "mapping marker merge message metric migration mirror module monitor name network node notice number object "
    "offset operator option order package page parameter parser partition patch path pattern payload permission "
    "pipeline plugin policy pool port prefix process profile project property protocol provider proxy query queue "
    "quota range reader record region registry release replica report request resource response result retry "
    "revision role route rule runner sample schedule schema scope script section segment sensor sequence server "
    "service session setting shard signal snapshot socket source span stage state storage stream table target task "
    "template tenant thread token topic trace transaction trigger tunnel update user validator value variable "
    "vector version view volume watcher webhook window worker writer zone "
).split()
_VERBS = "accepts builds checks closes collects copies creates opens reads removes renews returns sends writes".split()


class GeneratedPages:
    """`count` pages from "/" on, the same for the same seed."""

    def __init__(self, count: int, seed: int = 0) -> None:
        self.count = count
        self._seed = seed

    def path(self, number: int) -> str:
        """The path of a page by its number: /topic-3/topic-61/."""
        names: list[str] = []
        while number > 0:
            names.append(f"topic-{number}/")
            number = (number - 1) // _CHILDREN
        return "/" + "".join(reversed(names))

    def number(self, path: str) -> int | None:
        """The number of the page at a path, None where there is none."""
        found = _NUMBER.fullmatch(path.rstrip("/").rpartition("/")[2]) if path != "/" else None
        number = int(found[1]) if found else 0
        return number if number < self.count and self.path(number) == path else None

    def paths(self) -> Iterator[str]:
        """All paths, from the start downwards."""
        return map(self.path, range(self.count))

    def near(self, number: int) -> list[str]:
        """What a menu shows beside a page: the page above, those beside and below."""
        above = (number - 1) // _CHILDREN
        first = above * _CHILDREN + 1
        beside = range(first, first + _CHILDREN) if number else range(0)
        below = range(number * _CHILDREN + 1, number * _CHILDREN + 1 + _CHILDREN)
        shown = [*([above] if number else []), *beside, *below]
        return [self.path(other) for other in shown if other < self.count and other != number]

    def title(self, number: int) -> str:
        """The title alone, for menus."""
        chance = random.Random(f"{self._seed} title {number}")
        return f"{chance.choice(_WORDS).title()} {chance.choice(_WORDS)} {number}" if number else "Welcome"

    def page(self, number: int) -> Page:
        """The page itself: three to five sections, some with code."""
        chance = random.Random(f"{self._seed} page {number}")
        names = chance.sample(_WORDS, chance.randint(3, 5))
        sections = tuple(self._section(chance, f"The {name} of topic {number}") for name in names)
        return Page(self.path(number), self.title(number), sections)

    def sentence(self, seed: int) -> str:
        """A sentence that no other page has, for edits."""
        chance = random.Random(f"{self._seed} sentence {seed}")
        return f"Edit {seed} says: {_sentence(chance)}"

    def _section(self, chance: random.Random, heading: str) -> Section:
        paragraphs = tuple(
            " ".join(_sentence(chance) for _ in range(chance.randint(2, 4))) for _ in range(chance.randint(1, 3))
        )
        code = ""
        if chance.random() < 0.4:
            one, other = chance.sample(_WORDS, 2)
            code = (
                f"def {one}({other}):\n    if {other} < {chance.randint(1, 99)}:\n        return {other}  # <b>&amp;\n"
            )
        return Section(heading, paragraphs, code.rstrip("\n"))


def _sentence(chance: random.Random) -> str:
    one, other, third = chance.sample(_WORDS, 3)
    return f"The {one} {chance.choice(_VERBS)} the {other} {chance.randint(1, 9999)} times before the {third} is done."
