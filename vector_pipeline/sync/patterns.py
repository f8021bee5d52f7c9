"""Which documents a person means: patterns in gitignore syntax over what documents are called, exact ids and addresses.

Pure. A document of files is called by its path; any other by its id, its address, and its title, which only reading
it may tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from pathspec import GitIgnoreSpec

_NO_TITLE = re.compile(r"[0-9]+|[A-Z][A-Z0-9_]*-[0-9]+|https?:.*")
"""Ids, keys of issues and addresses: what nobody means as a title."""


class Patterns:
    """Some patterns. Without any, nothing is meant."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._spec = GitIgnoreSpec.from_lines(patterns)
        self._exact = frozenset(pattern.rstrip("/") for pattern in patterns)
        self.may_be_titles = any(_may_be_title(pattern) for pattern in patterns)
        """Whether one of them may mean a title. One with a slash within never does."""

    def means_path(self, native_id: bytes, uri: str) -> bool:
        """Whether a document of files is meant; its id is its path."""
        path = native_id.decode("utf-8", "backslashreplace")
        return self._is_exact(path, uri) or self._spec.match_file(path)

    def means(self, native_id: bytes, uri: str, title: str) -> bool:
        """Whether any other document is meant; what is not known of it is ""."""
        own = native_id.decode("utf-8", "replace")
        if self._is_exact(own, uri, title):
            return True
        # A title is one name, whatever slashes it holds.
        names = (own, *_address_names(uri), title.replace("/", " "))
        return any(self._spec.match_file(name) for name in names if name)

    def _is_exact(self, *names: str) -> bool:
        return any(name.rstrip("/") in self._exact for name in names if name)


def _may_be_title(pattern: str) -> bool:
    bare = pattern.removeprefix("!").rstrip("/")
    return "/" not in bare and not _NO_TITLE.fullmatch(bare)


def _address_names(uri: str) -> tuple[str, ...]:
    """The path of an address, without and with its host."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return ()
    path = unquote(parts.path).lstrip("/")
    return (path, f"{parts.netloc}/{path}") if path else ()
