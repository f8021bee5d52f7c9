"""Their path filters as gitignore patterns. Theirs are compared with the whole path, and their `*` crosses slashes.

Pure. What they take must match a path pattern and a file type; gitignore patterns name both at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_PATTERNS = 2_000
"""Patterns a source may get; each is compared with each path."""

CONVERTIBLE = ("pdf", "docx", "pptx", "xlsx", "doc", "ppt", "xls", "epub", "odt", "ods", "odp", "html", "eml", "msg")
"""Kinds of files that are read beyond their file types where they convert files."""

_WILD = re.compile(r"[*?\[\]]")


def ending(file_type: str) -> str:
    """The ending that a file type such as "*.md" names, without its dot; "" for one that names none."""
    name = file_type.strip().rpartition("/")[2]
    return "" if _WILD.search(last := name.rpartition(".")[2]) else last.lower()


def include_patterns(paths: Sequence[str], file_types: Sequence[str]) -> list[str]:
    """Patterns of what both lists take; an empty list takes everything."""
    endings = [one for one in dict.fromkeys(map(ending, file_types)) if one]
    if not paths:
        return [f"*.{one}" for one in endings]
    return list(dict.fromkeys(pattern for path in paths for pattern in _included(path.strip().lstrip("/"), endings)))


def exclude_patterns(paths: Sequence[str]) -> list[str]:
    """Patterns of what is left out."""
    return list(dict.fromkeys(_excluded(path.strip().lstrip("/")) for path in paths))


def is_exact(path: str) -> bool:
    """Whether the pattern we write takes just what theirs does."""
    folder, name = _folder_and_name(path.strip().lstrip("/"))
    return not _WILD.search(folder) and (not _WILD.search(name) or bool(re.fullmatch(r"\*\*?(\.[^*?\[\]/]+)?", name)))


def _included(path: str, endings: Sequence[str]) -> list[str]:
    if not path:
        return [f"/*.{one}" for one in endings] or ["/*.*"]
    folder, name = _folder_and_name(path)
    if name in ("", "*", "**"):
        if not _below(folder):
            return [f"*.{one}" for one in endings] or ["*"]
        return [f"{_below(folder)}**/*.{one}" for one in endings] or [_below(folder)]
    own = ending(name)
    if own and endings and own not in endings:
        return []
    return [_named(folder, name)]


def _excluded(path: str) -> str:
    folder, name = _folder_and_name(path)
    if name in ("", "*", "**"):
        return _below(folder) or "*"
    return _named(folder, name)


def _named(folder: str, name: str) -> str:
    """A pattern of files by their name, which stands anywhere below the folder where it begins with a star."""
    if not name.startswith("*"):
        return f"{_below(folder) or '/'}{name}"
    return f"{_below(folder)}**/{name}" if _below(folder) else name


def _below(folder: str) -> str:
    """The folder as the beginning of a pattern, "" for all folders."""
    if folder in ("", "**"):
        return ""
    return f"{folder}/" if folder.startswith("**/") else f"/{folder}/"


def _folder_and_name(path: str) -> tuple[str, str]:
    """What stands before the last slash and after it; "docs/**/*" names everything in docs."""
    folder, _, name = path.rpartition("/")
    return (folder.removesuffix("/**"), name) if name == "*" else (folder, name)
