"""Which addresses are taken, which are corrected with words, and where the links that a site gives may lead."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.settings_atlassian import ConfluenceSettings, JiraSettings
from vector_pipeline.sources.atlassian.address import SiteAddress, origin_of, site_address
from vector_pipeline.sources.base import SourceError, SourceMisconfigured
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.sources.atlassian.sites import LABEL, site_of

ID = "11223344-a1b2"
GATEWAY = f"https://api.atlassian.com/ex/confluence/{ID}"


def address(product: Any, url: str, deployment: Any = "auto") -> SiteAddress:
    if product == "jira":
        return site_address(JiraSettings(url=url, deployment=deployment, projects=("A",)), product, LABEL)
    return site_address(ConfluenceSettings(url=url, deployment=deployment, spaces=("A",)), product, LABEL)


@pytest.mark.parametrize(
    ("product", "given_url", "url", "cloud"),
    [
        ("jira", "https://acme.atlassian.net", "https://acme.atlassian.net", True),
        ("jira", "https://ACME.atlassian.net/", "https://acme.atlassian.net", True),
        ("jira", "https://acme.jira.com", "https://acme.jira.com", True),
        ("confluence", "https://acme.atlassian.net", "https://acme.atlassian.net/wiki", True),
        ("confluence", "https://acme.atlassian.net/wiki", "https://acme.atlassian.net/wiki", True),
        ("confluence", GATEWAY, GATEWAY + "/wiki", True),
        ("confluence", GATEWAY + "/wiki", GATEWAY + "/wiki", True),
        ("jira", "https://api.atlassian.com/ex/jira/" + ID, "https://api.atlassian.com/ex/jira/" + ID, True),
        ("jira", "https://jira.corp.example", "https://jira.corp.example", False),
        ("jira", "https://corp.example:8443/jira", "https://corp.example:8443/jira", False),
        ("jira", "https://corp.example:443/jira", "https://corp.example/jira", False),
        ("confluence", "http://corp.example/confluence", "http://corp.example/confluence", False),
        ("confluence", "http://corp.example/wiki", "http://corp.example/wiki", False),
        ("confluence", "http://[::1]:8090", "http://[::1]:8090", False),
    ],
)
def test_the_address_and_the_product_line_are_told_from_the_url(
    product: str, given_url: str, url: str, cloud: bool
) -> None:
    found = address(product, given_url)
    assert (found.url, found.cloud) == (url, cloud)


def test_the_deployment_can_be_given_where_the_host_does_not_tell() -> None:
    assert address("confluence", "https://wiki.example", "cloud").url == "https://wiki.example/wiki"
    assert not address("jira", "https://acme.atlassian.net", "data_center").cloud


@pytest.mark.parametrize(
    ("product", "url", "right"),
    [
        ("jira", "https://acme.atlassian.net/wiki", "https://acme.atlassian.net"),
        ("jira", "https://acme.atlassian.net/browse/ABC-1", "https://acme.atlassian.net"),
        ("jira", "https://acme.atlassian.net/jira/software/c/projects/ABC/boards/1", "https://acme.atlassian.net"),
        ("jira", "https://acme.atlassian.net/rest/api/3", "https://acme.atlassian.net"),
        ("confluence", "https://acme.atlassian.net/wiki/spaces/ENG/pages/1/Title", "https://acme.atlassian.net/wiki"),
        ("confluence", "https://acme.atlassian.net/wiki/rest/api", "https://acme.atlassian.net/wiki"),
        ("jira", "https://corp.example/jira/browse/ABC-1", "https://corp.example/jira"),
        ("jira", "https://corp.example/jira/secure/Dashboard.jspa", "https://corp.example/jira"),
        ("jira", "https://corp.example/wiki", "https://corp.example"),
        ("confluence", "https://corp.example/confluence/display/ENG/Home", "https://corp.example/confluence"),
        ("confluence", "https://corp.example/dashboard.action", "https://corp.example"),
        ("jira", "http://acme.atlassian.net", "https://acme.atlassian.net"),
        ("jira", GATEWAY, f"https://api.atlassian.com/ex/jira/{ID}"),
        ("confluence", GATEWAY + "/wiki/rest/api/content", GATEWAY),
    ],
)
def test_a_pasted_page_or_the_other_product_is_answered_with_the_right_address(
    product: str, url: str, right: str
) -> None:
    with pytest.raises(SourceMisconfigured) as told:
        address(product, url)
    assert told.value.hint == f"write url: {right}"
    assert str(told.value).startswith(LABEL)


def test_the_gateway_without_a_site_says_how_to_name_one() -> None:
    with pytest.raises(SourceMisconfigured, match="cloud id"):
        address("jira", "https://api.atlassian.com")


@pytest.mark.parametrize(
    ("base", "link", "leads_to"),
    [
        ("https://a.atlassian.net", "/api/v2/pages?limit=5", "https://a.atlassian.net/wiki/api/v2/pages?limit=5"),
        (
            "https://a.atlassian.net",
            "/wiki/api/v2/pages?cursor=x",
            "https://a.atlassian.net/wiki/api/v2/pages?cursor=x",
        ),
        (
            "https://a.atlassian.net",
            "https://a.atlassian.net/wiki/rest/api/search?cursor=x&limit=9",
            "https://a.atlassian.net/wiki/rest/api/search?cursor=x&limit=9",
        ),
        (GATEWAY, "/wiki/api/v2/pages?cursor=x", GATEWAY + "/wiki/api/v2/pages?cursor=x"),
        (GATEWAY, "/rest/api/search?cursor=x", GATEWAY + "/wiki/rest/api/search?cursor=x"),
        (GATEWAY, "https://a.atlassian.net/wiki/api/v2/pages?cursor=x", GATEWAY + "/wiki/api/v2/pages?cursor=x"),
        (GATEWAY, GATEWAY + "/wiki/api/v2/pages?cursor=x", GATEWAY + "/wiki/api/v2/pages?cursor=x"),
        ("https://c.example/conf", "/rest/api/content?start=9", "https://c.example/conf/rest/api/content?start=9"),
        ("https://c.example/conf", "/conf/rest/api/content?start=9", "https://c.example/conf/rest/api/content?start=9"),
        ("https://c.example", "https://C.example:443/download/a b.txt", "https://c.example/download/a%20b.txt"),
    ],
)
def test_next_links_are_joined_as_they_are_meant(base: str, link: str, leads_to: str) -> None:
    """Fact 21: a link doubles /wiki when joined to the base, loses the gateway, or names the site behind it."""
    assert address("confluence", base).resolve(link, LABEL) == leads_to


@pytest.mark.parametrize(
    ("base", "link"),
    [
        ("https://a.atlassian.net", "https://evil.example/wiki/api/v2/pages"),
        ("https://a.atlassian.net", "https://b.atlassian.net/wiki/api/v2/pages"),
        ("https://a.atlassian.net", "http://a.atlassian.net/wiki/api/v2/pages"),
        ("https://a.atlassian.net", "https://a.atlassian.net@evil.example/wiki/api"),
        ("https://a.atlassian.net", "https://a.atlassian.net/other/api/v2/pages"),
        ("https://a.atlassian.net", "//evil.example/wiki/api"),
        ("https://a.atlassian.net", "/\\evil.example/wiki"),
        ("https://a.atlassian.net", "/wiki/../admin"),
        ("https://a.atlassian.net", "/wiki/%2e%2e/admin"),
        ("https://a.atlassian.net", "?cursor=x"),
        ("https://a.atlassian.net", "file:///etc/passwd"),
        ("https://a.atlassian.net", ""),
        (GATEWAY, "https://api.atlassian.com/ex/confluence/another-site/wiki/api/v2/pages"),
        (GATEWAY, "https://evil.example/wiki/api/v2/pages"),
    ],
)
def test_a_link_to_another_host_or_site_is_refused(base: str, link: str) -> None:
    """Fact 21: next links are text of the service, and credentials follow them."""
    with pytest.raises(SourceError, match="leads elsewhere"):
        address("confluence", base).resolve(link, LABEL)


@given(st.text(max_size=60), st.sampled_from(["", "/", "//", "https://", "https://a.atlassian.net", "/wiki/"]))
def test_no_link_ever_leads_beyond_the_site(rest: str, start: str) -> None:
    where = address("confluence", "https://a.atlassian.net")
    try:
        found = where.resolve(start + rest, LABEL)
    except SourceError:
        return
    assert origin_of(found) == "https://a.atlassian.net"
    assert found.startswith("https://a.atlassian.net/wiki/")


@pytest.mark.parametrize("credentials", ["api token", "bearer"])
def test_all_pages_are_reached_over_next_links_at_the_site_and_behind_the_gateway(
    confluence: ConfluenceServer, credentials: str
) -> None:
    """Fact 21: the cursor is not the last key of the query, and the link of a page is followed unchanged."""
    made = {str(confluence.state.add_page("ENG", f"Page {number}").id) for number in range(7)}
    url = confluence.gateway_url if credentials == "bearer" else confluence.url
    with site_of(confluence, credentials, url=url) as site:
        found: list[str] = []
        page = site.get("/api/v2/pages", {"limit": 2, "status": ["current", "archived"]})
        while True:
            found += [row["id"] for row in page["results"]]
            if "next" not in page["_links"]:
                break
            page = site.get(page["_links"]["next"])
    assert made <= set(found)
    assert len(found) == len(set(found))
