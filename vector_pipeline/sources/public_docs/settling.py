"""The end of a visit: what it found becomes what counts, unless too many pages turned into one and the same.

The one idea: a single page that changes is believed; many different pages that now say the same, or all redirect to
one place, are a site in trouble, whatever its status says.
"""

from __future__ import annotations

from collections.abc import Mapping

from vector_pipeline.sources.public_docs.contents import ALIAS, Content
from vector_pipeline.sources.public_docs.mirror import ACCEPTED, PENDING, Mirror
from vector_pipeline.sources.public_docs.reach import end_of
from vector_pipeline.sources.public_docs.trouble import Change, suspicious_groups


def settle(mirror: Mirror, held: Mapping[bytes, str], share: float) -> int:
    """Accepts what waits in the mirror, or disbelieves it; how many pages were disbelieved.

    `held` maps native ids to the versions the pipeline holds: where the mirror was lost, they tell what a page said
    before. `share` is the setting `same_page_share`.
    """
    before = dict(mirror.contents(ACCEPTED))
    pending = dict(mirror.contents(PENDING))
    urls = mirror.all_urls()
    targets = {urls[number]: content.target for number, content in {**before, **pending}.items() if content.target}
    changes = [
        Change(number, _sign(urls[number], content, targets), before[number].shape or before[number].version)
        for number, content in pending.items()
        if number in before
    ]
    texts = sum(1 for content in before.values() if content.is_text)
    for number, content in before.items():
        if number in pending or not content.is_text or (url := urls.get(number)) is None:
            continue
        version = held.get(url.encode())
        if version is not None and not version.startswith(content.version):
            changes.append(Change(number, _sign(url, content, targets), version))
    groups = suspicious_groups(changes, max(len(held), texts), share)
    for size in set(groups.values()):
        alike = [number for number, of_size in groups.items() if of_size == size]
        mirror.disbelieve(alike, f"answers the same page as {size - 1} others")
    mirror.promote([number for number in pending if number not in groups])
    return len(groups)


def _sign(url: str, content: Content, targets: Mapping[str, str]) -> tuple[str, object]:
    """What two pages have in common when they have turned into the same."""
    if content.state == ALIAS:
        return ALIAS, end_of(url, targets) or content.target
    return content.state, content.shape or content.version
