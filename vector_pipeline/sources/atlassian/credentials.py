"""Who asks: the way in that the settings give, and the session that uses it.

The session is that of atlassian-python-api, which sets up authentication; its retries stay off, because their total
wait has no bound. Cookies are never kept: with a session cookie Data Center counts a client as a
browser.
"""

from __future__ import annotations

import os
import re
from enum import Enum
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.auth import AuthBase

from vector_pipeline import __version__
from vector_pipeline.settings_atlassian import AtlassianSettings
from vector_pipeline.sources.atlassian.address import SiteAddress
from vector_pipeline.sources.atlassian.connection import TimedAdapter
from vector_pipeline.sources.base import SourceMisconfigured


class Way(Enum):
    """How the account proves who it is, in words for messages."""

    API_TOKEN = "the e-mail address with its API token"
    BEARER = "the access token"
    PERSONAL = "the personal access token"
    PASSWORD = "the user name with its password"
    ANONYMOUS = "a request without credentials"


def way_in(settings: AtlassianSettings, address: SiteAddress) -> Way:
    """Which credential the settings hold."""
    if settings.token.get_secret_value():
        if settings.email:
            return Way.API_TOKEN
        return Way.BEARER if address.cloud else Way.PERSONAL
    return Way.PASSWORD if settings.password.get_secret_value() else Way.ANONYMOUS


def secrets_of(settings: AtlassianSettings) -> tuple[str, ...]:
    """What no message may hold; what is shorter than four letters would only garble them."""
    held = (settings.token.get_secret_value(), settings.password.get_secret_value(), settings.email)
    return tuple(text.strip() for text in held if len(text.strip()) > 3)


class _AsItIs(AuthBase):
    """Leaves a request alone: without any authentication a `.netrc` would be looked up."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def open_session(settings: AtlassianSettings, address: SiteAddress, label: str) -> requests.Session:
    """A session that sends the credentials of the settings with every request.

    Proxies and certificate authorities come from the environment. Raises SourceMisconfigured for a token or password
    that can't be sent.
    """
    from atlassian.rest_client import AtlassianRestAPI  # takes a third of a second, where no site is asked too

    token, password = settings.token.get_secret_value().strip(), settings.password.get_secret_value()
    if re.search(r"[\x00-\x1f\x7f]", settings.email + settings.username + token + password):
        raise SourceMisconfigured(
            f"{label}: the credentials hold a control character", hint="look for a line end at the end of the secret"
        )
    if not token.isascii():
        raise SourceMisconfigured(f"{label}: token holds a letter that no token has", hint="copy the token again")
    user, secret = (settings.email, token) if settings.email else (settings.username, password)
    client = AtlassianRestAPI(
        address.url,
        username=_sent_as_utf8(user) or None,
        password=_sent_as_utf8(secret) or None,
        timeout=int(settings.timeout.total_seconds()) or 1,
        cloud=address.cloud,
        token=token if token and not settings.email else None,
        backoff_and_retry=False,
        retry_with_header=False,
    )
    session = client.session
    if not user and not token:
        session.auth = _AsItIs()
    return _prepared(session, settings.concurrency)


def _sent_as_utf8(text: str) -> str:
    """The text whose Latin-1, in which basic authentication is sent, is the UTF-8 of the given one."""
    return text.encode().decode("latin-1")


def open_plain_session(connections: int) -> requests.Session:
    """A session without any credentials, for files that the site keeps on other hosts."""
    session = requests.Session()
    session.auth = _AsItIs()
    return _prepared(session, connections)


def _prepared(session: requests.Session, connections: int) -> requests.Session:
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["User-Agent"] = f"vector-pipeline/{__version__}"
    session.headers["Accept-Encoding"] = "gzip, deflate"
    # requests reads REQUESTS_CA_BUNDLE itself, and that one wins
    session.verify = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR") or True
    for scheme in ("https://", "http://"):
        session.mount(scheme, TimedAdapter(pool_maxsize=2 * connections))
    return session
