"""The way to a site: certificates, proxies, and what is sent along; and each way it can fail, in words."""

from __future__ import annotations

import contextlib
import gzip
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vector_pipeline import __version__
from vector_pipeline.sources.atlassian.errors import SiteUnreachable, TooLarge
from vector_pipeline.sources.base import SourceMisconfigured
from vector_pipeline_tests.listening import closed_port, listening
from vector_pipeline_tests.simulators.atlassian_conditions import API_TOKEN, EMAIL, PERSONAL_ACCESS_TOKEN, Fault
from vector_pipeline_tests.simulators.atlassian_http import AtlassianServer
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sources.atlassian.sites import ME, site_of

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, certificate authority or name server of the machine takes part."""
    look_up = socket.getaddrinfo

    def look_up_here(host: Any, *rest: Any, **options: Any) -> Any:
        if str(host).endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_here)
    for name in (*PROXIES, *map(str.lower, PROXIES), "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


def headers_of(server: AtlassianServer) -> list[dict[str, str]]:
    """The headers of all requests from now on, names in lower case."""
    seen: list[dict[str, str]] = []
    server.observers.append(
        lambda request, _template, _response: seen.append({k.lower(): v for k, v in request.headers.items()})
    )
    return seen


# ---- certificates


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem and the certificate of 127.0.0.1 that it signed."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("authority")

    def run(*words: str) -> None:
        subprocess.run([openssl, *words], cwd=folder, check=True, capture_output=True)

    new = ["req", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    run(*new, "-x509", "-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.pem",
        "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    run(*new[:-2], "-subj", "/CN=jira", "-keyout", "site.key", "-out", "site.csr")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
    run("x509", "-req", "-in", "site.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", "2", "-extfile", "names", "-out", "site.pem")  # fmt: skip
    return folder


@pytest.fixture
def secure(authority: Path) -> Iterator[JiraServer]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority / "site.pem", authority / "site.key")
    with JiraServer("cloud", tls=tls) as server:
        yield server


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"])
def test_a_certificate_authority_of_the_environment_is_trusted(
    secure: JiraServer, authority: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(authority / "ca.pem"))
    with site_of(secure, concurrency=4) as site:
        assert list(site.each(lambda _: site.get(ME)["displayName"], range(8))) == ["Ada"] * 8


def test_an_unknown_certificate_names_the_variable_that_mends_it(secure: JiraServer) -> None:
    with site_of(secure) as site, pytest.raises(SiteUnreachable) as told:
        site.get(ME)
    assert site.sent == 1
    assert "its certificate is not trusted (" in told.value.message
    assert "REQUESTS_CA_BUNDLE" in told.value.hint


def test_a_certificate_of_another_host_is_called_that(
    secure: JiraServer, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority / "ca.pem"))
    with site_of(secure, url=secure.other_origin) as site, pytest.raises(SiteUnreachable, match="not valid for"):
        site.get(ME)


def test_a_missing_file_of_authorities_is_told(secure: JiraServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with site_of(secure) as site, pytest.raises(SourceMisconfigured, match="check REQUESTS_CA_BUNDLE"):
        site.get(ME)


def test_https_at_a_port_that_speaks_http_is_told(cloud: JiraServer) -> None:
    url = cloud.url.replace("http://", "https://")
    with site_of(cloud, url=url) as site, pytest.raises(SiteUnreachable, match="no secure connection"):
        site.get(ME)


def test_a_read_over_tls_keeps_its_time_and_can_be_given_up(
    secure: JiraServer, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority / "ca.pem"))
    secure.faults.always(Fault(drip_seconds=1200), path=ME)  # a piece a minute
    with site_of(secure, timeout="0.3s", max_wait="0.3s") as site:
        started = time.monotonic()
        with pytest.raises(SiteUnreachable, match="did not answer in time"):
            site.get(ME)
        assert time.monotonic() - started < 20
    secure.log.clear()
    with site_of(secure, timeout="120s") as site:
        results = site.each(site.get, ["/rest/api/3/field", ME, ME])
        next(results)
        while secure.log.count(ME) < 2:
            threading.Event().wait(0.005)
        started = time.monotonic()
        results.close()  # type: ignore[attr-defined]
        assert time.monotonic() - started < 20


# ---- proxies


def test_a_proxy_of_the_environment_is_used_and_no_proxy_keeps_it_out(
    cloud: JiraServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = headers_of(cloud)
    monkeypatch.setenv("HTTP_PROXY", cloud.origin)
    with site_of(cloud, url="http://jira.corp.invalid", deployment="cloud") as site:
        assert site.get(ME)["displayName"] == "Ada"
    assert seen[0]["host"] == "jira.corp.invalid"
    monkeypatch.setenv("NO_PROXY", "corp.invalid")
    with (
        site_of(cloud, url="http://jira.corp.invalid", deployment="cloud", max_wait="0.1s") as site,
        pytest.raises(SiteUnreachable, match="host name is not known"),
    ):
        site.get(ME)


@contextlib.contextmanager
def tunnel(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that answers CONNECT with `answer` and, where that is 200, passes bytes both ways."""
    asked: list[bytes] = []

    def pass_on(client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (byte := client.recv(1)):
                return
            head += byte
        asked.append(head.split(b"\r\n")[0])
        client.sendall(answer)
        if b" 200 " not in answer:
            return
        host, _, port = head.split()[1].decode().rpartition(":")
        with socket.create_connection((host, int(port))) as site:
            threading.Thread(target=copy, args=(site, client), daemon=True).start()
            copy(client, site)

    def copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)

    with listening(pass_on) as (host, port):
        yield f"http://{host}:{port}", asked


def test_https_goes_through_a_proxy_as_a_tunnel(
    secure: JiraServer, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    with tunnel(b"HTTP/1.1 200 OK\r\n\r\n") as (proxy, asked):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with site_of(secure) as site:
            assert site.get(ME)["displayName"] == "Ada"
    assert [line.rpartition(b" ")[0] for line in asked] == [f"CONNECT 127.0.0.1:{secure.port}".encode()]


def test_a_proxy_that_refuses_is_told_from_the_site(secure: JiraServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with tunnel(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as (proxy, _asked):
        monkeypatch.setenv("HTTPS_PROXY", proxy.replace("://", "://bob:pass-of-bob@"))
        with site_of(secure, max_wait="0.1s") as site, pytest.raises(SiteUnreachable) as told:
            site.get(ME)
    assert "the proxy did not let the request through" in told.value.message
    assert "HTTPS_PROXY" in told.value.hint
    assert "pass-of-bob" not in str(told.value)


# ---- what is sent along


def test_a_netrc_never_replaces_the_credentials(cloud: JiraServer, data_center: JiraServer) -> None:
    netrc = Path("~/.netrc").expanduser()
    netrc.write_text("machine 127.0.0.1 login eve password eves\n")
    netrc.chmod(0o600)
    seen = headers_of(data_center)
    with site_of(cloud) as site:
        assert site.get(ME)["displayName"] == "Ada"
    for credentials in ("personal token", "password", "nothing"):
        with site_of(data_center, credentials) as site:
            site.get("/rest/api/2/serverInfo")
    assert seen[0]["authorization"] == f"Bearer {PERSONAL_ACCESS_TOKEN}"
    assert seen[1]["authorization"].startswith("Basic YWRh")
    assert "authorization" not in seen[2]


def test_requests_say_who_asks_and_what_for(cloud: JiraServer) -> None:
    seen = headers_of(cloud)
    with site_of(cloud) as site:
        site.get(ME, {"expand": ["groups", "applicationRoles"], "flag": True, "none": None, "text": "ä b&c"})
    assert seen[0]["user-agent"] == f"vector-pipeline/{__version__}"
    assert seen[0]["accept"] == "application/json"
    assert "content-type" not in seen[0]
    assert cloud.log.all()[0].query == {
        "expand": ["groups", "applicationRoles"],
        "flag": ["true"],
        "text": ["ä b&c"],
    }


# ---- sites that do not speak as they should


@contextlib.contextmanager
def raw_site(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads a request's first bytes and then talks as it likes."""

    def serve(client: socket.socket) -> None:
        client.recv(65536)
        talk(client)

    with listening(serve) as (host, port):
        yield f"http://{host}:{port}"


@pytest.mark.parametrize(
    ("start", "again"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n[\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n", b"["),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"["),
        (b"", b"H"),
    ],
    ids=["headers", "chunks", "one chunk", "body", "status"],
)
def test_a_site_that_drips_bytes_can_not_hold_a_run(cloud: JiraServer, start: bytes, again: bytes) -> None:
    def drip(client: socket.socket) -> None:
        client.sendall(start)
        pause = threading.Event()
        for _ in range(1200):
            client.sendall(again)
            pause.wait(0.05)

    with raw_site(drip) as url, site_of(cloud, url=url, timeout="0.4s", max_wait="0.1s") as site:
        started = time.monotonic()
        with pytest.raises(SiteUnreachable):
            site.get(ME)
        assert time.monotonic() - started < 20
        assert site.sent == 1


@pytest.mark.parametrize("through_proxy", [False, True])
def test_silence_after_some_bytes_does_not_start_the_time_anew(
    cloud: JiraServer, monkeypatch: pytest.MonkeyPatch, through_proxy: bool
) -> None:
    over, late = threading.Event(), [0.0]
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + late[0])
    monkeypatch.setattr("vector_pipeline.sources.atlassian.connection.time", clock)

    def fall_silent(client: socket.socket) -> None:
        late[0] = 59.7  # as if the first bytes had taken so long
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[")
        over.wait()

    with contextlib.ExitStack() as stack:
        url = stack.enter_context(raw_site(fall_silent))
        stack.callback(over.set)
        if through_proxy:
            monkeypatch.setenv("HTTP_PROXY", url)
            url = "http://jira.corp.invalid"
        site = stack.enter_context(site_of(cloud, url=url, timeout="60s", max_wait="0.1s"))
        started = time.monotonic()
        with pytest.raises(SiteUnreachable, match="did not answer in time"):
            site.get(ME)
        assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: lots\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}",
        b"",
    ],
)
def test_a_site_that_speaks_something_else_is_an_error_in_words(cloud: JiraServer, said: bytes) -> None:
    with raw_site(lambda client: client.sendall(said)) as url, site_of(cloud, url=url, max_wait="0.1s") as site:
        with pytest.raises(SiteUnreachable) as told:
            site.get(ME)
        assert EMAIL not in str(told.value)
        assert API_TOKEN not in str(told.value)


def test_compressed_answers_are_read_and_counted_as_they_are_inside(
    cloud: JiraServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    squeezed = {"Content-Encoding": "gzip"}
    cloud.faults.once(Fault(200, gzip.compress(json.dumps({"a": "b"}).encode()), squeezed))
    with site_of(cloud) as site:
        assert site.get(ME) == {"a": "b"}
        monkeypatch.setattr("vector_pipeline.sources.atlassian.site.LARGEST_ANSWER", 1_000_000)
        bomb = gzip.compress(gzip.compress(b'"' + b"0" * 20_000_000 + b'"'))
        assert len(bomb) < 20_000
        cloud.faults.once(Fault(200, bomb, {"Content-Encoding": "gzip, gzip"}))
        with pytest.raises(TooLarge):
            site.get(ME)


def test_a_port_where_nothing_listens_and_a_name_that_does_not_exist_are_told_apart(cloud: JiraServer) -> None:
    with (
        closed_port() as port,
        site_of(cloud, url=f"http://127.0.0.1:{port}", max_wait="0.1s") as site,
        pytest.raises(SiteUnreachable, match="nothing listens there"),
    ):
        site.get(ME)
    with site_of(cloud, url="http://jira.invalid", max_wait="0.1s") as site:
        with pytest.raises(SiteUnreachable, match="host name is not known") as told:
            site.get(ME)
        assert not told.value.smaller_may_work
