"""Which pages of a site are further editions, versions or languages, of pages that are taken already.

Pure: URLs in, the unwanted ones with a reason out; the same for any order of them. Two ideas. What the settings name is
told by the look of path segments. Where they say nothing, only evidence counts: versions must share their pages,
languages must be declared by the pages themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from fnmatch import fnmatchcase
from types import MappingProxyType
from urllib.parse import unquote

from vector_pipeline.sources.public_docs.edition_copies import Path, copies
from vector_pipeline.sources.public_docs.edition_names import (
    is_language,
    is_surely_version,
    is_version,
    same_language,
)
from vector_pipeline.sources.public_docs.urls import loose_key

ANOTHER_VERSION = "another version"
ANOTHER_LANGUAGE = "another language"


def left_out(
    urls: Collection[str],
    *,
    versions: Sequence[str] = (),
    languages: Sequence[str] = (),
    start: str = "",
    alternates: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Those of `urls` that are not wanted, with the reason (ANOTHER_VERSION or ANOTHER_LANGUAGE); never `start`.

    `urls` are pages in normal form; redirects would stand for copies of their targets, so they must not be among them.
    `versions` and `languages` are patterns (fnmatch, in any case) of wanted path segments, "*" takes all; a language
    stands for all its regions. Without patterns the version of `start` is kept, else latest, stable, current, main, the
    highest release, and copies of it are left out; `alternates` (URL to hreflang, from links of the pages) tells pages
    in another language than that of `start`, and with them what stands below the same language segment.
    """
    pages = {url: _path(url) for url in sorted(urls)}
    own = _path(start) if start else ()
    if not languages:
        unwanted = dict.fromkeys(_declared(pages, start, own, alternates), ANOTHER_LANGUAGE)
    elif "*" in languages:
        unwanted = {}
    else:
        patterns = [shape for language in languages for shape in (language, f"{language}-*")]
        unwanted = dict.fromkeys(_not_named(pages, patterns, is_language, _language_places(pages)), ANOTHER_LANGUAGE)
    rest = {url: path for url, path in pages.items() if url not in unwanted}
    if not versions:
        unwanted |= dict.fromkeys(copies(rest, own), ANOTHER_VERSION)
    elif "*" not in versions:
        unwanted |= dict.fromkeys(_not_named(rest, versions, is_version), ANOTHER_VERSION)
    unwanted.pop(start, None)
    return unwanted


def _path(url: str) -> Path:
    """Host and path segments, decoded and in lower case, without end slash and index page; parameters come last."""
    address, mark, query = loose_key(url).partition("?")
    host, *segments = address.split("/")
    return (host, *(unquote(segment).lower() for segment in segments), *([mark + query] if mark else []))


def _positions(path: Path) -> range:
    return range(1, len(path))


# ---- what the settings name


def _not_named(
    pages: Mapping[str, Path],
    patterns: Sequence[str],
    is_edition: Callable[[str], bool],
    sure_places: Set[Path] = frozenset(),
) -> Iterator[str]:
    """Pages in an edition that no pattern names, unless another edition on their way is named.

    What merely looks like an edition ("main", "12", "it") counts at `sure_places` (paths in front of an edition), and
    where a named one stands beside.
    """
    wanted = [_plain(pattern) for pattern in patterns]
    named: dict[str, bool] = {}
    places = set(sure_places)
    for path in pages.values():
        for position in _positions(path):
            segment = path[position]
            if segment not in named:
                plain = _plain(segment)
                is_one = is_edition(segment) or plain in wanted
                named[segment] = is_one and any(fnmatchcase(plain, pattern) for pattern in wanted)
            if named[segment]:
                places.add(path[:position])
    for url, path in pages.items():
        editions = [
            position
            for position in _positions(path)
            if is_edition(path[position]) and (path[:position] in places or is_surely_version(path[position]))
        ]
        if editions and not any(named[segment] for segment in path[1:]):
            yield url


def _plain(segment: str) -> str:
    return segment.lower().replace("_", "-")


def _language_places(pages: Mapping[str, Path]) -> Set[Path]:
    """Places with two languages, or with one that most of its pages stand beside too, without the language."""
    found: dict[Path, dict[str, set[Path]]] = defaultdict(lambda: defaultdict(set))
    paths = set(pages.values())
    for path in paths:
        for position in _positions(path):
            if is_language(path[position]):
                found[path[:position]][path[position]].add(path[position + 1 :])
    return {
        place
        for place, languages in found.items()
        if len(languages) > 1
        or any(2 * sum(place + rest in paths for rest in rests) >= len(rests) for rests in languages.values())
    }


# ---- what the pages declare


def _declared(pages: Mapping[str, Path], start: str, own: Path, alternates: Mapping[str, str]) -> Iterator[str]:
    """Pages declared as alternates in another language than the start's, and what is below the same segment."""
    spoken = {url: tag for url, tag in alternates.items() if tag.lower() != "x-default"}
    language = spoken.get(start) or next(
        (
            segment
            for segment in own[1:]
            if is_language(segment) and any(same_language(segment, tag) for tag in spoken.values())
        ),
        "",
    )
    if not language:
        return
    others = {url: tag for url, tag in spoken.items() if not same_language(tag, language)}
    folders = {folder for url, tag in others.items() if (folder := _language_folder(_path(url), tag))}
    folders = {folder for folder in folders if own[: len(folder)] != folder}
    lengths = sorted({len(folder) for folder in folders})
    for url, path in pages.items():
        below = url not in spoken and any(path[:length] in folders for length in lengths)
        if url in others or below:
            yield url


def _language_folder(path: Path, tag: str) -> Path:
    """The path down to the segment that names the language, () where none does."""
    for position in _positions(path):
        if is_language(path[position]) and same_language(path[position], tag):
            return path[: position + 1]
    return ()
