"""The way to a site: which addresses are reached, certificates, proxies, and giving up in the middle."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vector_pipeline.sources.base import SourceMisconfigured
from vector_pipeline.sources.public_docs.answers import ClientClosed, PageRefused, SiteSilent
from vector_pipeline.sources.public_docs.client import SiteClient
from vector_pipeline.sources.public_docs.lookup import Lookup
from vector_pipeline_tests.listening import closed_port
from vector_pipeline_tests.sources.public_docs.clients import client_of, lookup_of
from vector_pipeline_tests.sources.public_docs.raw_server import RawServer, Request, redirect, reply

PUBLIC = "93.184.215.14"


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No certificate authority of the machine takes part; proxies of the environment lead nowhere."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")


# ---- addresses


@pytest.mark.parametrize(
    ("addresses", "kind"),
    [
        (["127.0.0.1"], "loopback"),
        (["10.0.0.7"], "private"),
        (["169.254.169.254"], "link-local"),
        (["::1"], "loopback"),
        (["::ffff:127.0.0.1"], "loopback"),
        ([PUBLIC, "127.0.0.1"], "loopback"),
        ([PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "fd00::1"], "private"),
        (["fe80::1%eth0"], "link-local"),
        (["0.0.0.0"], "unspecified"),
    ],
)
def test_a_name_with_any_address_that_is_not_public_is_refused(addresses: list[str], kind: str) -> None:
    with RawServer(lambda _: reply()) as server:
        url = f"http://docs.example.org:{server.port}"
        with (
            client_of(url, lookup=lookup_of({"docs.example.org": addresses}), max_retries=2) as client,
            pytest.raises(PageRefused, match=f"has a {kind} address, which is not public") as told,
        ):
            client.get(url)
        assert server.connections == 0
    assert "add docs.example.org:" in told.value.hint
    assert "private_hosts" in told.value.hint


def test_a_host_that_the_settings_call_private_is_reached_on_its_port_only() -> None:
    with RawServer(lambda request: reply(request.headers["host"].encode())) as server:
        host = f"docs.example.org:{server.port}"
        lookup = lookup_of({"docs.example.org": ["127.0.0.1"]})
        for named in ("docs.example.org", "Docs.Example.ORG", host):
            with client_of(f"http://{host}", lookup=lookup, private_hosts=(named,)) as client:
                assert client.get(f"http://{host}/").body == host.encode()
        with (
            client_of(f"http://{host}", lookup=lookup, private_hosts=("docs.example.org:1",)) as client,
            pytest.raises(PageRefused, match="not public"),
        ):
            client.get(f"http://{host}/")


def test_a_name_that_means_another_address_a_moment_later_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was checked is what is connected to, and each connection is made after a check of its own."""
    asked: list[str] = []
    tried: list[str] = []

    def rebinding(host: str, port: int) -> list[Any]:
        asked.append(host)
        return [(0, 0, 0, "", (PUBLIC if len(asked) == 1 else "127.0.0.1", port))]

    def connect(_: socket.socket, address: tuple[str, int]) -> None:
        tried.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    with client_of("http://docs.example.org", lookup=Lookup(rebinding), private_hosts=()) as client:
        with pytest.raises(SiteSilent, match="nothing listens there"):
            client.get("http://docs.example.org/")
        assert (len(asked), tried) == (1, [PUBLIC])
        with pytest.raises(PageRefused, match="loopback"):
            client.get("http://docs.example.org/")
        assert (len(asked), tried) == (2, [PUBLIC])


def test_a_connection_that_is_kept_is_used_again_without_a_lookup() -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[Any]:
        asked.append(host)
        return [(0, 0, 0, "", ("127.0.0.1", port))]

    with RawServer(lambda _: reply(b"x")) as server:
        url = f"http://docs.example.org:{server.port}"
        with client_of(url, lookup=Lookup(resolve), private_hosts=("docs.example.org",)) as client:
            for _ in range(4):
                client.get(url)
    assert asked == ["docs.example.org"]
    assert server.connections == 1


def test_another_address_is_tried_where_nothing_listens() -> None:
    with RawServer(lambda _: reply(b"second"), host="127.0.0.2") as server:
        url = f"http://docs.example.org:{server.port}"
        lookup = lookup_of({"docs.example.org": ["127.0.0.1", "127.0.0.2"]})
        with client_of(url, lookup=lookup, private_hosts=("docs.example.org",)) as client:
            assert client.get(url).body == b"second"


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/", "http://[::1]:{port}/", "file:///etc/passwd", "http://10.0.0.1/"]
)
def test_who_follows_a_hostile_redirect_is_refused(target: str) -> None:
    with RawServer(lambda request: redirect(target.format(port=server.port))) as server:
        with client_of(server.url) as client:
            answer = client.get(server.url)
            with pytest.raises(PageRefused):
                client.get(answer.location)
        assert server.connections == 1


def test_a_resolver_that_hangs_holds_nobody() -> None:
    hanging = threading.Event()

    def hang(host: str, port: int) -> list[Any]:
        hanging.wait(60)
        return []

    try:
        with client_of("http://docs.example.org", lookup=Lookup(hang), timeout="0.2s") as client:
            started = time.monotonic()
            with pytest.raises(SiteSilent, match="could not be looked up in time"):
                client.get("http://docs.example.org/")
            assert time.monotonic() - started < 30
    finally:
        hanging.set()


@pytest.mark.parametrize("names", [{}, {"docs.example.org": []}])
def test_a_name_without_an_address_and_a_port_without_a_server_are_told_apart(names: dict[str, list[str]]) -> None:
    with (
        client_of("http://docs.example.org", lookup=lookup_of(names)) as client,
        pytest.raises(SiteSilent, match="its host name is not known"),
    ):
        client.get("http://docs.example.org/")
    with closed_port() as port:
        url = f"http://127.0.0.1:{port}"
        with client_of(url) as client, pytest.raises(SiteSilent, match="nothing listens there"):
            client.get(url)


# ---- certificates


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem and the certificate of docs.example.org that it signed."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("authority")

    def run(*words: str) -> None:
        subprocess.run([openssl, *words], cwd=folder, check=True, capture_output=True)

    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    run(*new, "-days", "2", "-x509", "-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.pem",
        "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    run(*new, "-subj", "/CN=docs", "-keyout", "site.key", "-out", "site.csr")
    (folder / "names").write_text("subjectAltName=DNS:docs.example.org\nauthorityKeyIdentifier=keyid\n")
    run("x509", "-req", "-in", "site.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", "2", "-extfile", "names", "-out", "site.pem")  # fmt: skip
    return folder


@pytest.fixture
def certificate(authority: Path) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority / "site.pem", authority / "site.key")
    return tls


@contextlib.contextmanager
def secure_client(server: RawServer, host: str = "docs.example.org", **settings: Any) -> Iterator[SiteClient]:
    """A client of a TLS server on loopback that is called so."""
    url = f"https://{host}:{server.port}"
    lookup = lookup_of({host: ["127.0.0.1"]})
    with client_of(url, lookup=lookup, **({"private_hosts": (host,)} | settings)) as client:
        yield client


def test_a_certificate_is_checked_against_the_name_and_not_the_address(
    certificate: ssl.SSLContext, authority: Path
) -> None:
    asked: list[str | None] = []
    certificate.sni_callback = lambda _sock, name, _context: asked.append(name)
    with RawServer(lambda _: reply(b"safe"), tls=certificate) as server:
        with secure_client(server, ca_bundle=authority / "ca.pem") as client:
            for _ in range(3):
                assert client.get(f"https://docs.example.org:{server.port}/").body == b"safe"
        with (
            secure_client(server, "other.example.org", ca_bundle=authority / "ca.pem") as client,
            pytest.raises(SiteSilent, match=r"not trusted .*other\.example\.org"),
        ):
            client.get(f"https://other.example.org:{server.port}/")
        assert asked == ["docs.example.org", "other.example.org"]
        assert len(server.requests) == 3


def test_an_unknown_authority_is_told_and_not_tried_again(certificate: ssl.SSLContext) -> None:
    with (
        RawServer(lambda _: reply(), tls=certificate) as server,
        secure_client(server, max_retries=5) as client,
    ):
        with pytest.raises(SiteSilent, match="its certificate is not trusted") as told:
            client.get(f"https://docs.example.org:{server.port}/")
        assert "ca_bundle" in told.value.hint
        assert server.connections == 1


def test_https_where_http_is_spoken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            with listener.accept()[0] as client:
                client.recv(65536)
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=refuse, daemon=True).start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with client_of(url) as client, pytest.raises(SiteSilent, match="no secure connection"):
            client.get(url)


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_certificates_that_can_not_be_read_are_a_matter_of_the_settings(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with (
        client_of("https://docs.example.org", ca_bundle=file) as client,
        pytest.raises(SourceMisconfigured, match="ca_bundle can't be read"),
    ):
        client.get("https://docs.example.org/")


@pytest.mark.usefixtures("hurried")
def test_a_body_over_tls_keeps_its_time(certificate: ssl.SSLContext, authority: Path) -> None:
    def drip(request: Request) -> Iterable[bytes | None]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"
        for _ in range(6000):
            yield b"x"
            server.pause(0.01)

    with (
        RawServer(drip, tls=certificate) as server,
        secure_client(server, ca_bundle=authority / "ca.pem") as client,
    ):
        started = time.monotonic()
        with pytest.raises(PageRefused, match="did not come to its end in time"):
            client.get(f"https://docs.example.org:{server.port}/")
        assert time.monotonic() - started < 30


# ---- proxies


def test_a_proxy_of_the_settings_is_asked_for_names_that_nobody_here_looks_up() -> None:
    with RawServer(lambda request: reply(request.line.encode())) as proxy:
        with client_of(
            "http://docs.example.org", lookup=lookup_of({}), proxy=f"http://ada:p%40ss@127.0.0.1:{proxy.port}"
        ) as client:
            assert client.get("http://docs.example.org/a?b").body.startswith(b"GET http://docs.example.org")
        assert proxy.requests[0].headers["host"] == "docs.example.org"
        assert proxy.requests[0].headers["proxy-authorization"] == "Basic YWRhOnBAc3M="


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "[::1]", "localhost", "10.1.2.3"])
def test_no_proxy_is_asked_for_an_address_that_is_not_public(host: str) -> None:
    with (
        RawServer(lambda _: reply()) as proxy,
        client_of(f"http://{host}", private_hosts=(), proxy=f"http://127.0.0.1:{proxy.port}") as client,
    ):
        with pytest.raises(PageRefused, match="not public"):
            client.get(f"http://{host}/")
        assert proxy.connections == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_is_told_from_the_site(scheme: str) -> None:
    refusal = reply(b"", "407 Proxy Authentication Required")
    with RawServer(lambda _: [*refusal, None]) as proxy:
        for port in (proxy.port, 9):
            with (
                client_of(f"{scheme}://docs.example.org", proxy=f"http://bob:pw-of-bob@127.0.0.1:{port}") as client,
                pytest.raises(SiteSilent, match="the proxy did not let the request through") as told,
            ):
                client.get(f"{scheme}://docs.example.org/")
            assert "pw-of-bob" not in str(told.value)
    assert proxy.connections == 1


def test_a_proxy_of_another_kind_is_a_matter_of_the_settings() -> None:
    with (
        client_of("http://docs.example.org", proxy="https://proxy.example.org") as client,
        pytest.raises(SourceMisconfigured, match="not the address of an HTTP proxy"),
    ):
        client.get("http://docs.example.org/")


# ---- giving up


def wait_until(condition: Callable[[], bool]) -> None:
    """Waits for a condition, at most a minute."""
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        threading.Event().wait(0.01)


@pytest.mark.parametrize("where", ["connecting", "headers", "body", "pause", "pace", "place", "lookup"])
def test_closing_the_client_ends_what_is_under_way(where: str, tmp_path: Path) -> None:
    arrived = threading.Event()

    def answer(_: Request) -> Iterable[bytes | None]:
        arrived.set()
        if where == "pause":
            yield from reply(b"", "503 Busy", Retry_After="50")
            return
        if where == "pace":
            yield from reply(b"fine")
            return
        if where == "body":
            yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx"
        server.pause(100)

    def hang(host: str, port: int) -> list[Any]:
        arrived.set()
        server.pause(100)
        return []

    with RawServer(answer) as server, contextlib.ExitStack() as stack:
        url = server.url
        settings: dict[str, Any] = {"timeout": "100s", "max_retries": 3}
        if where == "lookup":
            url = "http://docs.example.org"
            settings["lookup"] = Lookup(hang)
        if where == "connecting":
            full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
            url = f"http://127.0.0.1:{full.getsockname()[1]}"
            for _ in range(8):  # the queue of the listener is full then, and further connections are not answered
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
        if where == "pace":
            settings["delay"] = "60s"
        if where == "place":
            settings["concurrency"] = 1
        client = stack.enter_context(client_of(url, tmp_path, **settings))
        told: list[Exception] = []

        def ask() -> None:
            try:
                client.get(url)
            except Exception as error:  # noqa: BLE001 - the test looks at it
                told.append(error)

        if where == "pace":
            client.get(url)
        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        if where == "connecting":
            wait_until(lambda: len(client._network._open) == len(threads))
        else:
            assert arrived.wait(60)
        if where in ("pause", "body"):
            wait_until(lambda: server.sent > 0)
        if where == "pace":
            (shared,) = (tmp_path / "budgets").glob("*.json")
            wait_until(lambda: json.loads(shared.read_text())["free_at"] > time.time() + 120)  # both have their turns
        started = time.monotonic()
        client.close()
        for thread in threads:
            thread.join(60)
        assert time.monotonic() - started < 15
        assert [type(error) for error in told] == [ClientClosed, ClientClosed]
        with pytest.raises(ClientClosed, match="given up"):
            client.get(url)
        client.close()


def test_no_connection_or_thread_is_left_behind() -> None:
    def answer(request: Request) -> Iterable[bytes | None]:
        return [None] if request.path == "/cut" else reply(b"x")

    with RawServer(answer) as server:
        before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
        with client_of(server.url) as client:
            for number in range(20):
                client.get(f"{server.url}/{number}")
                with pytest.raises(SiteSilent):
                    client.get(f"{server.url}/cut")
        wait_until(lambda: not server.under_way)
        if before:
            wait_until(lambda: len(list(Path("/proc/self/fd").iterdir())) <= before)
    # Those of other tests end by themselves, soon after their sites did.
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "lookup"])
