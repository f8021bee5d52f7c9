"""How the tests of this folder open a site: with the right credentials for a simulated server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vector_pipeline.settings_atlassian import ConfluenceSettings, JiraSettings
from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline_tests.simulators.atlassian_conditions import (
    API_TOKEN,
    BEARER,
    EMAIL,
    PASSWORD,
    PERSONAL_ACCESS_TOKEN,
    SCOPED_TOKEN,
    USER,
)
from vector_pipeline_tests.simulators.atlassian_http import AtlassianServer

ME = "/rest/api/2/myself"
CREDENTIALS: dict[str, dict[str, str]] = {
    "api token": {"email": EMAIL, "token": API_TOKEN},
    "scoped token": {"email": EMAIL, "token": SCOPED_TOKEN},
    "bearer": {"token": BEARER},
    "personal token": {"token": PERSONAL_ACCESS_TOKEN},
    "password": {"username": USER, "password": PASSWORD},
    "nothing": {},
}
LABEL = "jira/work.OPS"


def settings_for(server: AtlassianServer, credentials: str = "", **more: Any) -> JiraSettings | ConfluenceSettings:
    """Settings that fit the server; `credentials` is a key of CREDENTIALS, by default the usual one of the flavour."""
    usual = "api token" if server.flavour == "cloud" else "personal token"
    given: dict[str, Any] = {
        "url": server.url,
        "deployment": str(server.flavour),
        "max_wait": "60s",
        "timeout": "60s",
        **CREDENTIALS[credentials or usual],
        **more,
    }
    if server.product == "jira":
        return JiraSettings(projects=("OPS",), **given)
    return ConfluenceSettings(spaces=("OPS",), **given)


@contextmanager
def site_of(server: AtlassianServer, credentials: str = "", **more: Any) -> Iterator[Site]:
    """An open site."""
    product: Any = server.product
    site = Site(settings_for(server, credentials, **more), product=product, label=LABEL)
    try:
        yield site
    finally:
        site.close()
