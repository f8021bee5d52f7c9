"""From the picture of a site to the listing of a scan: what is there, what is unknown, what is gone and why.

The one idea: every listing of a finished visit is a census. What could be neither found nor proven gone is listed in
the version that is held, so that the absence of a document always means that it is gone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Set

from vector_pipeline.documents import Failure, Item, listing_frame
from vector_pipeline.sources.base import Known, Listing
from vector_pipeline.sources.public_docs.editions import ANOTHER_LANGUAGE, ANOTHER_VERSION
from vector_pipeline.sources.public_docs.media import is_file
from vector_pipeline.sources.public_docs.picture import Picture
from vector_pipeline.sources.public_docs.reach import end_of

UNKNOWN = "unknown"
"""The version of a page that could not be read: never that of a document."""
_MOST_ADDRESSES = 10
_ADDRESS = re.compile(r"https?://[^\s,]+")
_EDITIONS = frozenset({ANOTHER_VERSION, ANOTHER_LANGUAGE})
_NOT_PROOF = frozenset({"", "in trouble", "not asked for yet"})


def build_listing(
    picture: Picture,
    known: Known,
    *,
    asked: Set[str],
    proven: bool,
    links_proven: bool,
    finished: bool,
    crawled: bool,
    version: str,
    skipped: Mapping[str, int],
    rule_against: Callable[[str], str],
) -> Listing:
    """The listing of a scan.

    `asked` are the URLs asked for in it. `proven` says that what no sitemap names is gone, `links_proven` the same of
    what no link leads to, `finished` that the visit came to its end. `skipped` counts what links lead to and rules
    leave out; `rule_against` gives the rule that leaves a URL out, "" for none.
    """
    held, failed = known.versions, known.failed
    troubled = _troubled_documents(picture) | _in_circles(picture, held)
    items: dict[bytes, Item] = {}
    failures: list[Failure] = []
    previous = _previous(picture, held)
    for url, own_version in picture.versions.items():
        native = url.encode()
        if url in troubled and held.get(native, own_version) == own_version:
            continue
        items[native] = Item(native, own_version, url, previous.get(native))
    for url, reason in troubled.items():
        native = url.encode()
        if native in items:
            continue
        if url not in asked and native in failed:
            items[native] = Item(native, failed[native], url)
        else:
            failures.append(Failure(native, UNKNOWN, url, "fetch", reason))
    stays = {failure.native_id for failure in failures}
    reasons: dict[bytes, str] = {}
    for native, version_held in held.items():
        if native in items or native in stays:
            continue
        url = _text(native)
        reason = _why_gone(picture, url)
        if reason in _EDITIONS and not finished:
            reason = ""  # which edition is the one to keep, the pages still to come tell
        if not reason and url not in picture.reached:
            by_links = crawled or is_file(url)
            absent = ("no longer linked" if by_links else "no longer listed") if proven else ""
            reason = rule_against(url) or (absent if links_proven or not by_links else "")
        if reason:
            reasons[native] = reason
        else:
            items[native] = Item(native, version_held, url)
    return Listing(
        items=listing_frame(items.values()),
        complete=finished,
        version=version,
        cursor={"site": version},
        removed=() if finished else tuple(reasons),
        skipped=dict(Counter(picture.skipped) + Counter(skipped)),
        failures=failures,
        reasons=_few(reasons),
    )


def _troubled_documents(picture: Picture) -> dict[str, str]:
    """The troubled pages that are documents of their own, or may be: not those that are known to be none."""
    return {
        url: reason
        for url, reason in picture.troubled.items()
        if picture.parts.get(url, url) == url and picture.absent.get(url, "in trouble") == "in trouble"
    }


def _in_circles(picture: Picture, held: Mapping[bytes, str]) -> dict[str, str]:
    """The held documents whose pages now redirect in a circle: neither there nor gone, until somebody mends that."""
    moved = picture.moved
    urls = (url for url in map(_text, held) if url in moved and url not in picture.parts)
    return {url: "redirects in a circle" for url in urls if not end_of(url, moved)}


def _previous(picture: Picture, held: Mapping[bytes, str]) -> dict[bytes, bytes]:
    """New document to the held one that now leads to it."""
    found: dict[bytes, bytes] = {}
    for url, document in sorted(picture.parts.items()):
        old, new = url.encode(), document.encode()
        if old != new and old in held and new not in held:
            found.setdefault(new, old)
    return found


def _why_gone(picture: Picture, url: str) -> str:
    """Why what was held under a URL is gone, as far as the answer to that URL says; "" where it says nothing."""
    document = picture.parts.get(url)
    if document is not None and document != url:
        return f"moved to {document}" if url in picture.moved else f"the same page as {document}"
    if url in picture.moved:
        end = end_of(url, picture.moved)
        unknown = not end or end in picture.troubled or picture.absent.get(end, "") in _NOT_PROOF - {""}
        return "" if unknown else f"moved to {end}, which is no page of the site"
    reason = picture.absent.get(url, "")
    return "" if reason in _NOT_PROOF or url in picture.troubled else reason


def _few(reasons: Mapping[bytes, str]) -> dict[bytes, str]:
    """The reasons without addresses where there are many: a run reports how often each one occurs."""
    moved = {native for native, reason in reasons.items() if "://" in reason}
    if len(moved) <= _MOST_ADDRESSES:
        return dict(reasons)
    return {native: _ADDRESS.sub("another page", reason) for native, reason in reasons.items()}


def _text(native: bytes) -> str:
    return native.decode("utf-8", "replace")
