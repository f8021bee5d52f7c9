"""Where a redirect may be followed to: never with credentials beyond the site, never to a page to sign in at.

No request is made here; names of hosts are looked up, to keep a public site from reaching into a private network.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import urljoin, urlsplit

from requests.utils import get_environ_proxies

from vector_pipeline.sources.atlassian.address import SiteAddress, origin_of

STATUSES = frozenset({301, 302, 303, 307, 308})
MOST = 5

_SIGN_IN_PATH = re.compile(
    r"(?:^|/)(?:login|log-in|dologin|signin|sign-in|sso|saml2?|oauth2?|authorize|authenticate|adfs|idp"
    r"|permissionviolation)(?:\.\w+)?(?:/|$)",
    re.IGNORECASE,
)
_SIGN_IN_HOST = re.compile(r"(?:login|signin|sso|id|idp|auth|adfs|accounts?)\.|.*\.okta\.com$", re.IGNORECASE)
_SIGN_IN_QUERY = re.compile(r"(?:^|&)(?:os_destination|SAMLRequest|RelayState)=", re.IGNORECASE)


def target_of(url: str, location: str) -> str:
    """The absolute URL that a Location header names, "" where it names none."""
    if not location or re.search(r"[\x00-\x20\x7f\\]", location):
        return ""
    try:
        return urljoin(url, location)
    except ValueError:
        return ""


def is_sign_in(url: str) -> bool:
    """Whether an absolute URL looks like a page to sign in at."""
    parts = urlsplit(url)
    return bool(
        _SIGN_IN_HOST.match(parts.hostname or "")
        or _SIGN_IN_PATH.search(parts.path)
        or _SIGN_IN_QUERY.search(parts.query)
    )


def question_may_follow(address: SiteAddress, target: str) -> bool:
    """Whether a GET of the interface may go on: only to the site itself, below its address."""
    return (
        origin_of(target) == address.origin
        and urlsplit(target).path.startswith(address.path + "/")
        and not is_sign_in(target)
    )


def download_may_follow(address: SiteAddress, url: str, target: str) -> bool:
    """Whether a download may go on: to any host, but not from https to http nor from outside into a private network."""
    if not origin_of(target) or is_sign_in(target):
        return False
    if address.owns(target):
        return True
    if urlsplit(url).scheme.lower() == "https" and urlsplit(target).scheme.lower() != "https":
        return False
    return not _is_private(target) or _is_private(address.origin)


def _is_private(url: str) -> bool:
    """Whether a host is on this machine or in a private network. Behind a proxy only its own spelling tells."""
    host = urlsplit(url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        pass
    if host == "localhost" or host.endswith((".localhost", ".internal")):
        return True
    if get_environ_proxies(url).get(urlsplit(url).scheme.lower()):
        return False
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False  # the download will say that the name is unknown
    return any(not ipaddress.ip_address(str(one[4][0]).partition("%")[0]).is_global for one in found)
