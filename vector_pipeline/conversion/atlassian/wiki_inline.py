"""One line of wiki markup to words with marks, links, images and mentions.

A mark counts only where it opens before a word and closes after one, in the same line; otherwise it is text. Every
character is looked at a bounded number of times.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from vector_pipeline.conversion.atlassian.base import References
from vector_pipeline.conversion.atlassian.wiki_code import OPEN
from vector_pipeline.conversion.writing import inline
from vector_pipeline.conversion.writing.builder import Builder

_MARKS = {
    "*": inline.STRONG, "_": inline.EMPHASIS, "-": inline.STRIKE, "??": inline.EMPHASIS, "+": 0, "^": 0, "~": 0,
}  # fmt: skip
_TOKEN = re.compile(
    r"\x02(?P<code>\d+)\x03"
    r"|\{color(?::[^{}\n\x02]{0,50})?\}"
    r"|(?P<mono>\{\{)"
    r"|(?P<break>\\\\)(?=\s|$)"
    r"|\\(?P<escaped>[*_+^~?{}\[\]!|#-])"
    r"|(?P<url>(?:https?|ftp)://[^\s\[\]{}|\"<>\x02]*[\w/=&#%~$@-])"
    r"|\[(?P<link>[^\[\]\n\x02]++)\]"
    r"|!(?P<image>[^\s!|\x02][^!|\n\x02]{0,500})(?:\|(?P<options>[^!|\n\x02]{0,500}))?!"
    r"|(?P<mark>\?\?|(?P<repeated>[*_+^~-])(?P=repeated)*+)",
    re.IGNORECASE,
)
_FILE = re.compile(r"(?:https?://\S+|.*\.[A-Za-z0-9]{2,5})$")
_ADDRESS = re.compile(r"(?:https?|ftp|file|mailto|tel):\S+$", re.IGNORECASE)
_ALT = re.compile(r"(?:^|,)\s*alt=\"?([^\",]+)")
_SMART = frozenset({"smart-link", "smart-card", "smart-embed"})


@dataclass(slots=True)
class _Mark:
    """A mark in a line that may open or close emphasis; `paired` once it does."""

    text: str
    opens: bool
    closes: bool
    paired: bool = False


class WikiLine:
    """Reads lines into a builder. `add_code` adds the snippet of a number."""

    def __init__(self, builder: Builder, references: References, add_code: Callable[[int], None]) -> None:
        self._builder = builder
        self._references = references
        self._add_code = add_code

    def read(self, line: str) -> None:
        """Adds the words of a line."""
        marks = 0
        for part in self._paired(self._tokens(line)):
            if isinstance(part, str):
                self._builder.text(part, marks)
            elif isinstance(part, _Mark):
                marks ^= _MARKS[part.text]
            else:
                self._add(part, marks)

    def _tokens(self, line: str) -> list[str | _Mark | re.Match[str] | tuple[str]]:
        """Texts, marks, monospaced texts (as tuples of one) and what else the pattern finds, in order."""
        parts: list[str | _Mark | re.Match[str] | tuple[str]] = []
        position = 0
        unclosed = False
        for token in _TOKEN.finditer(line):
            start, end = token.span()
            if start < position:
                continue
            found: str | _Mark | re.Match[str] | tuple[str] = token
            if token["mono"]:
                closing = -1 if unclosed else line.find("}}", end)
                unclosed = closing < 0
                if unclosed or OPEN in line[end:closing]:
                    continue
                found, end = (line[end:closing],), closing + 2
            elif token["mark"]:
                before, after = line[start - 1 : start], line[end : end + 1]
                if token["mark"] not in _MARKS:
                    continue
                opens = not _is_word(before) and bool(after) and not after.isspace()
                closes = bool(before) and not before.isspace() and not _is_word(after)
                found = _Mark(token["mark"], opens, closes)
            elif token["image"] and not _FILE.match(token["image"]):
                continue
            if start > position:
                parts.append(line[position:start])
            parts.append(found)
            position = end
        parts.append(line[position:])
        return parts

    @staticmethod
    def _paired(
        parts: list[str | _Mark | re.Match[str] | tuple[str]],
    ) -> list[str | _Mark | re.Match[str] | tuple[str]]:
        """The parts with marks that stand alone turned into text."""
        opened: dict[str, _Mark] = {}
        for part in parts:
            if not isinstance(part, _Mark):
                continue
            if part.closes and part.text in opened:
                opened.pop(part.text).paired = part.paired = True
            elif part.opens:
                opened[part.text] = part
        return [part.text if isinstance(part, _Mark) and not part.paired else part for part in parts]

    def _add(self, part: re.Match[str] | tuple[str], marks: int) -> None:
        if isinstance(part, tuple):
            self._builder.text(part[0], marks | inline.CODE)
        elif part["code"] is not None:
            self._add_code(int(part["code"]))
        elif part["break"]:
            self._builder.line_break()
        elif part["escaped"]:
            self._builder.text(part["escaped"], marks)
        elif part["url"]:
            self._builder.link(part["url"])
            self._builder.text(part["url"], marks)
        elif part["link"] is not None:
            self._link(part["link"], marks)
        elif part["image"]:
            self._image(part["image"], part["options"] or "")

    def _link(self, inside: str, marks: int) -> None:
        """[words|address|tip], [address], [~user], [^attachment], [#anchor]; anything else is text in brackets."""
        parts = [part.strip() for part in inside.split("|")]
        while len(parts) > 2 and parts[-1].lower() in _SMART:
            parts.pop()
        target = parts[-1] if len(parts) < 3 else parts[1]
        words = parts[0] if len(parts) > 1 else ""
        if target.startswith("~") and len(target) > 1 and not target[1].isspace():
            account = target[1:].removeprefix("accountid:")
            self._builder.mention(account, self._references.user(account) or words)
        elif target.startswith("^") and len(target) > 1:
            href = self._builder.link(self._references.attachment(target[1:]))
            self._builder.text(words or target[1:], marks, href)
        elif _ADDRESS.match(target):
            href = self._builder.link(target)
            self._builder.text(words or target.removeprefix("mailto:"), marks, href)
            if len(parts) > 2 and parts[0] != parts[2]:
                self._builder.text(" " + " ".join(parts[2:]), marks)
        elif target.startswith("#") and len(parts) == 2:
            self._builder.text(words, marks)
        else:
            self._builder.text(f"[{inside}]", marks)

    def _image(self, name: str, options: str) -> None:
        alt = _ALT.search(options)
        url = name if _ADDRESS.match(name) else self._references.attachment(name)
        words = alt[1] if alt else name.rpartition("/")[2] if url == name else name
        self._builder.raw(inline.image(words, self._builder.link(url)))


def _is_word(character: str) -> bool:
    return character.isalnum()
