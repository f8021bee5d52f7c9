"""Why a page can't be had, in words: each trouble of an exchange as the error that tells what to do.

The one idea: what the page itself does is PageRefused; what may be the site's or the network's trouble is SiteSilent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from vector_pipeline.settings_values import size_text
from vector_pipeline.sources.public_docs.answers import NoTimeLeft, PageRefused, SiteSilent
from vector_pipeline.sources.public_docs.exchange import Broken, Trouble

_NEXT = "the next run tries again"
_HINTS: Mapping[Trouble, str] = {
    Trouble.NAME: "check the address, or the network",
    Trouble.LOOKUP: "check the network's name service",
    Trouble.REFUSED: "check the address and its port, or whether the site is up",
    Trouble.CERTIFICATE: "give the certificates that its authority has as ca_bundle, where you trust it",
    Trouble.TLS: "check whether the address begins with http:// in truth",
    Trouble.PROXY: "check proxy in the settings",
    Trouble.SLOW: "raise timeout, where such pages are wanted",
    Trouble.LARGE: "raise max_file_size, where such pages are wanted",
}
_PAGE_ONLY = {Trouble.NOT_PUBLIC, Trouble.LARGE, Trouble.SLOW, Trouble.CODING, Trouble.GARBLED}
MAY_PASS = frozenset(Trouble) - {Trouble.NOT_PUBLIC, Trouble.LARGE, Trouble.SLOW, Trouble.CODING, Trouble.CERTIFICATE}
"""Troubles that another try may end."""
LONGEST_WAIT = 60.0
"""Seconds that a page is waited for where its site asks for it."""


class Reasons:
    """The errors of one source; `label` ("public_docs/handbook") leads each message."""

    def __init__(self, label: str) -> None:
        self._label = label

    def broken(self, url: str, site: str, broken: Broken, limit: int) -> PageRefused | SiteSilent:
        """What a trouble of the exchange means for the page at `url`, on the host `site`."""
        trouble, reason = broken.trouble, broken.trouble.value
        hint = _HINTS.get(trouble, _NEXT)
        if trouble is Trouble.NOT_PUBLIC:
            return self.not_public(url, site, broken.detail)
        if trouble is Trouble.LARGE:
            reason = f"it is larger than {size_text(limit)}"
        elif broken.detail:
            reason = f"{reason} ({broken.detail})"
        return (PageRefused if trouble in _PAGE_ONLY else SiteSilent)(self._label, url, reason, hint=hint)

    def not_public(self, url: str, site: str, kind: str) -> PageRefused:
        """The host has an address that requests may not reach."""
        return PageRefused(
            self._label,
            url,
            f"{site} has a {kind} address, which is not public",
            hint=f"add {site} to private_hosts, where it is yours",
        )

    def other_host(self, url: str, site: str) -> PageRefused:
        """The settings do not name the host."""
        return PageRefused(
            self._label,
            url,
            f"{site} is another host",
            hint=f"add {site} to hosts, where its pages belong to the site",
        )

    def no_address(self, url: str) -> PageRefused:
        """The URL is none that requests may be sent to."""
        return PageRefused(self._label, url, "it is no web address that can be asked for")

    def busy(self, url: str, status: int) -> SiteSilent:
        """The site answered that it can't answer now."""
        return SiteSilent(self._label, url, f"it answers {status}", hint=_NEXT)

    def resting(self, url: str, seconds: float) -> SiteSilent:
        """The site wants no request for longer than is waited."""
        moment = datetime.now(UTC) + timedelta(seconds=min(seconds, 1e8))
        return SiteSilent(
            self._label,
            url,
            f"it wants no request before {moment:%Y-%m-%d %H:%M:%S} UTC",
            hint="the next run after that goes on; raise delay, where this happens often",
        )

    def no_time(self, url: str) -> NoTimeLeft:
        """The caller's time is over before a request may leave."""
        return NoTimeLeft(self._label, url, "no time was left to ask for it", hint=_NEXT)

    def unasked(self, url: str) -> PageRefused:
        """The site calls a page unchanged that nobody holds."""
        return PageRefused(self._label, url, "it answers 304 to a question without conditions")
