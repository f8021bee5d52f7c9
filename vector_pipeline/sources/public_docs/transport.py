"""How connections to sites are secured and led: trusted certificates, and the proxy of the settings.

The environment's proxies are not looked at: they would see pages of hosts that the settings allow for this source only.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpcore2

from vector_pipeline.sources.base import SourceMisconfigured
from vector_pipeline.sources.public_docs.connection import Network

_IDLE_SECONDS = 15.0
"""How long a connection is kept for a further request; servers close theirs after 5 to 75 seconds."""


def open_pool(
    network: Network, *, proxy: str, ca_bundle: Path | None, at_once: int, label: str
) -> httpcore2.ConnectionPool:
    """Connections of `network`, kept for `at_once` requests. Opens none. Raises SourceMisconfigured.

    Through a proxy it is the proxy that looks hosts up: only addresses that are written as such can be checked.
    """
    trusted = _trusted(ca_bundle, label)
    if not proxy:
        return httpcore2.ConnectionPool(
            ssl_context=trusted,
            max_connections=None,  # the pace of each host bounds them
            max_keepalive_connections=at_once,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=network,
        )
    parts = urlsplit(proxy)
    if parts.scheme != "http" or not parts.hostname:
        raise SourceMisconfigured(f"{label}: proxy is not the address of an HTTP proxy", hint="write http://host:port")
    return httpcore2.HTTPProxy(
        httpcore2.URL(scheme="http", host=parts.hostname, port=parts.port or 80, target="/"),
        proxy_auth=(unquote(parts.username), unquote(parts.password or "")) if parts.username else None,
        ssl_context=trusted,
        max_connections=None,
        max_keepalive_connections=at_once,
        keepalive_expiry=_IDLE_SECONDS,
        network_backend=network,
    )


def _trusted(ca_bundle: Path | None, label: str) -> ssl.SSLContext:
    if ca_bundle is None:
        return httpcore2.default_ssl_context()
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except OSError as error:  # an SSLError is one, too
        raise SourceMisconfigured(
            f"{label}: the certificates of ca_bundle can't be read: {error.strerror or 'not in PEM form'}",
            hint="give the path of a file with certificates of authorities in PEM form",
        ) from error
