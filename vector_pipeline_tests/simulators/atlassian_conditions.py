"""The conditions a simulated Atlassian service runs under: its clock, who may enter, how fast, and what goes wrong.

Everything here is shared by the Jira and the Confluence server and is changed by tests while the server runs. Time of
the content is a clock that only tests move; rate limits run on the machine's own time, because clients really wait.
"""

from __future__ import annotations

import base64
import binascii
import math
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

EMAIL = "ada@example.org"
USER = "ada"
API_TOKEN = "api-token-of-ada"
SCOPED_TOKEN = "scoped-api-token-of-ada"
BEARER = "oauth-access-token-of-ada"
PERSONAL_ACCESS_TOKEN = "personal-access-token-of-ada"
PASSWORD = "password-of-ada"


class Flavour(StrEnum):
    """Which of the two products answers."""

    CLOUD = "cloud"
    DATA_CENTER = "data_center"


class Clock:
    """The service's time, in whole milliseconds; it stands still until a test moves it.

    `now` is the true time: of the Date header, of "now" in a query. `stamp` is what a change is given: it differs by
    `skew`, as on a node of a cluster whose clock is off.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 3, 2, 9, 30, 0, tzinfo=UTC)
        self.skew = timedelta(0)

    def now(self) -> datetime:
        """The time in UTC."""
        return self._now

    def stamp(self) -> datetime:
        """The time that a change made now carries."""
        return self._now + self.skew

    def set(self, moment: datetime) -> None:
        """Jumps to a moment (timezone-aware)."""
        self._now = moment.astimezone(UTC)

    def advance(self, *, milliseconds: float = 0, seconds: float = 0, minutes: float = 0, days: float = 0) -> datetime:
        """Moves on, and gives the new time."""
        self._now += timedelta(milliseconds=milliseconds, seconds=seconds, minutes=minutes, days=days)
        return self._now


@dataclass
class Account:
    """A user. `time_zone` is the one of the profile: searches read date literals in it, Jira writes times in it."""

    id: str
    name: str
    email: str = ""
    user: str = ""
    time_zone: str = "UTC"
    groups: set[str] = field(default_factory=set)
    active: bool = True

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class Credential(StrEnum):
    """The kinds of secrets, and so the doors they open."""

    API_TOKEN = "api token"  # Cloud, Basic with the e-mail, at the site
    SCOPED_TOKEN = "scoped api token"  # Cloud, Basic with the e-mail, only through the gateway
    BEARER = "oauth access token"  # Cloud, Bearer, only through the gateway
    PERSONAL = "personal access token"  # Data Center, Bearer
    PASSWORD = "password"  # Data Center, Basic with the user name


class Refused(Exception):
    """An answer other than 200, on its way to the client: raised by anything that handles a request."""

    def __init__(
        self,
        status: int,
        body: Any,
        *,
        headers: Mapping[str, str] | None = None,
        content_type: str = "application/json;charset=UTF-8",
    ) -> None:
        super().__init__(f"{status}: {body}")
        self.status, self.body, self.headers, self.content_type = status, body, dict(headers or {}), content_type


@dataclass(frozen=True)
class _Grant:
    kind: Credential
    account: Account
    expires: datetime | None


class Accounts:
    """Who may enter with what. Starts with Ada, who holds one secret of each kind (the constants of this module)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._grants: dict[str, _Grant] = {}
        self.ada = Account("5b10ac8d82e05b22cc7d4ef5", "Ada", EMAIL, USER, groups={"staff"})
        self.all: dict[str, Account] = {self.ada.id: self.ada}
        for kind, secret in (
            (Credential.API_TOKEN, API_TOKEN),
            (Credential.SCOPED_TOKEN, SCOPED_TOKEN),
            (Credential.BEARER, BEARER),
            (Credential.PERSONAL, PERSONAL_ACCESS_TOKEN),
            (Credential.PASSWORD, PASSWORD),
        ):
            self.grant(self.ada, kind, secret)

    def add(self, account: Account) -> Account:
        """Makes an account known, without a secret."""
        self.all[account.id] = account
        return account

    def grant(self, account: Account, kind: Credential, secret: str, *, lifetime: timedelta | None = None) -> None:
        """Gives an account a secret; with `lifetime` it dies when the clock has moved so far."""
        self.add(account)
        self._grants[secret] = _Grant(kind, account, self._clock.now() + lifetime if lifetime else None)

    def revoke(self, secret: str) -> None:
        """The secret no longer opens anything."""
        self._grants.pop(secret, None)

    def find(self, secret: str, kinds: Sequence[Credential]) -> Account | None:
        """Whose secret this is, if it is one of these kinds and not expired."""
        grant = self._grants.get(secret)
        if grant is None or grant.kind not in kinds or not grant.account.active:
            return None
        if grant.expires is not None and self._clock.now() >= grant.expires:
            return None
        return grant.account

    def authenticate(self, flavour: Flavour, authorization: str | None, *, gateway: bool) -> Account:
        """The account behind an Authorization header. Raises Refused as the service does: 401, or 403 for Bearer."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() == "basic":
            account = self._basic(flavour, value.strip(), gateway=gateway)
        elif scheme.lower() == "bearer":
            if flavour is Flavour.CLOUD and not gateway:
                raise Refused(403, {"error": "Failed to parse Connect Session Auth Token"})
            kind = Credential.BEARER if flavour is Flavour.CLOUD else Credential.PERSONAL
            account = self.find(value.strip(), [kind])
        else:
            account = None
        if account is None:
            raise _unauthorized(flavour, scheme, gateway=gateway)
        return account

    def _basic(self, flavour: Flavour, value: str, *, gateway: bool) -> Account | None:
        try:
            login, _, secret = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        if flavour is Flavour.DATA_CENTER:
            account = self.find(secret, [Credential.PASSWORD])
            return account if account is not None and account.user == login else None
        kind = Credential.SCOPED_TOKEN if gateway else Credential.API_TOKEN
        account = self.find(secret, [kind])
        return account if account is not None and account.email.lower() == login.lower() else None


def _unauthorized(flavour: Flavour, scheme: str, *, gateway: bool) -> Refused:
    if gateway:
        return Refused(401, {"code": 401, "message": "Unauthorized"})
    if flavour is Flavour.CLOUD:
        body = {"message": "Client must be authenticated to access this resource.", "status-code": 401}
        return Refused(401, body, headers={"WWW-Authenticate": 'OAuth realm="https%3A%2F%2Floopback"'})
    if scheme.lower() == "basic":
        page = "<html><head><title>Unauthorized (401)</title></head><body>Basic Authentication Failure</body></html>"
        headers = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED", "WWW-Authenticate": "JIRA REST POST"}
        return Refused(401, page, headers=headers, content_type="text/html;charset=UTF-8")
    message = "You are not authenticated. Authentication required to perform this operation."
    return Refused(401, {"errorMessages": [message], "errors": {}})


@dataclass(frozen=True)
class Fault:
    """One answer gone wrong: a status with a body, a change of the right answer, or a broken connection.

    `status` 0 keeps the right answer. `seconds` passes before it, `drip_seconds` while its body comes in pieces.
    """

    status: int = 0
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json;charset=UTF-8"
    change: Callable[[Any], Any] | None = None
    dropped: bool = False
    truncated: bool = False
    seconds: float = 0.0
    drip_seconds: float = 0.0


def rate_limited(retry_after: float | None = None, reason: str = "jira-burst-based", **headers: str) -> Fault:
    """429, with Retry-After in seconds or (None) without."""
    found = {"RateLimit-Reason": reason, "X-RateLimit-Remaining": "0", **_dashed(headers)}
    if retry_after is not None:
        found["Retry-After"] = f"{math.ceil(retry_after)}"
    return Fault(429, {"errorMessages": ["Rate limit exceeded."], "errors": {}}, found)


def throttled_as_403() -> Fault:
    """What some Data Center set-ups send where 429 is meant."""
    return Fault(403, {"message": "Rate limit exceeded.", "statusCode": 403}, {"X-RateLimit-Remaining": "0"})


def server_error(status: int = 503, retry_after: float | None = None) -> Fault:
    """5xx as a load balancer sends it: HTML, sometimes with Retry-After."""
    headers = {} if retry_after is None else {"Retry-After": f"{math.ceil(retry_after)}"}
    page = f"<html><body><h1>{status} the service is not available</h1></body></html>"
    return Fault(status, page, headers, "text/html")


def login_page() -> Fault:
    """200 with HTML: what a proxy with single sign-on sends."""
    return Fault(200, "<html><body>Sign in</body></html>", content_type="text/html;charset=UTF-8")


def captcha() -> Fault:
    """Data Center's 403 after too many wrong passwords."""
    return Fault(403, "<html/>", {"X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE"}, "text/html")


def slow(seconds: float) -> Fault:
    """The right answer, late."""
    return Fault(seconds=seconds)


def dripping(seconds: float) -> Fault:
    """The right answer in many small pieces that take this long together."""
    return Fault(drip_seconds=seconds)


def truncated() -> Fault:
    """The connection closes in the middle of the body."""
    return Fault(truncated=True)


def dropped() -> Fault:
    """The connection closes without an answer."""
    return Fault(dropped=True)


def changed(change: Callable[[Any], Any]) -> Fault:
    """The right JSON answer after a change."""
    return Fault(change=change)


def _dashed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True)
class _Rule:
    fault: Fault
    path: str
    method: str

    def fits(self, method: str, path: str) -> bool:
        return self.path in path and self.method in ("", method)


@dataclass
class Paging:
    """Faults of paging. The numbers count how many more answers go wrong so; the rest holds until changed."""

    repeated_token: int = 0  # the next token is the one the page was asked with
    empty_page: int = 0  # no rows, though a next token or link comes with it
    last_flag_lies: int = 0  # `isLast` says the opposite of the token
    wrong_start: bool = False  # the `start` in next links is the asked size, not the sent one, further on
    cap: int = 0  # no page is longer than this, whatever was asked; 0 is no cap
    rows_past_end: int = 0  # offset paging past the end still answers rows


class Faults:
    """What goes wrong, and when. `path` is a piece of the path that a request must have for the fault to strike."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[_Rule] = []
        self._always: list[_Rule] = []
        self._random: tuple[list[Fault], float, random.Random] | None = None
        self.paging = Paging()
        self.cut_bodies_above = 0
        """Answers with more bytes than this end early, however often they are asked; 0 is never."""
        self.search_lag = timedelta(0)
        """How long (on the service's clock) a change stays unseen by searches."""

    def once(self, fault: Fault, times: int = 1, *, path: str = "", method: str = "") -> None:
        """The next `times` requests that fit go wrong."""
        with self._lock:
            self._queue.extend([_Rule(fault, path, method)] * times)

    def always(self, fault: Fault, *, path: str = "", method: str = "") -> None:
        """Every request that fits goes wrong, until `clear`."""
        with self._lock:
            self._always.append(_Rule(fault, path, method))

    def at_random(self, faults: Sequence[Fault], probability: float, seed: int) -> None:
        """Each request goes wrong with this probability, in one of these ways, until `clear`."""
        with self._lock:
            self._random = (list(faults), probability, random.Random(seed))

    def clear(self) -> None:
        """Everything works again, at once and for good."""
        with self._lock:
            self._queue, self._always, self._random = [], [], None
            self.paging, self.search_lag, self.cut_bodies_above = Paging(), timedelta(0), 0

    def next_fault(self, method: str, path: str) -> Fault | None:
        """The fault that strikes this request; a queued one is used up."""
        with self._lock:
            for number, rule in enumerate(self._queue):
                if rule.fits(method, path):
                    del self._queue[number]
                    return rule.fault
            for rule in self._always:
                if rule.fits(method, path):
                    return rule.fault
            if self._random is not None:
                faults, probability, dice = self._random
                if dice.random() < probability:
                    return dice.choice(faults)
        return None

    def take(self, name: str) -> bool:
        """Whether the counted paging fault of this name strikes now; uses one up."""
        with self._lock:
            left = getattr(self.paging, name)
            if left > 0:
                setattr(self.paging, name, left - 1)
            return bool(left > 0)

    def page_size(self, asked: int) -> int:
        """The size a page really gets."""
        return min(asked, self.paging.cap) if self.paging.cap else asked


class RateLimit:
    """A token bucket per account that writes the service's headers; without a `limit` it lets everyone through.

    `limit` requests may come at once, `fill` more every `interval` seconds. Who comes before Retry-After has passed
    is refused again.
    """

    REASON: ClassVar[str] = "jira-burst-based"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}
        self.limit = 0
        self.fill = 0
        self.interval = 1.0
        self.without_retry_after = False
        self.refused = 0

    def configure(self, limit: int, *, fill: int = 0, interval: float = 1.0) -> None:
        """Starts limiting; `fill` 0 means the whole limit again per interval."""
        with self._lock:
            self._buckets.clear()
            self.limit, self.fill, self.interval, self.refused = limit, fill or limit, interval, 0

    def enter(self, flavour: Flavour, account: str) -> dict[str, str]:
        """Takes a token and gives the headers of the answer. Raises Refused with 429 when none is left."""
        if not self.limit:
            return {}
        with self._lock:
            now = time.monotonic()
            tokens, since = self._buckets.get(account, (float(self.limit), now))
            tokens = min(float(self.limit), tokens + (now - since) * self.fill / self.interval)
            allowed = tokens >= 1
            tokens -= 1 if allowed else 0
            self._buckets[account] = (tokens, now)
            self.refused += not allowed
        wait = 0 if allowed else max(1, math.ceil((1 - tokens) * self.interval / self.fill))
        headers = self._headers(flavour, int(tokens), wait)
        if allowed:
            return headers
        if self.without_retry_after:
            headers = {name: value for name, value in headers.items() if name.lower() != "retry-after"}
        raise Refused(429, {"errorMessages": ["Rate limit exceeded."], "errors": {}}, headers=headers)

    def _headers(self, flavour: Flavour, remaining: int, wait: int) -> dict[str, str]:
        headers = {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-Remaining": str(remaining)}
        if flavour is Flavour.DATA_CENTER:
            headers["X-RateLimit-Interval-Seconds"] = f"{math.ceil(self.interval)}"
            headers["X-RateLimit-FillRate"] = str(self.fill)
            headers["retry-after"] = str(wait)
            return headers
        reset = datetime.now(UTC) + timedelta(seconds=wait or self.interval)
        headers["X-RateLimit-Reset"] = reset.strftime("%Y-%m-%dT%H:%MZ")
        if remaining < self.limit * 0.2:
            headers["X-RateLimit-NearLimit"] = "true"
        if wait:
            headers["Retry-After"] = str(wait)
            headers["RateLimit-Reason"] = self.REASON
        return headers
