"""What the client of a site gives back: the answer to one request, or the reason why there is none.

The one idea: a reason concerns either this page only (PageRefused), or perhaps the whole site (SiteSilent).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from vector_pipeline.sources.base import SourceError, SourceUnreachable

_QUERY_VALUE = re.compile(r"=[^&;]*")
_USER_INFO = re.compile(r"^([a-z][a-z0-9+.-]*:)?//[^/?#]*@", re.IGNORECASE)
_LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server told of a body so that it can be asked for again only if it has changed; kept to the byte."""

    etag: str = ""
    last_modified: str = ""


NO_VALIDATORS = Validators()


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer to one request.

    `location` is the absolute target of a redirect. `body` comes with status 200 only, decompressed. `robots` are the
    directives of X-Robots-Tag that are meant for us, in lower case; `canonical` is the absolute target of a Link header
    with that relation.
    """

    url: str
    status: int
    location: str = ""
    media_type: str = ""
    charset: str = ""
    body: bytes = b""
    validators: Validators = NO_VALIDATORS
    robots: frozenset[str] = frozenset()
    canonical: str = ""


class PageRefused(SourceError):
    """This page can't be had, whatever the rest of the site does. `reason` says why, without the page's address."""

    def __init__(self, label: str, url: str, reason: str, *, hint: str = "") -> None:
        super().__init__(f"{label}: {shown(url)}: {reason}", hint=hint)
        self.reason = reason


class SiteSilent(SourceUnreachable):
    """No answer came, which may concern the whole site. `reason` says why, without the page's address."""

    def __init__(self, label: str, url: str, reason: str, *, hint: str = "") -> None:
        super().__init__(f"{label}: {shown(url)}: {reason}", hint=hint)
        self.reason = reason


class NoTimeLeft(SiteSilent):
    """The caller's time would have been over before the request could leave: this says nothing about the site."""


class ClientClosed(SiteSilent):
    """The client was closed while the answer was waited for: this says nothing about the site."""


def shown(url: str) -> str:
    """A URL as one short line for people: no user, no values of the query, no control characters."""
    address = _USER_INFO.sub(r"\1//", url[: 10 * _LONGEST_SHOWN].partition("#")[0])
    path, mark, query = address.partition("?")
    line = "".join(one if one.isprintable() else "\ufffd" for one in path + mark + _QUERY_VALUE.sub("=…", query))
    return line if len(line) <= _LONGEST_SHOWN else line[: _LONGEST_SHOWN - 1] + "…"
