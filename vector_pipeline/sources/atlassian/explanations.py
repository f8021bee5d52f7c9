"""What a refusal means to the person who reads it, and what to do about it.

The first answer of a site is the pre-check: whatever is wrong with address, credentials or rights is told from it,
without another request. No message holds a secret, an e-mail address, a query or more than a few words of a body.
"""

from __future__ import annotations

from vector_pipeline.sources.atlassian.address import SiteAddress, origin_of
from vector_pipeline.sources.atlassian.answers import error_messages, page_title
from vector_pipeline.sources.atlassian.credentials import Way
from vector_pipeline.sources.atlassian.errors import (
    AccessDenied,
    AnswerRefused,
    NoApiHere,
    NotThere,
    SiteUnreachable,
    TooLarge,
)
from vector_pipeline.sources.atlassian.exchange import Answer, Broken, Trouble
from vector_pipeline.sources.atlassian.redirects import is_sign_in
from vector_pipeline.sources.base import SourceError, SourceMisconfigured
from vector_pipeline.sources.retry_waits import number

_TRIED_AGAIN = "the next run tries again"
_SIGN_IN_TITLES = ("log in", "login", "sign in", "sign-in", "signin", "sso", "single sign", "unauthor", "authent")
_SMALLER = frozenset({Trouble.TIME, Trouble.CUT, Trouble.CODING})


class Explanations:
    """Errors of one site in words. `hidden` are the secrets that no text may show."""

    def __init__(self, address: SiteAddress, way: Way, label: str, hidden: tuple[str, ...]) -> None:
        self._address, self._way, self._label, self._hidden = address, way, label, hidden
        self._name = {"confluence": "Confluence", "jira": "Jira"}[address.product]
        self._where = f"{label}: {address.url}"

    def is_throttling(self, answer: Answer) -> bool:
        """Whether the site says that too much was asked: 429, or the 403 that some send instead."""
        if answer.status == 429:
            return True
        if answer.status != 403:
            return False
        if (number(answer.headers.get("retry-after", "")) or 0) > 0:
            return True
        said = " ".join(error_messages(answer.body, self._hidden)).lower()
        return answer.headers.get("x-ratelimit-remaining", "").strip() == "0" or "rate limit" in said

    def refusal(self, answer: Answer, *, file: bool = False) -> SourceError:
        """A 4xx; `file` says that the question was for a file and not for the interface."""
        status = answer.status
        said = error_messages(answer.body, self._hidden)
        words = f": {'; '.join(said)}" if said else ""
        if status == 401:
            return AccessDenied(
                f"{self._where} did not accept {self._way.value} (401)", hint=self._renew(), status=status
            )
        if status == 403:
            return self._forbidden(answer, words)
        if status == 407:
            return AccessDenied(
                f"{self._label}: the proxy wants a login (407)", hint="put user and password into HTTPS_PROXY"
            )
        if status in (404, 410):
            if file or (status == 404 and said and not self._names_no_endpoint(said)):
                return NotThere(f"{self._where} does not have this{words} ({status})", status=status, messages=said)
            return self._no_api(answer, said)
        return AnswerRefused(
            f"{self._where} refused the request ({status}){words}",
            hint="check the settings of the source" if status == 400 else "",
            status=status,
            messages=said,
        )

    def server_error(self, answer: Answer) -> SiteUnreachable:
        """A 5xx, after the last try."""
        return SiteUnreachable(
            f"{self._where} failed to answer ({answer.status})",
            hint=_TRIED_AGAIN,
            status=answer.status,
            smaller_may_work=answer.status in (500, 504),
        )

    def undecodable(self, answer: Answer) -> SiteUnreachable:
        """A 200 whose body is no JSON, after the last try."""
        return SiteUnreachable(
            f"{self._where} sent an answer that can't be decoded ({len(answer.body)} bytes)",
            hint=_TRIED_AGAIN,
            status=answer.status,
            smaller_may_work=True,
        )

    def web_page(self, answer: Answer) -> SourceError:
        """A web page where data was asked for: a login page, a proxy's, or the address of something else."""
        title = page_title(answer.body, self._hidden)
        called = f' "{title}"' if title else ""
        signs = any(sign in title.lower() for sign in _SIGN_IN_TITLES)
        if signs or not title or b'type="password"' in answer.body[:100_000].lower():
            return AccessDenied(
                f"{self._where} sent a sign-in page{called} instead of data",
                hint="a single sign-on or proxy is in the way: check the token, and let API requests pass",
                status=answer.status,
            )
        return NoApiHere(
            f"{self._where} sent a web page{called} instead of data", hint=self._right_address(), status=answer.status
        )

    def redirect(self, answer: Answer, target: str) -> SourceError:
        """A redirect that is not followed: `target` is absolute, or "" where it leads nowhere."""
        there = origin_of(target)
        if is_sign_in(target):
            return AccessDenied(
                f"{self._where} sends to a sign-in page at {there}",
                hint=f"check that {self._way.value} is valid, and that the site takes it without single sign-on",
                status=answer.status,
            )
        if there == self._address.origin:
            return SourceMisconfigured(
                f"{self._where} redirects in circles or to another page", hint=self._right_address()
            )
        if not there:
            return SourceMisconfigured(f"{self._where} redirects to no web address", hint=self._right_address())
        return SourceMisconfigured(
            f"{self._where} redirects to {there}", hint=f"if that is the site, write url: {there}{self._address.path}"
        )

    def broken(self, broken: Broken, limit: int) -> SourceError:
        """No whole answer, after the last try."""
        trouble = broken.trouble
        if trouble is Trouble.LARGE:
            return TooLarge(f"{self._where}: the answer has more than {limit} bytes")
        if trouble is Trouble.CA_FILE:
            return SourceMisconfigured(
                f"{self._label}: {trouble.value}", hint="check REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and SSL_CERT_FILE"
            )
        if trouble is Trouble.REQUEST:
            return SourceMisconfigured(f"{self._where}: {trouble.value}", hint="check url and the proxy settings")
        detail = f" ({broken.detail})" if broken.detail else ""
        failed = "gave no whole answer" if trouble in _SMALLER else "can't be reached"
        return SiteUnreachable(
            f"{self._where} {failed}: {trouble.value}{detail}",
            hint=_HINTS.get(trouble, _TRIED_AGAIN),
            smaller_may_work=trouble in _SMALLER,
        )

    def _forbidden(self, answer: Answer, words: str) -> SourceError:
        denied = answer.headers.get("x-authentication-denied-reason", "")
        login = answer.headers.get("x-seraph-loginreason", "")
        if "CAPTCHA" in denied or "AUTHENTICATION_DENIED" in login:
            return AccessDenied(
                f"{self._where} wants a CAPTCHA solved after too many failed logins (403)",
                hint="log in once in a browser with this account, correct the credentials, then run again",
                status=403,
            )
        if self._way is Way.BEARER and not self._address.gateway:
            return AccessDenied(
                f"{self._where} did not accept {self._way.value}: a Cloud site takes none without an e-mail (403)",
                hint=f"add email for an API token, or use {self._gateway()} for an OAuth token",
                status=403,
            )
        if self._address.gateway:
            hint = "check that the token has the scopes to read, and that the account has access to the product"
        elif self._address.cloud:
            hint = (
                "check that the account has access to the product, and that no list of allowed addresses is in the way"
            )
        else:
            hint = "give the account the right to use the product and to read what the source names"
        return AccessDenied(f"{self._where} refused access{words} (403)", hint=hint, status=403)

    def _renew(self) -> str:
        """What to do about a credential that was not accepted."""
        gateway = self._address.gateway
        if self._way is Way.ANONYMOUS:
            return "set email and token" if self._address.cloud else "set token"
        if self._way is Way.API_TOKEN and not self._address.cloud:
            return "Data Center takes a personal access token without email, or username and password"
        if self._way is Way.API_TOKEN and gateway:
            return (
                "check email, and that the token has scopes and has not expired; one without scopes works only at the "
                "site itself, https://<site>.atlassian.net"
            )
        if self._way is Way.API_TOKEN:
            return (
                "check email, and that the token has neither expired nor been revoked; one with scopes works only "
                f"through {self._gateway()}"
            )
        if self._way is Way.BEARER and gateway:
            return "an OAuth access token lives one hour: get a new one, or use email with an API token with scopes"
        if self._way is Way.BEARER:
            return f"add email for an API token, or use {self._gateway()} for an OAuth token"
        if self._way is Way.PERSONAL:
            return "check that the personal access token has neither expired nor been revoked, or make a new one"
        return "check username and password; some sites take only personal access tokens"

    def _gateway(self) -> str:
        return f"https://api.atlassian.com/ex/{self._address.product}/<cloud id>"

    def _no_api(self, answer: Answer, said: list[str]) -> NoApiHere:
        if answer.status == 410:
            words = f": {'; '.join(said)}" if said else ""
            return NoApiHere(
                f"{self._where} no longer has this interface (410){words}",
                hint="look for a newer version of vector-pipeline",
                status=410,
                messages=said,
            )
        return NoApiHere(
            f"{self._where} has no REST interface of {self._name} where it should be (404)",
            hint=self._right_address(),
            status=404,
            messages=said,
        )

    def _right_address(self) -> str:
        if self._address.gateway:
            return f"check the cloud id: write url: {self._gateway()}"
        if self._address.cloud:
            return f"check url: it is https://<site>.atlassian.net, where the site has {self._name}"
        example = "https://<host>/confluence" if self._address.product == "confluence" else "https://<host>/jira"
        return f"check url: it is the address of {self._name}'s start page without the page, such as {example}"

    @staticmethod
    def _names_no_endpoint(said: list[str]) -> bool:
        return any(text.lower().startswith(("null for uri", "no static resource", "http 404")) for text in said)


_HINTS = {
    Trouble.NAME: "check the host in url, and the network",
    Trouble.REFUSED: "check host and port in url, and that the site is up",
    Trouble.PROXY: "check HTTPS_PROXY and NO_PROXY",
    Trouble.CERTIFICATE: "name the file with the right certificate authorities in REQUESTS_CA_BUNDLE",
    Trouble.TLS: "check that the port of url speaks https",
    Trouble.TIME: "the next run tries again; raise timeout if the site is slow",
}
