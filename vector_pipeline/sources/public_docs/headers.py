"""What the headers of an answer say that we act on: type, redirect, canonical address, robots, validators.

Headers come from outside: each value is bounded, and what is malformed is taken as not said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote, urljoin

from vector_pipeline.sources.public_docs.answers import Validators

_LONGEST_URL = 4000
_LONGEST_VALIDATOR = 1000
_MOST_DIRECTIVES = 50
_TOKEN = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}")
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:+-]{1,40})", re.IGNORECASE)
_DIRECTIVE = re.compile(r"[a-z][a-z_-]{0,39}")
_WITH_VALUE = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}
_GAP = r"\s{0,4}"
_PARAMETER = rf"{_GAP};{_GAP}[\w*-]{{1,40}}{_GAP}(?:={_GAP}(?:\"[^\"]{{0,500}}\"|[^\s\",;]{{0,500}}))?"
_LINK = re.compile(rf"<([^<>]{{1,4000}})>((?:{_PARAMETER}){{0,20}})")
_RELATION = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s\",;]*))", re.IGNORECASE)
_SAFE = "!#$%&'()*+,/:;=?@[]~"


class Headers:
    """The headers of one answer by lower-case name; values are bytes as text, one character each."""

    def __init__(self, raw: Sequence[tuple[bytes, bytes]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in raw:
            self._values.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").strip())

    def first(self, name: str) -> str:
        """The first value of a header, "" for none."""
        return self._values.get(name, [""])[0]

    def every(self, name: str) -> list[str]:
        """All values of a header, one per line that was sent."""
        return self._values.get(name, [])

    def joined(self, name: str) -> str:
        """All values of a header as the one list that they make."""
        return ", ".join(self.every(name))


def media_type(headers: Headers) -> str:
    """ "text/html" and the like in lower case, "" where none is told."""
    told = headers.first("content-type").partition(";")[0].strip().lower()
    return told if _TOKEN.fullmatch(told) else ""


def charset(headers: Headers) -> str:
    """The charset that Content-Type names, in lower case."""
    found = _CHARSET.search(headers.first("content-type")[:1000])
    return found[1].lower() if found else ""


def content_length(headers: Headers) -> int | None:
    """Bytes of the body as it is sent, None where it is not told."""
    told = headers.first("content-length")
    return int(told) if told.isascii() and told.isdigit() and len(told) < 19 else None


def location(headers: Headers, url: str) -> str:
    """The absolute target of a redirect, "" where it names none."""
    return _absolute(headers.first("location"), url)


def canonical(headers: Headers, url: str) -> str:
    """The absolute target of the Link header with relation "canonical" (RFC 6596), "" for none."""
    for target, parameters in _LINK.findall(headers.joined("link")[:20_000]):
        relation = _RELATION.search(parameters)
        if relation and "canonical" in (relation[1] or relation[2]).lower().split():
            return _absolute(target, url)
    return ""


def validators(headers: Headers) -> Validators:
    """The validators, exactly as they were sent; what can't be sent back is left out."""
    etag, last_modified = headers.first("etag"), headers.first("last-modified")
    return Validators(etag if _sendable(etag) else "", last_modified if _sendable(last_modified) else "")


def _sendable(value: str) -> bool:
    """Whether a text may be sent as the value of a header (RFC 9110 5.5)."""
    printable = all(one == "\t" or " " <= one <= "~" or "\x80" <= one <= "\xff" for one in value)
    return printable and value == value.strip() and len(value) <= _LONGEST_VALIDATOR


def conditions(given: Validators) -> list[tuple[bytes, bytes]]:
    """The headers that ask for a body only where it has changed."""
    pairs = ((b"If-None-Match", given.etag), (b"If-Modified-Since", given.last_modified))
    return [(name, value.encode("latin-1")) for name, value in pairs if value and _sendable(value)]


def robots(headers: Headers, agent: str) -> frozenset[str]:
    """The directives of X-Robots-Tag that are meant for all or for `agent`; "none" is told as what it stands for."""
    found: set[str] = set()
    for line in headers.every("x-robots-tag")[:_MOST_DIRECTIVES]:
        meant_for = ""
        for part in line[:2000].lower().split(","):
            name, colon, rest = (text.strip() for text in part.partition(":"))
            if colon and name not in _WITH_VALUE:
                meant_for, name = name, rest.partition(":")[0].strip()
            if meant_for in ("", "*", agent) and _DIRECTIVE.fullmatch(name):
                found |= {"noindex", "nofollow"} if name == "none" else {name}
    return frozenset(sorted(found)[:_MOST_DIRECTIVES])


def _absolute(target: str, url: str) -> str:
    """A link of a header as an absolute URL of ASCII characters; many servers send their paths unquoted."""
    if not target or len(target) > _LONGEST_URL:
        return ""
    quoted = quote(target.replace("\\", "/").encode("latin-1"), safe=_SAFE)  # byte by byte, whatever the charset
    try:
        found = urljoin(url, quoted)
    except ValueError:
        return ""
    return found if len(found) <= _LONGEST_URL else ""
