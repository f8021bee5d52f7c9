"""Files: followed over redirects without giving credentials away, and never longer than asked for."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from vector_pipeline.sources.atlassian.address import SiteAddress
from vector_pipeline.sources.atlassian.errors import AccessDenied, NotThere, SiteUnreachable, TooLarge
from vector_pipeline.sources.atlassian.redirects import download_may_follow
from vector_pipeline.sources.base import SourceError, SourceMisconfigured
from vector_pipeline_tests.simulators import atlassian_conditions as conditions
from vector_pipeline_tests.simulators.atlassian_conditions import Fault
from vector_pipeline_tests.simulators.atlassian_http import AtlassianServer, Response
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sources.atlassian.sites import site_of

FILE = "/rest/api/2/attachment/content/1"


@contextmanager
def sent_to(server: AtlassianServer) -> Iterator[list[tuple[str, bool]]]:
    """The host that each request named, and whether it brought credentials."""
    seen: list[tuple[str, bool]] = []
    server.observers.append(
        lambda request, _template, _response: seen.append(
            (str(request.headers["Host"]).partition(":")[0], "Authorization" in request.headers)
        )
    )
    yield seen


def serves(server: AtlassianServer, body: bytes, headers: dict[str, str] | None = None) -> str:
    """An address of the server that answers with these bytes."""
    server.router.add(
        "GET",
        "/files/one",
        lambda _request: Response(body, headers=dict(headers or {}), content_type="application/octet-stream"),
        public=True,
    )
    return "/files/one"


def test_a_file_of_jira_cloud_comes_from_another_host_without_credentials(cloud: JiraServer) -> None:
    issue = cloud.state.create_issue(cloud.state.create_project("OPS"), "One")
    attachment = cloud.state.attach(issue, "a.txt", b"0123456789", "text/plain")
    with sent_to(cloud) as seen, site_of(cloud) as site:
        assert site.download(f"{cloud.url}/rest/api/3/attachment/content/{attachment.id}", 10) == b"0123456789"
        assert site.sent == 2
    assert seen == [("127.0.0.1", True), ("localhost", False)]


@pytest.mark.parametrize("credentials", ["api token", "bearer"])
def test_a_file_of_confluence_cloud_is_found_by_its_link(confluence: ConfluenceServer, credentials: str) -> None:
    page = confluence.state.add_page("ENG", "Page")
    confluence.state.attach(page.id, "a b.txt", b"bytes")
    url = confluence.gateway_url if credentials == "bearer" else confluence.url
    with site_of(confluence, credentials, url=url) as site:
        row = site.get(f"/api/v2/pages/{page.id}/attachments")["results"][0]
        old = site.get(f"/rest/api/content/{page.id}/child/attachment")["results"][0]
        assert site.download(row["downloadLink"], 100) == b"bytes"
        assert site.download(old["_links"]["download"], 100) == b"bytes"


def test_a_file_of_data_center_is_sent_by_the_site_itself() -> None:
    with ConfluenceServer("data_center", context_path="/confluence") as server:
        server.state.add_space("ENG")
        page = server.state.add_page("ENG", "Page")
        server.state.attach(page.id, "a.txt", b"bytes")
        with site_of(server) as site:
            row = site.get(f"/rest/api/content/{page.id}/child/attachment")["results"][0]
            assert site.download(row["_links"]["download"], 100) == b"bytes"
            assert site.sent == 2


@pytest.mark.parametrize("told", [True, False])
def test_a_file_longer_than_its_limit_is_not_taken(cloud: JiraServer, told: bool) -> None:
    squeezed = gzip.compress(b"x" * 5_000_000)
    body, headers = (b"x" * 5_000_000, {}) if told else (squeezed, {"Content-Encoding": "gzip"})
    with site_of(cloud) as site:
        with pytest.raises(TooLarge, match="4999999 bytes"):
            site.download(serves(cloud, body, headers), 4_999_999)
        assert site.download("/files/one", 5_000_000) == b"x" * 5_000_000
        assert site.sent == 2


def test_a_file_that_can_not_be_decompressed_is_given_up(cloud: JiraServer) -> None:
    with site_of(cloud) as site, pytest.raises(SiteUnreachable, match="could not be decoded"):
        site.download(serves(cloud, b"no gzip at all", {"Content-Encoding": "gzip"}), 1000)


def test_a_broken_download_begins_anew(cloud: JiraServer) -> None:
    path = serves(cloud, b"y" * 100_000)
    for fault in (conditions.truncated(), conditions.rate_limited(0), conditions.server_error(502)):
        cloud.faults.once(fault)
    with site_of(cloud) as site:
        assert site.download(path, 100_000) == b"y" * 100_000
        assert site.sent == 4


def test_a_web_page_may_be_a_file(cloud: JiraServer) -> None:
    cloud.faults.once(Fault(200, "<html><title>Log in</title></html>", content_type="text/html"))
    with site_of(cloud) as site:
        assert site.download(FILE, 1000).startswith(b"<html>")


def test_a_file_that_is_gone_is_told_from_one_that_must_not_be_read(cloud: JiraServer) -> None:
    with site_of(cloud) as site:
        cloud.faults.once(Fault(404, "<html/>", content_type="text/html"))
        with pytest.raises(NotThere):
            site.download(FILE, 1000)
        cloud.faults.once(Fault(302, None, {"Location": "/login.jsp?os_destination=x"}))
        with pytest.raises(AccessDenied):
            site.download(FILE, 1000)


def test_redirects_end(cloud: JiraServer) -> None:
    cloud.faults.always(Fault(302, None, {"Location": FILE}))
    with site_of(cloud) as site:
        with pytest.raises(SourceMisconfigured, match="in circles"):
            site.download(FILE, 1000)
        assert site.sent == 6


def test_a_link_to_another_host_is_not_asked_at_all(cloud: JiraServer) -> None:
    with site_of(cloud) as site:
        with pytest.raises(SourceError, match="leads elsewhere"):
            site.download("https://evil.example/secure/attachment/1/a.txt", 1000)
        assert site.sent == 0


@pytest.mark.parametrize(
    ("target", "allowed"),
    [
        ("https://93.184.216.34/other", True),
        ("https://1.1.1.1/file?token=x", True),
        ("http://1.1.1.1/file", False),
        ("https://127.0.0.1/", False),
        ("https://[::1]/", False),
        ("https://10.0.0.8/", False),
        ("https://169.254.169.254/latest/meta-data", False),
        ("https://localhost/", False),
        ("https://metadata.internal/", False),
        ("ftp://1.1.1.1/", False),
        ("", False),
        ("https://1.1.1.1/login?next=x", False),
    ],
)
def test_a_public_site_does_not_send_downloads_into_a_private_network(target: str, allowed: bool) -> None:
    origin = "https://93.184.216.34"
    site = SiteAddress(origin, origin, "", cloud=True, gateway=False, product="jira")
    assert download_may_follow(site, origin + "/a", target) is allowed


def test_a_site_in_a_private_network_may_use_its_neighbours() -> None:
    site = SiteAddress("http://10.0.0.5", "http://10.0.0.5", "", cloud=False, gateway=False, product="jira")
    assert download_may_follow(site, "http://10.0.0.5/a", "http://10.0.0.6/b")
