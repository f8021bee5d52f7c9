"""Patterns in gitignore syntax, matched against one entry at a time exactly as Git does it while it walks a tree.

A pattern here matches an entry itself, never what lies below it: the walk doesn't enter what is left out. Patterns
and names are bytes, as in Git, and become expressions that run in linear time whatever a pattern looks like (files
with patterns come from strangers too). pathspec matches whole paths, parents included, and can't tell the two apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

ALWAYS_IGNORED = frozenset({b".git", b".hg", b".svn", b".obsidian", b".trash", b"__pycache__", b".venv", b".DS_Store"})
"""Names of files and folders that no source takes, whatever its patterns say."""

MAX_IGNORE_FILE = 100_000
"""Bytes of an ignore file. Every entry below it is matched against it, so a longer one would stall the scans."""
MAX_RULES = 2_000
"""Patterns of an ignore file, for the same reason."""
_REMEMBERED = 64
_CLASSES = {
    b"alnum": rb"0-9A-Za-z",
    b"alpha": rb"A-Za-z",
    b"blank": rb" \t",
    b"cntrl": rb"\x00-\x1f\x7f",
    b"digit": rb"0-9",
    b"graph": rb"\x21-\x7e",
    b"lower": rb"a-z",
    b"print": rb"\x20-\x7e",
    b"punct": rb"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    b"space": rb"\t-\r ",
    b"upper": rb"A-Z",
    b"xdigit": rb"0-9A-Fa-f",
}
_WILDCARD = re.compile(rb"[*?\[\\]")
_STAR, _DEEP = b"*", b"**/"
_Token = tuple[bytes, bytes]
"""What is in front of a piece ("" at the start, `_STAR` or `_DEEP`), and the piece as an expression."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern: `expression` matches a name (`by_name`) or a path relative to the place of the pattern."""

    expression: bytes
    by_name: bool
    only_folders: bool
    negated: bool


class Rules:
    """The patterns of one file or setting, in order; of those that match an entry the last one decides."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [(re.compile(rule.expression, re.DOTALL), rule) for rule in rules]
        self._any_name = _any_of(rule.expression for rule in rules if rule.by_name)
        self._any_path = _any_of(rule.expression for rule in rules if not rule.by_name)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def decides(self, path: bytes, name: bytes, is_folder: bool) -> bool | None:
        """True where the entry is matched, False where a negated pattern takes that back, None where none matches."""
        number = self.last_match(path, name, is_folder)
        return None if number < 0 else not self._rules[number][1].negated

    def last_match(self, path: bytes, name: bytes, is_folder: bool) -> int:
        """The number of the last pattern that matches the entry, -1 for none. `path` is relative, without end slash."""
        in_names = self._any_name is not None and self._any_name.fullmatch(name) is not None
        in_paths = self._any_path is not None and self._any_path.fullmatch(path) is not None
        if not in_names and not in_paths:
            return -1
        for number in range(len(self._rules) - 1, -1, -1):
            compiled, rule = self._rules[number]
            if rule.only_folders and not is_folder:
                continue
            if (in_names if rule.by_name else in_paths) and compiled.fullmatch(name if rule.by_name else path):
                return number
        return -1

    def takes(self, number: int) -> bool:
        """Whether the pattern with that number matches for good; False for -1 and for negated ones."""
        return number >= 0 and not self._rules[number][1].negated


class TooManyRules(ValueError):
    """An ignore file is too long to be matched against every entry; says which limit it is above."""


@lru_cache(maxsize=_REMEMBERED)
def parse_rules(data: bytes) -> Rules:
    """The patterns of an ignore file. What Git would never match (an unclosed bracket) is left out.

    Raises TooManyRules above the limits on bytes and patterns, as a part of the patterns would let in what the
    rest leaves out.
    """
    if len(data) > MAX_IGNORE_FILE:
        raise TooManyRules(f"more than {MAX_IGNORE_FILE:,} bytes")
    rules = _rules(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"))
    if len(rules) > MAX_RULES:
        raise TooManyRules(f"more than {MAX_RULES:,} patterns")
    return Rules(rules)


def rules_from_settings(patterns: Iterable[str]) -> Rules:
    """The patterns of `include` and `exclude`, as many as there are."""
    return Rules(_rules(pattern.encode("utf-8", "surrogateescape") for pattern in patterns))


def _rules(lines: Iterable[bytes]) -> list[Rule]:
    return [rule for line in lines if (rule := parse_rule(line.removesuffix(b"\r"))) is not None]


def parse_rule(line: bytes) -> Rule | None:
    """One line as Git reads it; None for blank lines, comments and patterns that match nothing."""
    if line.startswith(b"#"):
        return None
    pattern = _without_end_spaces(line)
    negated = pattern.startswith(b"!")
    if negated:
        pattern = pattern[1:]
    only_folders = pattern.endswith(b"/")
    if only_folders:
        pattern = pattern[:-1]
    if not pattern:
        return None
    by_name = b"/" not in pattern
    tokens = _tokens(pattern.removeprefix(b"/"), by_name)
    if tokens is None:
        return None
    return Rule(_expression(tokens), by_name, only_folders, negated)


def _any_of(expressions: Iterable[bytes]) -> re.Pattern[bytes] | None:
    joined = b"|".join(expressions)
    return re.compile(joined, re.DOTALL) if joined else None


def _without_end_spaces(line: bytes) -> bytes:
    """The line without spaces at its end, but for one behind a backslash."""
    stripped = line.rstrip(b" ")
    backslashes = len(stripped) - len(stripped.rstrip(b"\\"))
    return line[: len(stripped) + 1] if backslashes % 2 and len(stripped) < len(line) else stripped


def _tokens(pattern: bytes, by_name: bool) -> list[_Token] | None:
    """The pattern cut at its wildcards of variable length; None if it can match nothing."""
    tokens: list[_Token] = []
    lead, piece = b"", bytearray()
    # Git compares what stands before the first wildcard apart, so for it a pattern starts anew there: a**/b is a, **/b.
    wildcard = _WILDCARD.search(pattern)
    starts = (0, wildcard.start() if wildcard else 0)
    position = 0
    while position < len(pattern):
        character = pattern[position : position + 1]
        if character == b"*":
            start = position
            while pattern[position : position + 1] == b"*":
                position += 1
            after = pattern[position : position + 1]
            at_start = start in starts or pattern[start - 1 : start] == b"/"
            if not by_name and position - start >= 2 and at_start and after in (b"", b"/"):
                tokens.append((lead, bytes(piece)))
                lead, piece = _DEEP, bytearray()
                if not after:
                    piece += b".*"  # everything below, however deep
                position += 1
                continue
            tokens.append((lead, bytes(piece)))
            lead, piece = _STAR, bytearray()
            continue
        if character == b"\\":
            if position + 1 == len(pattern):
                return None
            piece += re.escape(pattern[position + 1 : position + 2])
            position += 2
        elif character == b"?":
            piece += b"[^/]"
            position += 1
        elif character == b"[":
            bracket = _bracket(pattern, position)
            if bracket is None:
                return None
            expression, position = bracket
            piece += expression
        else:
            piece += re.escape(character)
            position += 1
    tokens.append((lead, bytes(piece)))
    return tokens


def _bracket(pattern: bytes, start: int) -> tuple[bytes, int] | None:
    """A bracket expression that begins at `start`, and where it ends; None if it isn't closed or names no class."""
    position = start + 1
    negated = pattern[position : position + 1] in (b"!", b"^")
    position += negated
    members = bytearray()
    first = True
    while True:
        character = pattern[position : position + 1]
        if not character:
            return None
        if character == b"]" and not first:
            break
        first = False
        if character == b"[" and pattern[position + 1 : position + 2] == b":":
            end = pattern.find(b"]", position + 2)
            if end < 0:
                return None
            if pattern[end - 1 : end] == b":" and end - 1 > position + 1:
                name = pattern[position + 2 : end - 1]
                if name not in _CLASSES:
                    return None
                members += _CLASSES[name]
                position = end + 1
                continue
        low, position = _member(pattern, position)
        if low is None:
            return None
        if pattern[position : position + 1] == b"-" and pattern[position + 1 : position + 2] not in (b"", b"]"):
            high, position = _member(pattern, position + 1)
            if high is None:
                return None
            if low <= high:
                members += re.escape(bytes([low])) + b"-" + re.escape(bytes([high]))
                continue
            # A range the wrong way round: for Git its first character still counts.
        members += re.escape(bytes([low]))
    if not members:
        return (b"[^/]" if negated else b"(?!)"), position + 1
    expression = b"(?!/)[^" + bytes(members) + b"]" if negated else b"(?!/)[" + bytes(members) + b"]"
    return expression, position + 1


def _member(pattern: bytes, position: int) -> tuple[int | None, int]:
    """One character within brackets, a backslash taking the next one as it is."""
    if pattern[position : position + 1] == b"\\":
        position += 1
    if position >= len(pattern):
        return None, position
    return pattern[position], position + 1


def _expression(tokens: Sequence[_Token]) -> bytes:
    """Tokens as one expression without nested repetition.

    Pieces between wildcards have a fixed shape, so the first place where one fits is as good as any later one:
    atomic groups take it and never come back. Only what follows the last wildcard is tried more than once.
    """
    groups = list(_groups(tokens))
    parts = []
    for number, (deep, pieces) in enumerate(groups):
        last_group = number == len(groups) - 1
        inner = bytearray(rb"(?:[^/]*/)*?" if deep and not last_group else rb"(?:[^/]*/)*" if deep else b"")
        for index, piece in enumerate(pieces):
            if index == 0:
                inner += piece
            elif last_group and index == len(pieces) - 1:
                inner += b"[^/]*" + piece
            else:
                inner += b"(?>[^/]*?" + piece + b")"
        parts.append(b"(?>" + bytes(inner) + b")" if not last_group else bytes(inner))
    return b"(?:" + b"".join(parts) + b")"


def _groups(tokens: Sequence[_Token]) -> Iterator[tuple[bool, list[bytes]]]:
    """Tokens gathered by the "**/" in front of them: whether there is one, and the pieces with "*" between them."""
    deep, pieces = False, [tokens[0][1]]
    for lead, piece in tokens[1:]:
        if lead == _DEEP:
            yield deep, pieces
            deep, pieces = True, [piece]
        else:
            pieces.append(piece)
    yield deep, pieces
