"""One spelling for each URL: what a person, a link or a sitemap wrote becomes the normal form of RFC 3986.

Pure text. The one idea: read as leniently as browsers do (WHATWG URL Standard), write as strictly as RFC 3986,
section 6.2.2, says. Only spellings that no server may tell apart become equal; the case of paths, the order of
parameters and double slashes stay.
"""

from __future__ import annotations

import re
import socket
from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple

import idna

MAX_URL = 2_000
"""Characters of a URL in normal form; longer ones are built by traps and broken scripts."""
_MAX_WRITTEN = 10 * MAX_URL
_MAX_HOST = 253
_DEFAULT_PORTS = {"http": "80", "https": "443"}

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_AROUND = "".join(map(chr, range(0x21)))
_INSIDE = re.compile(r"[\t\n\r]")
_AUTHORITY = re.compile(r"(?:[^@]*@)*(?P<host>\[[^\[\]@]*\]|[^:@]*)(?::(?P<port>[0-9]*))?")
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NOT_PATH = re.compile(r"%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~!$&'()*+,;=:@/]")
_NOT_QUERY = re.compile(r"%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?]")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_TRACKING = re.compile(
    r"(?:utm_.*|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|msclkid|yclid|twclid|ttclid|igshid|mc_cid|mc_eid|mkt_tok|_ga|_gl"
    r"|_hsenc|_hsmi|__hstc|__hssc|__hsfp|hsctatracking|vero_id|oly_anon_id|oly_enc_id|srsltid)",
    re.IGNORECASE,
)
_INDEX = re.compile(r"(?:index\.(?:x?html?|s?html|php|aspx?|jsp|md)|default\.(?:html?|aspx?))", re.IGNORECASE)


class _Parts(NamedTuple):
    scheme: str
    host: str  # with the port, unless it is the default one
    path: str
    query: str


def normal_url(href: str, base: str = "") -> str:
    """The absolute http(s) URL that `href` means on the page `base`, in normal form; idempotent.

    Fragment, user info, default port and tracking parameters (utm_*, gclid, …) are dropped. Gives "" for what is no
    http(s) URL, is malformed or is longer than MAX_URL.
    """
    if len(href) > _MAX_WRITTEN:
        return ""
    try:
        parts = _resolved(href, base)
    except (UnicodeError, ValueError):
        return ""
    if parts is None:
        return ""
    url = f"{parts.scheme}://{parts.host}{parts.path}"
    if parts.query:
        url = f"{url}?{parts.query}"
    return url if len(url) <= MAX_URL else ""


def loose_key(url: str) -> str:
    """What the usual spellings of one page share: `url`, in normal form, without scheme, "www.", index page and end
    slash. Two pages with one key may still differ: their content decides."""
    address, mark, query = url.partition("?")
    host, _, path = address.partition("://")[2].removeprefix("www.").partition("/")
    folder, _, name = path.rpartition("/")
    if _INDEX.fullmatch(name):
        path = folder
    return f"{host}/{path}".rstrip("/") + mark + query


def _resolved(href: str, base: str) -> _Parts | None:
    text = href.strip(_AROUND)
    if _INSIDE.search(text):
        text = _INSIDE.sub("", text)
    text = text.partition("#")[0]
    beginning, mark, query = text.partition("?")
    if "\\" in beginning:
        beginning = beginning.replace("\\", "/")
    scheme = _SCHEME.match(beginning)
    if scheme is not None:
        name = scheme[1].lower()
        if name not in _DEFAULT_PORTS:
            return None
        rest = beginning[scheme.end() :]
        if rest.startswith("//") or not base.startswith(f"{name}:"):
            return _absolute(name, rest, query)
        beginning = rest  # "https:page.html" is relative to a page of the same scheme
    origin = _base(base)
    if origin is None:
        return None
    if beginning.startswith("//"):
        return _absolute(origin.scheme, beginning, query)
    if not beginning:
        return origin._replace(query=_query(query) if mark else origin.query)
    if not beginning.startswith("/"):
        beginning = origin.path[: origin.path.rfind("/") + 1] + beginning
    return origin._replace(path=_path(beginning), query=_query(query))


@lru_cache(maxsize=64)
def _base(url: str) -> _Parts | None:
    return _resolved(url, "") if url else None


def _absolute(scheme: str, rest: str, query: str) -> _Parts | None:
    """The URL whose authority and path, and any number of slashes in front, are `rest`."""
    authority, slash, path = rest.lstrip("/").partition("/")
    host = _authority(scheme, authority)
    return _Parts(scheme, host, _path(slash + path), _query(query)) if host else None


@lru_cache(maxsize=256)
def _authority(scheme: str, text: str) -> str:
    found = _AUTHORITY.fullmatch(text)
    host = _host(found["host"]) if found else ""
    port = (found["port"] or "").lstrip("0") if found else ""
    if not found or not host or (found["port"] and not port) or int(port or 0) > 65_535:
        return ""
    return host if port in ("", _DEFAULT_PORTS[scheme]) else f"{host}:{port}"


def _host(written: str) -> str:
    """The host as DNS knows it: lower case, IDNA, without an end dot; "" for none."""
    if written.startswith("["):
        address = written[1:-1]
        return f"[{IPv6Address(address).compressed}]" if address and "%" not in address else ""
    if len(written) > 3 * _MAX_HOST:
        return ""
    host = _decoded(written).lower()
    if not host.isascii():
        host = idna.encode(host, uts46=True).decode("ascii")
    host = host.removesuffix(".")
    if len(host) > _MAX_HOST or not _HOST.fullmatch(host):
        return ""
    if _NUMBER.fullmatch(host[host.rfind(".") + 1 :]):
        # What ends in a number is an IPv4 address in one of its spellings: 2130706433, 0x7f.1, 0177.0.0.1.
        try:
            return socket.inet_ntoa(socket.inet_aton(host))
        except OSError:
            return ""
    return host


def _decoded(text: str) -> str:
    """Percent-encoding undone. Raises UnicodeError for bytes that are no UTF-8."""
    if "%" not in text:
        return text
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), text.encode()).decode()


def _query(text: str) -> str:
    if not text:
        return ""
    query = _NOT_QUERY.sub(_encoded, text)
    pieces = query.split("&")
    return "&".join(piece for piece in pieces if not _TRACKING.fullmatch(piece.partition("=")[0]))


def _path(text: str) -> str:
    """An absolute path in normal form; never empty."""
    path = _NOT_PATH.sub(_encoded, text)
    return _without_dots(path) if "/." in path else path or "/"


def _encoded(found: re.Match[str]) -> str:
    """One escape or one character outside the set, as RFC 3986 writes it. Raises UnicodeError for half a character."""
    text = found[0]
    if len(text) == 3:
        character = chr(int(text[1:], 16))
        return character if character in _UNRESERVED else text.upper()
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _without_dots(path: str) -> str:
    """RFC 3986, section 5.2.4, for a path that starts with a slash."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for number, segment in enumerate(segments):
        if segment not in (".", ".."):
            kept.append(segment)
            continue
        if segment == ".." and kept:
            kept.pop()
        if number == len(segments) - 1:
            kept.append("")
    return "/" + "/".join(kept)
