"""How versions and languages are written in the paths of documentation sites, and which version is the best one.

Pure: one decoded, lower-case path segment in, a judgement out. What only may be a version (a number, "main") is told
apart from what surely is one ("v1.2", "latest"), so that callers can ask for further evidence.
"""

from __future__ import annotations

import re
from math import inf

_SURE_WORDS = ("latest", "stable", "nightly")
_SYMBOLIC = (
    ("latest",),
    ("stable",),
    ("current",),
    ("main", "master"),
)
"""Names of versions from the best to keep to the worst, before any number."""
_UNRELEASED = frozenset("trunk dev devel develop nightly next edge canary unstable snapshot head".split())
_SYMBOLIC_RANK = {word: number for number, words in enumerate(_SYMBOLIC) for word in words}
_RELEASED, _PRE_RELEASE, _MOVING = 4, 5, 6

_STAGES = {"r": 0, "c": 0, "b": 1, "a": 2, "m": 2, "p": 2}
"""First letters of release candidate, beta, alpha, milestone, preview: the closest to a release first."""

_VERSION = re.compile(
    r"(?P<prefix>(?:version|ver|v|release|rel|r|stable)[-_.]?)?"
    r"(?P<number>[0-9]{1,4}(?:[._][0-9]{1,5}){0,4})(?P<any>(?:[._](?:x|\*))*)"
    r"(?P<pre>[-_.+]?(?:(?:alpha|beta|rc|dev|pre|preview|snapshot|nightly)[-_.]?[0-9]{0,6}|[abcm][0-9]{1,3}))?"
    r"(?:[-_.+]?(?:lts|final|ga|stable|post[0-9]{0,3}))?"
)
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_CODES = frozenset(
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en "
    "eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv "
    "ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne "
    "ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st "
    "su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu".split()
)
"""ISO 639-1."""
_LANGUAGE = re.compile(r"(?P<code>[a-z]{2})(?:[-_](?:hans|hant|latn|cyrl|arab))?(?:[-_](?:[a-z]{2}|[0-9]{3}))?")


def is_version(segment: str) -> bool:
    """Whether the segment may name a version: v1.2, 1.2.3, 3.x, release-2.0rc1, latest, main, but also 3 and 2024."""
    return is_symbolic(segment) or _VERSION.fullmatch(segment) is not None


def is_symbolic(segment: str) -> bool:
    """Whether it names a version without a number: latest, stable, current, main, dev, …"""
    return segment in _SYMBOLIC_RANK or segment in _UNRELEASED


def is_surely_version(segment: str) -> bool:
    """Whether it is hardly anything but a version; False for plain numbers, years and words like "main" and "next"."""
    found = _VERSION.fullmatch(segment)
    if found is None:
        return segment in _SURE_WORDS
    return not found["number"].isdigit() or segment not in (found["number"], f"r{found['number']}")


def is_year(segment: str) -> bool:
    """Whether it is a plain year, 1900 to 2099."""
    return _YEAR.fullmatch(segment) is not None


def is_language(segment: str) -> bool:
    """Whether it may be a language code: ISO 639-1, with script and region or without (de, en-us, pt_br, zh-hans)."""
    found = _LANGUAGE.fullmatch(segment)
    return found is not None and found["code"] in _CODES


def same_language(one: str, other: str) -> bool:
    """Whether two tags name one language; a tag without a region stands for all its regions."""
    one, other = one.lower().replace("_", "-"), other.lower().replace("_", "-")
    return one == other or one.startswith(f"{other}-") or other.startswith(f"{one}-")


def rank(segment: str) -> tuple[int, tuple[float, ...], str]:
    """Sorts versions, the one to keep first: latest, stable, current, main, releases from the highest, pre-releases,
    then what moves (dev, nightly)."""
    if segment in _SYMBOLIC_RANK:
        return _SYMBOLIC_RANK[segment], (), segment
    found = _VERSION.fullmatch(segment)
    if found is None:
        return _MOVING, (), segment
    numbers = [-float(number) for number in re.split(r"[._]", found["number"])]
    if found["any"]:
        numbers.append(-inf)
    # A shorter number sorts as if zeros followed; negative, so that the highest comes first.
    padded = numbers + [0.0] * (6 - len(numbers))
    if not found["pre"]:
        return _RELEASED, tuple(padded), segment
    stage = _STAGES.get(found["pre"].strip("-_.+")[0], len(_STAGES))
    digits = re.sub("[^0-9]", "", found["pre"])
    return _PRE_RELEASE, (*padded, stage, -float(digits or 0)), segment
