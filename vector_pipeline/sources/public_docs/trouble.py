"""Which answers are not believed: sign-in pages, captchas, error pages sent as success, pages without their words.

Pure. The one idea: an answer that may be wrong is neither a change nor a deletion; the last good content stays and
the reason is told.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from vector_pipeline.sources.public_docs.contents import ALIAS, FILE, GONE, LEFT, Content
from vector_pipeline.sources.public_docs.reading import Reading
from vector_pipeline.sources.public_docs.words import likeness

ALIKE = 0.95
"""Share of words from which on a page counts as the one that the site sends for pages it does not have."""
LEAST_GROUP = 3
"""Pages that turn into one and the same page before that is suspicious."""

_SIGN_IN = re.compile(
    r"/(?:log-?_?in|sign-?_?in|signon|auth|oauth2?|saml2?|sso|accounts?|session/new|users/sign_in|cas)(?:[/.]|$)", re.I
)
_CHALLENGES = (
    ("Cloudflare", re.compile(r"cf-chl|cf_chl_|challenge-platform/|<title>\s*Just a moment|Attention Required!", re.I)),
    ("AWS WAF", re.compile(r"awsWafCookieDomainList|aws-waf-token|AwsWafIntegration", re.I)),
    ("Anubis", re.compile(r"anubis_challenge|Making sure you(?:'|&#39;|’)re not a bot", re.I)),
    ("Imperva", re.compile(r"_Incapsula_Resource|Incapsula incident ID", re.I)),
    ("DataDome", re.compile(r"captcha-delivery\.com|geo\.captcha-delivery", re.I)),
    ("PerimeterX", re.compile(r"px-captcha|perimeterx", re.I)),
    ("a captcha", re.compile(r"(?:h|g-re)captcha[\"'\s/]|class=[\"'][^\"']*\bcaptcha|<title>[^<]*captcha", re.I)),
    ("access denied", re.compile(r"<title>\s*(?:Access Denied|403 Forbidden|Request Rejected)", re.I)),
)
_FEW_WORDS = 250


def is_sign_in(url: str) -> bool:
    """Whether a path is one that sites ask for a password at."""
    return bool(_SIGN_IN.search(urlsplit(url).path))


def reason_to_distrust(before: Content | None, reading: Reading, missing: frozenset[str] | None) -> str:
    """Why an answer with status 200 is not believed, "" when it is.

    `before` is what the page held last, `missing` the words of what the site sends for a page that it can't have.
    """
    now = reading.content
    was_text = before is not None and before.is_text and before.words > 0
    if now.state == GONE:
        return ""
    if now.state == ALIAS:
        return "redirects to a sign-in page" if was_text and is_sign_in(now.target) else ""
    if was_text and before is not None and now.version == before.version and now.version:
        return ""
    if was_text and before is not None and (now.state == LEFT or (before.state == FILE) != (now.state == FILE)):
        return f"is sent as {now.media_type or 'an unknown kind'}, which it was not before"
    if now.state in (FILE, LEFT):
        return "is empty, which it was not before" if was_text and not now.words else ""
    if now.asks_password and not (before is not None and before.asks_password):
        return ASKS_PASSWORD
    if now.words < _FEW_WORDS:
        for name, marks in _CHALLENGES:
            if marks.search(reading.head):
                return f"is a page that checks for robots or refuses ({name})"
    if was_text and not now.words:
        return "has no words, which it had before"
    if missing and reading.words and likeness(reading.words, missing) >= ALIKE:
        return LIKE_MISSING
    return ""


ASKS_PASSWORD = "is a page that asks for a password"
LIKE_MISSING = "answers like a page that does not exist"


class Change(NamedTuple):
    """A page whose answer differs from what was held: what it is now and what it was, each as something to compare."""

    id: int
    now: Hashable
    before: Hashable


def suspicious_groups(changes: Collection[Change], held: int, share: float) -> Mapping[int, int]:
    """The ids of pages that turned into one and the same page with others, with how many did.

    A group counts from LEAST_GROUP pages on that said different things before, and above `share` of the `held` pages.
    """
    groups: dict[Hashable, list[Change]] = {}
    for change in changes:
        groups.setdefault(change.now, []).append(change)
    found: dict[int, int] = {}
    for group in groups.values():
        if len({change.before for change in group}) >= LEAST_GROUP and len(group) > share * held:
            found.update((change.id, len(group)) for change in group)
    return found
