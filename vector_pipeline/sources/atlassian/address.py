"""Where a site is: what its address must look like, which product line it is, and where the links it gives lead.

Pure text, no request. The one idea: credentials go to one origin and one path below it, so every link is either made
to lead there or refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

from vector_pipeline.settings_atlassian import AtlassianSettings
from vector_pipeline.sources.base import SourceError, SourceMisconfigured

Product = Literal["confluence", "jira"]

_CLOUD_HOSTS = (".atlassian.net", ".jira.com", ".jira-dev.com", ".atlassian-us-gov-mod.net")
_GATEWAY_HOST = "api.atlassian.com"
_GATEWAY_PATH = re.compile(r"/ex/(?P<product>jira|confluence)/(?P<cloud>[A-Za-z0-9-]+)(?P<wiki>/wiki)?")
_DEEP = re.compile(
    r"/(?:browse|display|pages|spaces|space|secure|projects|issues|plugins|rest|x|download|people|software|servicedesk"
    r"|[^/]+\.(?:jspa?|action))(?=/|$)"
)
"""The first segment of a page's path below a site's address."""
_PORTS = {"http": 80, "https": 443}
_ODD = re.compile(r"[\x00-\x20\x7f\\]")


@dataclass(frozen=True, slots=True)
class SiteAddress:
    """A site's address in its parts: `url` is `origin` and `path`, which has no slash at its end."""

    url: str
    origin: str
    path: str
    cloud: bool
    gateway: bool
    product: Product

    @property
    def host(self) -> str:
        """The host's name, for messages."""
        return urlsplit(self.origin).hostname or ""

    def owns(self, url: str) -> bool:
        """Whether an absolute URL leads to the site's own origin."""
        return origin_of(url) == self.origin

    def resolve(self, link: str, label: str) -> str:
        """The absolute URL of a path below the site, or of a link as the service gave it.

        Links of Confluence Cloud begin with /wiki, which the address already ends with, and those behind the gateway
        name the site instead of the gateway. Raises SourceError for one that leads elsewhere.
        """
        elsewhere = SourceError(
            f"{label}: the site gave a link that leads elsewhere than {self.url}",
            hint="if the site calls itself by another address, write that one as url",
        )
        link = link.replace(" ", "%20")  # some links of Data Center are not quoted
        if _ODD.search(link) or link.startswith("//") or "/../" in unquote(link.partition("?")[0]) + "/":
            raise elsewhere
        if link.startswith("/"):
            return self._below(link)
        target = link.partition("?")[0]
        if not re.match(r"https?://", target, re.IGNORECASE):
            raise elsewhere
        rest = "/" + link.split("://", 1)[1].partition("/")[2]
        if self.owns(target):
            if self.gateway and not rest.startswith("/ex/"):
                return self._below(rest)
            if self.path and not rest.startswith(self.path + "/"):
                raise elsewhere
            return self.origin + rest
        parts = _parts(target)
        if self.gateway and parts is not None and (parts.hostname or "").endswith(_CLOUD_HOSTS):
            return self._below(rest)
        raise elsewhere

    def _below(self, path: str) -> str:
        if self.path and path.startswith(self.path + "/"):
            return self.origin + path
        if self.cloud and self.product == "confluence" and path.startswith("/wiki/"):
            path = path.removeprefix("/wiki")
        return self.url + path


def origin_of(url: str) -> str:
    """Scheme, host and port in one spelling; "" for what is no web address."""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), (parts.hostname or "").lower(), parts.port
    except ValueError:
        return ""
    if scheme not in _PORTS or not host:
        return ""
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" if port in (None, _PORTS[scheme]) else f"{scheme}://{host}:{port}"


def site_address(settings: AtlassianSettings, product: Product, label: str) -> SiteAddress:
    """The address that the settings mean. Raises SourceMisconfigured, naming the right one where it can be told."""
    parts, origin = _parts(settings.url), origin_of(settings.url)
    if parts is None or not origin:
        raise SourceMisconfigured(f"{label}: url is not a web address", hint="write it as https://<host>")
    host = (parts.hostname or "").lower()
    path = re.sub(r"/{2,}", "/", parts.path).rstrip("/")
    known_cloud = host == _GATEWAY_HOST or host.endswith(_CLOUD_HOSTS)
    cloud = known_cloud if settings.deployment == "auto" else settings.deployment == "cloud"
    if known_cloud and parts.scheme.lower() == "http":
        raise _should_be(label, settings.url, f"https://{host}{path}")
    if not cloud:
        return _data_center(label, settings.url, origin, path, product)
    if host == _GATEWAY_HOST or path.startswith("/ex/"):
        return _gateway(label, settings.url, origin, path, product)
    right = "/wiki" if product == "confluence" else ""
    if path not in ("", right):
        raise _should_be(label, settings.url, origin + right)
    return SiteAddress(origin + right, origin, right, cloud=True, gateway=False, product=product)


def parts_there(named: str, site: str, *, any_host: bool = False) -> SplitResult | None:
    """The parts of an address that a person names; None where it is none, or of another host than the site at `site`
    (unless `any_host`).
    """
    parts, here = _parts(named), urlsplit(site)
    try:
        is_here = parts is not None and (any_host or (parts.hostname, parts.port) == (here.hostname, here.port))
    except ValueError:  # the port is no number that one can be
        return None
    return parts if is_here else None


def _parts(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _gateway(label: str, given: str, origin: str, path: str, product: Product) -> SiteAddress:
    found = _GATEWAY_PATH.match(path)
    if found is None or (found.end() != len(path) and path[found.end()] != "/"):
        raise SourceMisconfigured(
            f"{label}: url names the API gateway without a site",
            hint=f"write {origin}/ex/{product}/<cloud id>; https://<site>.atlassian.net/_edge/tenant_info tells the id",
        )
    right = f"/ex/{product}/{found['cloud']}"
    if found["product"] != product or path not in (right, f"{right}/wiki" if product == "confluence" else right):
        raise _should_be(label, given, origin + right)
    path = f"{right}/wiki" if product == "confluence" else right
    return SiteAddress(origin + path, origin, path, cloud=True, gateway=True, product=product)


def _data_center(label: str, given: str, origin: str, path: str, product: Product) -> SiteAddress:
    if found := _DEEP.search(path):
        raise _should_be(label, given, origin + path[: found.start()])
    if product == "jira" and path.endswith("/wiki"):
        raise _should_be(label, given, origin + path.removesuffix("/wiki"))
    return SiteAddress(origin + path, origin, path, cloud=False, gateway=False, product=product)


def _should_be(label: str, given: str, right: str) -> SourceMisconfigured:
    what = "url is that of a page or another product, not of the site"
    if given.lower().startswith("http://") and right.startswith("https://"):
        what = "url begins with http://, which Cloud does not take"
    return SourceMisconfigured(f"{label}: {what}", hint=f"write url: {right}")
