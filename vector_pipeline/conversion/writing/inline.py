"""Words with marks to inline markdown: one flat list of runs, so that marks may overlap as they like.

Marks stand only at the edges of words: in the middle of one they would cut it in two for the search. Text is not
escaped but where it would be read as a block (see the writer), since it is read by people, models and the search.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

STRONG, EMPHASIS, STRIKE, CODE, RAW, NAME = 1, 2, 4, 8, 16, 32
"""Marks of a run, to be combined. RAW is markdown already (an image), NAME never merges with the words around it."""

_SPACES = re.compile(r"[ \t\f\v\xa0]*\n[ \t\f\v\xa0]*|[ \t\f\v\xa0]+")
_UNEVEN = re.compile(r"[ \n\t\f\v\xa0]{2}|[\n\t\f\v\xa0]")
_TICKS = re.compile(r"`+")
_MAX_HREF = 2_000
_NO_ADDRESS = re.compile(r"(?:javascript|data|vbscript):", re.IGNORECASE)
_UNSAFE = {" ": "%20", "(": "%28", ")": "%29", "<": "%3C", ">": "%3E", "|": "%7C", "\\": "%5C", "\xa0": "%20"}
_UNSAFE_TABLE = str.maketrans(_UNSAFE)


@dataclass(frozen=True, slots=True)
class Run:
    """Words with the same marks and link. A newline is a line break."""

    text: str
    marks: int = 0
    href: str = ""


def address_of(href: str) -> str:
    """An address fit for a markdown link, "" for what is none (scripts, embedded data, overlong ones)."""
    href = "".join(href.split("\n")).strip()
    if not href or len(href) > _MAX_HREF or _NO_ADDRESS.match(href):
        return ""
    return href.translate(_UNSAFE_TABLE).replace("\t", "%09").replace("\r", "")


def code_span(text: str) -> str:
    """Text as inline code, "" if there is none."""
    text = text.replace("\n", " ")
    if not text.strip():
        return ""
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    ticks = "`" * (longest + 1)
    space = " " if longest and (text[0] == "`" or text[-1] == "`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def image(alt: str, href: str) -> str:
    """An image in markdown, "" without alternative text and address."""
    alt = " ".join(alt.split())
    if not alt and not href:
        return ""
    return f"![{_bracketed(alt)}]({href})"


def inline_markdown(runs: Sequence[Run]) -> str:
    """The runs as one text: white space collapsed, stripped at the ends of its lines."""
    if len(runs) == 1 and not runs[0].marks and not runs[0].href:
        return _spaced(runs[0].text).strip()
    merged = [
        Run("".join(run.text for run in same), marks, href)
        for (marks, href), same in groupby(runs, key=attrgetter("marks", "href"))
    ]
    parts = _Parts()
    for href, linked in groupby(enumerate(merged), key=lambda pair: pair[1].href):
        group = list(linked)
        after = group[-1][0] + 1
        following = merged[after].text[:1] if after < len(merged) else ""
        if not href:
            _write_runs(parts, [run for _, run in group], following)
            continue
        label = _Parts()
        _write_runs(label, [run for _, run in group], "")
        parts.link(label.text(), href)
    return parts.text().strip()


class _Parts:
    """Text that grows, with white space collapsed over the borders of what is added."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.last = ""

    def add(self, text: str) -> None:
        """Adds text as it is."""
        if text:
            self._parts.append(text)
            self.last = text[-1]

    def words(self, text: str) -> None:
        """Adds text with its white space collapsed."""
        text = _spaced(text)
        if self.last in ("", "\n"):
            text = text.lstrip(" ")
        elif self.last == " ":
            text = text.removeprefix(" ")
            if text.startswith("\n"):
                self._parts[-1] = self._parts[-1][:-1]
        self.add(text)

    def link(self, label: str, href: str) -> None:
        """Adds a link; white space around its label stays outside."""
        inner = label.strip()
        if not inner or inner == href:
            inner, link = "", href
        else:
            inner = inner.replace("\n", " ")
            link = f"[{_bracketed(inner) if not inner.startswith('![') else inner}]({href})"
        if label[:1].isspace():
            self.words(" ")
        self.add(link)
        if label[-1:].isspace():
            self.words(" ")

    def text(self) -> str:
        return "".join(self._parts)


def _spaced(text: str) -> str:
    """The text with its white space collapsed; most text has none to collapse."""
    return _SPACES.sub(_collapsed, text) if _UNEVEN.search(text) else text


def _collapsed(match: re.Match[str]) -> str:
    return "\n" if "\n" in match[0] else " "


def _write_runs(parts: _Parts, runs: Sequence[Run], following: str) -> None:
    for index, run in enumerate(runs):
        after = runs[index + 1].text[:1] if index + 1 < len(runs) else following
        if run.marks & RAW:
            parts.add(run.text)
        elif run.marks & NAME:
            parts.words(f" {run.text}" if parts.last.isalnum() else run.text)
            parts.words(" " if after.isalnum() else "")
        elif not run.marks or not run.text.strip():
            parts.words(run.text)
        else:
            _write_marked(parts, run, after)


def _write_marked(parts: _Parts, run: Run, after: str) -> None:
    """One run with its marks; the white space at its ends stays outside of them."""
    inner = run.text.strip()
    lead = run.text[: len(run.text) - len(run.text.lstrip())]
    trail = run.text[len(run.text.rstrip()) :]
    parts.words(lead)
    before = "" if lead else parts.last
    after = "" if trail else after
    marks = "" if before.isalnum() or after.isalnum() or "\n" in inner else _delimiters(run.marks)
    if run.marks & CODE:
        parts.add(marks + code_span(inner) + marks[::-1])
    elif marks and not (before and before in marks):
        body = _Parts()
        body.words(inner)
        parts.add(marks + body.text() + marks[::-1])
    else:
        parts.words(inner)
    parts.words(trail)


def _delimiters(marks: int) -> str:
    strike = "~~" if marks & STRIKE else ""
    return strike + ("**" if marks & STRONG else "") + ("*" if marks & EMPHASIS else "")


def _bracketed(label: str) -> str:
    return label.replace("[", "\\[").replace("]", "\\]") if "[" in label or "]" in label else label
