"""What the client of a documentation site asks, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from vector_pipeline import __version__
from vector_pipeline.sources.public_docs.answers import PageRefused, Validators, shown
from vector_pipeline_tests.sources.public_docs.clients import LABEL, client_of
from vector_pipeline_tests.sources.public_docs.raw_server import RawServer, Request, redirect, reply


def test_an_answer_holds_what_the_server_said() -> None:
    page = reply(
        b"<p>hi</p>",
        Content_Type='Text/HTML; Charset="UTF-8"',
        ETag='W/"a b"',
        Last_Modified="Sun, 06 Nov 1994 08:49:37 GMT",
        X_Robots_Tag="noarchive, NoIndex",
        Link='</other>; rel="next", </guide?x=1>; type="text/html"; rel="Canonical alternate"',
    )
    with RawServer(lambda _: page) as server, client_of(server.url) as client:
        answer = client.get(f"{server.url}/guide/?x=1")
    assert (answer.status, answer.body, answer.media_type, answer.charset) == (200, b"<p>hi</p>", "text/html", "utf-8")
    assert answer.validators == Validators('W/"a b"', "Sun, 06 Nov 1994 08:49:37 GMT")
    assert answer.robots == {"noarchive", "noindex"}
    assert answer.canonical == f"{server.url}/guide?x=1"
    assert answer.url == f"{server.url}/guide/?x=1"
    assert server.paths() == ["/guide/?x=1"]


def test_requests_say_who_asks_and_carry_nothing_else() -> None:
    with RawServer(lambda _: reply(Set_Cookie="a=b")) as server:
        with client_of(server.url, contact="https://example.org/bot") as client:
            client.get(server.url)
            client.get(server.url)
        with client_of(server.url, user_agent="acme-bot/2.0", contact="ada@example.org") as client:
            assert client.agent == "acme-bot"
            client.get(server.url)
    assert server.requests[1].headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": f"vector-pipeline/{__version__} (https://example.org/bot)",
        "accept": "text/html,application/xhtml+xml,text/markdown,text/plain;q=0.9,*/*;q=0.8",
        "accept-encoding": "gzip, deflate",
    }
    assert server.requests[2].headers["user-agent"] == "acme-bot/2.0 (ada@example.org)"
    assert server.requests[0].line == "GET / HTTP/1.1"


@pytest.mark.parametrize("etag", ['"x"', 'W/"x"', '"é"', "unquoted", '"a,b"'])
def test_a_page_is_asked_for_again_with_exactly_the_validators_it_came_with(etag: str) -> None:
    def answer(request: Request) -> Iterable[bytes | None]:
        if request.headers.get("if-none-match") == etag and request.headers.get("if-modified-since") == "Sun, long ago":
            return reply(b"", "304 Not Modified", ETag=etag)
        return reply(b"new", ETag=etag, Last_Modified="Sun, long ago")

    with RawServer(answer) as server, client_of(server.url) as client:
        first = client.get(server.url)
        assert (first.status, first.body) == (200, b"new")
        again = client.get(server.url, first.validators)
        assert (again.status, again.body, again.validators.etag) == (304, b"", etag)
        assert client.get(server.url, Validators('"other"', "")).status == 200


def test_unchanged_is_no_answer_to_a_question_without_validators() -> None:
    with (
        RawServer(lambda _: reply(b"", "304 Not Modified")) as server,
        client_of(server.url) as client,
        pytest.raises(PageRefused, match="304 to a question without conditions"),
    ):
        client.get(server.url)


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 410, 451])
def test_other_answers_come_without_a_body_on_one_connection(status: int) -> None:
    body = b"" if status == 204 else b"not here"
    with RawServer(lambda _: reply(body, f"{status} Said")) as server, client_of(server.url) as client:
        answers = [client.get(f"{server.url}/{number}") for number in range(3)]
    assert {(answer.status, answer.body) for answer in answers} == {(status, b"")}
    assert server.connections == 1


@pytest.mark.parametrize(
    ("told", "target"),
    [
        ("/b", "{site}/b"),
        ("b?x=1#y", "{site}/a/b?x=1#y"),
        ("//elsewhere.org/c", "http://elsewhere.org/c"),
        ("https://elsewhere.org", "https://elsewhere.org"),
        ("/caf\u00c3\u00a9 x", "{site}/caf%C3%A9%20x"),
        ("/caf\u00e9", "{site}/caf%E9"),
        ("/a%20b", "{site}/a%20b"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("http://[", ""),
        ("", ""),
        ("/" + "x" * 5000, ""),
    ],
)
@pytest.mark.parametrize("status", [301, 308])
def test_a_redirect_is_told_and_not_followed(told: str, target: str, status: int) -> None:
    with RawServer(lambda _: redirect(told, f"{status} Moved")) as server, client_of(server.url) as client:
        answer = client.get(f"{server.url}/a/")
        assert (answer.status, answer.location) == (status, target.format(site=server.url))
        assert server.paths() == ["/a/"]


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://other.example.org/",
        "http://127.0.0.1/",  # another port is another host
        "http://127.0.0.2:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f000001:{port}/",
        "http://0177.0.0.1:{port}/",
        "http://127.1:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://localhost:{port}/",
        "http://127.0.0.1:{port}@other.example.org/",
        "http://user:secret@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@other.example.org/",
        "file:///etc/passwd",
        "ftp://127.0.0.1:{port}/",
        "gopher://127.0.0.1:{port}/",
        "javascript:alert(1)",
        "http://127.0.0.1:{port}/a b",
        "http://127.0.0.1:{port}/a\r\nX-Injected: 1",
        "http://127.0.0.1:{port}/ä",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:{port}/" + "x" * 9000,
        "//127.0.0.1:{port}/",
        "",
    ],
)
def test_nothing_leaves_for_what_the_settings_do_not_name(url: str) -> None:
    url = url.replace("{port}", "{0}")
    with RawServer(lambda _: reply()) as server, client_of(server.url, private_hosts=("127.0.0.0",)) as client:
        with pytest.raises(PageRefused) as told:
            client.get(url.replace("{0}", str(server.port)))
        assert server.connections == 0
    assert "secret" not in str(told.value)
    assert str(told.value).isprintable()


def test_hosts_of_the_settings_are_asked_whatever_the_case_of_their_names() -> None:
    with RawServer(lambda _: reply(b"1")) as one, RawServer(lambda _: reply(b"2"), host="127.0.0.2") as two:
        with client_of(
            one.url,
            hosts=(f"127.0.0.2:{two.port}",),
            private_hosts=("127.0.0.1", f"127.0.0.2:{two.port}"),
        ) as client:
            assert [client.get(f"{server.url}/").body for server in (one, two)] == [b"1", b"2"]
            assert client.get(one.url.replace("http", "HTTP")).body == b"1"
        with client_of(one.url, start_urls=(two.url,)) as client, pytest.raises(PageRefused) as told:
            client.get(two.url)
    assert told.value.reason == f"127.0.0.2:{two.port} has a loopback address, which is not public"
    assert "private_hosts" in told.value.hint


def test_a_body_of_an_unwanted_type_is_not_read() -> None:
    seen: list[str] = []

    def wanted(media_type: str) -> bool:
        seen.append(media_type)
        return media_type == "text/html"

    def answer(request: Request) -> Iterable[bytes | None]:
        if request.path == "/big":
            yield b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 1000000000\r\n\r\n"
            for _ in range(15_000):
                yield b"x" * 65536
        elif request.path == "/endless":
            yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            while True:
                yield b"10000\r\n" + b"x" * 65536 + b"\r\n"
        else:
            yield from reply(b"small", Content_Type="image/png")

    with RawServer(answer) as server, client_of(server.url) as client:
        for path in ("/small", "/big", "/endless", "/small"):
            answered = client.get(server.url + path, wanted=wanted)
            assert (answered.status, answered.body) == (200, b"")
        assert server.sent < 50_000_000
    assert seen == ["image/png", "video/mp4", "", "image/png"]
    assert [request.connection for request in server.requests] == [1, 1, 2, 3]


@pytest.mark.parametrize(
    ("lines", "meant"),
    [
        (["noindex"], {"noindex"}),
        (["none"], {"noindex", "nofollow"}),
        (["otherbot: noindex, nofollow", "noarchive"], {"noarchive"}),
        (["vector-pipeline: noindex, nofollow"], {"noindex", "nofollow"}),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST, nofollow"], {"unavailable_after", "nofollow"}),
        (["googlebot: noindex, vector-pipeline: nofollow"], {"nofollow"}),
        (["<script>, , :::, \x07noindex"], set()),
        ([",".join(["noindex"] * 5000)], {"noindex"}),
    ],
)
def test_robots_directives_are_those_meant_for_us(lines: list[str], meant: set[str]) -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + "".join(f"X-Robots-Tag: {line}\r\n" for line in lines)
    with RawServer(lambda _: [f"{head}\r\n".encode()]) as server, client_of(server.url) as client:
        assert client.get(server.url).robots == meant


@pytest.mark.parametrize(
    ("link", "canonical"),
    [
        ("</x>; rel=canonical", "/x"),
        ('<x>; rel="canonical"', "/a/x"),
        ("</x>; rel=next", ""),
        ("</x>; rel", ""),
        ("<" * 10_000, ""),
        ("</x>" + " " * 20_000 + "; rel=canonical", ""),
        ("</x>" + "; a" * 5000, ""),
    ],
)
def test_the_canonical_address_of_a_link_header_is_found_in_bounded_time(link: str, canonical: str) -> None:
    with RawServer(lambda _: reply(Link=link)) as server, client_of(server.url) as client:
        assert client.get(f"{server.url}/a/b").canonical == (server.url + canonical if canonical else "")


def test_messages_show_addresses_without_secrets_and_control_characters() -> None:
    told = shown("http://ada:pw@host/a\x1b[31m/b\u202e?token=s3cret&x=1#frag")
    assert told == "http://host/a\ufffd[31m/b\ufffd?token=…&x=…"
    assert len(shown("http://host/" + "x" * 5000)) == 200
    with client_of("http://127.0.0.1") as client, pytest.raises(PageRefused) as refused:
        client.get("http://eve:pw@host\x1b[2J/\n?key=s3cret")
    assert str(refused.value).isprintable()
    assert refused.value.message.startswith(f"{LABEL}: http://")
    assert "s3cret" not in str(refused.value)
    assert "pw" not in str(refused.value)
