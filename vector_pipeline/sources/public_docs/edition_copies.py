"""Versions of a documentation that stand beside each other and say the same: all but one of them are copies.

Pure. The one idea: segments that look like versions are versions where their pages go by the same names; a list of
release notes looks alike too, but shares nothing. Versions drift apart, so each is compared with all better ones of
its group together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set

from vector_pipeline.sources.public_docs.edition_names import is_surely_version, is_symbolic, is_version, is_year, rank

Path = tuple[str, ...]
"""Host and decoded path segments of a page."""

_ROUNDS = 20
"""Groups of copies looked for at one place; a place with more is no place of versions."""
_SMALLEST = 3
"""A version with fewer than a third of the pages of the largest is begun or abandoned, and so not the one to keep."""

_Names = Mapping[Path, Sequence[str]]
"""The pages of one version: what follows the version in their paths, and their URLs."""


def copies(pages: Mapping[str, Path], start: Path) -> Iterator[str]:
    """URLs of the pages that are copies, some perhaps twice; `start` is in or above the version to keep.

    Pages without a version beside versions that say the same (/docs/ beside /docs/1.2/) are the version to keep,
    unless `start` lies in another. At least one version of each group stays.
    """
    places: dict[Path, dict[str, dict[Path, list[str]]]] = defaultdict(lambda: defaultdict(dict))
    for url, path in pages.items():
        for position, segment in enumerate(path[1:], 1):
            if is_version(segment) and not is_year(segment):
                places[path[:position]][segment].setdefault(path[position + 1 :], []).append(url)
    versioned = {place: names for place, names in places.items() if any(map(is_surely_version, names))}
    plain = _without_version(pages, versioned)
    for place, names in versioned.items():
        own = start[len(place)] if start[: len(place)] == place and len(start) > len(place) else ""
        for version in _copied(names, plain[place], own if own in names else ""):
            for urls in names[version].values():
                yield from urls


def _without_version(
    pages: Mapping[str, Path], versioned: Mapping[Path, Mapping[str, _Names]]
) -> dict[Path, set[Path]]:
    """For each place, what follows it in pages that name no version there."""
    plain: dict[Path, set[Path]] = {place: set() for place in versioned}
    for path in pages.values():
        for position in range(1, len(path) + 1):
            names = versioned.get(path[:position])
            if names is not None and (position == len(path) or path[position] not in names):
                plain[path[:position]].add(path[position:])
    return plain


def _copied(versions: Mapping[str, _Names], plain: Set[Path], own: str) -> Iterator[str]:
    """The versions of one place to leave out; `own` is the one to keep where it is not ""."""
    remaining = sorted(versions, key=lambda version: (version != own, rank(version)))
    alone_counts = any(map(is_symbolic, versions))
    if not own:
        beside = [version for version in remaining if _repeats(versions[version], plain)]
        if beside:
            known = set(plain).union(*(versions[version] for version in beside))
            others = [version for version in remaining if version not in beside]
            group = beside + _group(known, others, versions, alone_counts=True)
            yield from group
            remaining = [version for version in remaining if version not in group]
    for _ in range(_ROUNDS):
        if len(remaining) < 2:
            return
        group = [remaining[0], *_group(set(versions[remaining[0]]), remaining[1:], versions, alone_counts)]
        largest = max(len(versions[version]) for version in group)
        kept = next(version for version in group if version == own or len(versions[version]) * _SMALLEST >= largest)
        yield from (version for version in group if version != kept)
        remaining = [version for version in remaining if version not in group]


def _repeats(names: _Names, plain: Set[Path]) -> bool:
    """Whether most pages of a version stand beside it without the version; a start page alone says nothing."""
    common = len((names.keys() & plain) - {()})
    return common >= 2 and 2 * common >= len(names)


def _group(known: set[Path], others: Sequence[str], versions: Mapping[str, _Names], alone_counts: bool) -> list[str]:
    """Those of `others` that are copies of a version whose pages are `known`, the best first.

    Half of the pages of the smaller one must be in both, and at least two. One start page in both is enough only
    where other versions are known to stand (`alone_counts`, or a copy found): the pages of /releases/1.2/ and
    /releases/1.3/ are no copies.
    """
    joined: dict[str, None] = {}
    known = set(known)
    for least in (2, 1):
        for version in others:
            names = versions[version].keys()
            common = len(names & known)
            enough = common >= least if least > 1 else () in names and () in known and bool(alone_counts or joined)
            if version not in joined and enough and 2 * common >= min(len(names), len(known)):
                joined[version] = None
                known |= names
    return [version for version in others if version in joined]
