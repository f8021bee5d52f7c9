"""Where requests may go: hosts that the settings name, at addresses that are public or allowed.

The one idea: names are looked up here, every address that comes back is checked, and the connection is made to exactly
those; so a name that means another address a moment later changes nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from vector_pipeline.sources.public_docs.urls import normal_url

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"http": 80, "https": 443}
_ODD = re.compile(r"[^\x21-\x7e]|\\")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,252}[a-z0-9_-])?|[0-9a-f:.]{2,45}")
_LONGEST_URL = 8000

_PUBLIC_V6 = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_RELAYS = ipaddress.ip_network("192.88.99.0/24")
_DOCUMENTATION = ipaddress.ip_network("3fff::/20")


@dataclass(frozen=True, slots=True)
class Target:
    """An http(s) URL in its parts. `path` holds the query too; `host` is in lower case, without brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def netloc(self) -> str:
        """The host with its port where that is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def site(self) -> str:
        """The host as people write it, with its port where that is not the usual one of http or https."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port in _PORTS.values() else f"{host}:{self.port}"


def target_of(url: str) -> Target | None:
    """The parts of an absolute http(s) URL in normal form; None for anything else, and where a user is named."""
    if len(url) > _LONGEST_URL or _ODD.search(url):
        return None
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    host = host.removesuffix(".")
    if scheme not in _PORTS or "@" in parts.netloc or not _HOST.fullmatch(host):
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(scheme, host, _PORTS[scheme] if port is None else port, path)


class Hosts:
    """A set of hosts as settings name them: "docs.example.org", "docs.example.org:8080", "[::1]:8080"."""

    def __init__(self, named: Iterable[str], *, any_port: bool = False) -> None:
        """Without a port a name stands for the usual ports of http and https, or with `any_port` for each."""
        self._ports: dict[str, set[int | None]] = {}
        for name in named:
            target = target_of(normal_url(f"https://{name}"))
            if target is None:
                continue  # the settings take nothing that could be meant by this
            usual: set[int | None] = {None} if any_port else {*_PORTS.values()}
            ports = usual if target.port == _PORTS["https"] else {target.port}
            self._ports.setdefault(target.host, set()).update(ports)

    def __contains__(self, target: Target) -> bool:
        ports = self._ports.get(target.host, ())
        return target.port in ports or None in ports


def literal_address(host: str) -> IpAddress | None:
    """The address that a host's name is itself, in any spelling that the system's resolver would take for one.

    "127.1", "0x7f000001" and "2130706433" are 127.0.0.1 to it. None for real names.
    """
    host = host.strip("[]").removesuffix(".").partition("%")[0]
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    if not re.fullmatch(r"[0-9a-fx.]+", host, re.IGNORECASE) or not host[:1].isdigit():
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def why_not_public(address: IpAddress) -> str:
    """Why an address is none of the public internet ("loopback", "private", …), "" where it is.

    Addresses of IPv6 that stand for one of IPv4 (mapped, 6to4, NAT64) are judged by that one. Sources: the
    special-purpose registries of IANA (RFC 6890), as Python's ipaddress has them, and what it leaves out.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return why_not_public(inner)
    if address.is_loopback:
        return "loopback"
    if address.is_link_local:
        return "link-local"
    if address.is_multicast:
        return "multicast"
    if address.is_unspecified:
        return "unspecified"
    outside = (
        address not in _PUBLIC_V6 or address in _DOCUMENTATION
        if isinstance(address, ipaddress.IPv6Address)
        else address in _RELAYS or address.is_reserved
    )
    return "private" if outside or not address.is_global else ""
