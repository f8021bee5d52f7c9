"""Bodies that are slow, endless, huge, cut off or bombs: an error in words in bounded time and memory, never a body."""

from __future__ import annotations

import contextlib
import gzip
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.sources.public_docs.answers import PageRefused, SiteSilent
from vector_pipeline.sources.public_docs.decoding import BrokenCoding, CutOff, TooLarge, read_body
from vector_pipeline_tests.sources.public_docs.clients import client_of
from vector_pipeline_tests.sources.public_docs.raw_server import RawServer, Request, reply

LIMIT = 1_000_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def packed_gzip(data: bytes) -> bytes:
    """As gzip without the time, so that names of tests stay."""
    return gzip.compress(data, mtime=0)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def bomb(size: int) -> bytes:
    """So many zeros, as gzip."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


# ---- what is read


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", packed_gzip(b"words " * 1000)),
        ("x-gzip", packed_gzip(b"words " * 1000)),
        ("GZip", packed_gzip(b"words " * 500) + packed_gzip(b"words " * 500)),
        ("gzip", packed_gzip(b"words " * 1000) + bytes(512)),
        ("deflate", zlib.compress(b"words " * 1000)),
        ("deflate", raw_deflate(b"words " * 1000)),
        ("gzip, deflate", zlib.compress(packed_gzip(b"words " * 1000))),
        ("identity", b"words " * 1000),
        ("", b"words " * 1000),
    ],
)
def test_compressed_bodies_are_read_as_they_are_inside(coding: str, packed: bytes) -> None:
    with RawServer(lambda _: reply(packed, Content_Encoding=coding)) as server, client_of(server.url) as client:
        assert client.get(server.url).body == b"words " * 1000


def test_an_empty_body_is_empty_in_any_coding() -> None:
    with RawServer(lambda _: reply(b"", Content_Encoding="gzip")) as server, client_of(server.url) as client:
        assert client.get(server.url).body == b""


@given(st.binary(max_size=3000), st.lists(st.sampled_from(["gzip", "deflate", "raw"]), max_size=2), st.integers(1, 50))
def test_any_body_comes_back_however_it_is_compressed_and_cut(data: bytes, codings: list[str], piece: int) -> None:
    packers: dict[str, Callable[[bytes], bytes]] = {
        "gzip": packed_gzip,
        "deflate": zlib.compress,
        "raw": raw_deflate,
    }
    packed = data
    for coding in codings:
        packed = packers[coding](packed)
    pieces = [packed[start : start + piece] for start in range(0, len(packed), piece)]
    told = tuple("deflate" if coding == "raw" else coding for coding in codings)
    # raw deflate may begin as zlib's header does; nobody can tell the two apart then
    if "raw" in codings and any(_like_zlib(one) for one in _layers(data, codings, packers)):
        return
    assert read_body(pieces, told, 10_000) == data


def _layers(data: bytes, codings: list[str], packers: dict[str, Callable[[bytes], bytes]]) -> Iterator[bytes]:
    for coding in codings:
        data = packers[coding](data)
        if coding == "raw":
            yield data


def _like_zlib(data: bytes) -> bool:
    return data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0


@given(st.binary(max_size=500), st.sampled_from(["gzip", "deflate"]))
def test_garbage_in_any_coding_is_an_error_or_a_body(data: bytes, coding: str) -> None:
    with contextlib.suppress(BrokenCoding, CutOff, TooLarge):
        assert len(read_body([data], (coding,), 1000)) <= 1000


# ---- too much


def too_much() -> Iterator[tuple[str, Callable[[Request], Iterable[bytes | None]]]]:
    def told(request: Request) -> Iterable[bytes | None]:
        yield HEAD + b"Content-Length: 1000000000\r\n\r\n"
        for _ in range(15_000):
            yield b"x" * 65536

    def chunks(_: Request) -> Iterable[bytes | None]:
        yield CHUNKED
        while True:
            yield b"10000\r\n" + b"x" * 65536 + b"\r\n"

    def one_chunk(_: Request) -> Iterable[bytes | None]:
        yield CHUNKED + b"3b9aca00\r\n"
        while True:
            yield b"x" * 65536

    def until_closed(_: Request) -> Iterable[bytes | None]:
        yield HEAD + b"\r\n"
        while True:
            yield b"x" * 65536

    def packed(body: bytes, coding: str) -> Callable[[Request], Iterable[bytes | None]]:
        return lambda _: reply(body, Content_Encoding=coding)

    def empty_members(_: Request) -> Iterable[bytes | None]:
        yield HEAD + b"Content-Encoding: gzip\r\n\r\n"
        member = packed_gzip(b"")
        while True:
            yield member * 1000

    large = bomb(20 << 20)
    yield "told", told
    yield "chunks", chunks
    yield "one chunk", one_chunk
    yield "until closed", until_closed
    yield "gzip bomb", packed(large, "gzip")
    yield "deflate bomb", packed(zlib.compress(bytes(20 << 20)), "deflate")
    yield "nested bomb", packed(packed_gzip(large), "gzip, gzip")
    yield "members without content", empty_members
    yield "nested members without content", packed(packed_gzip(packed_gzip(b"") * 500_000), "gzip, gzip")


@pytest.mark.parametrize("answer", [pytest.param(answer, id=name) for name, answer in too_much()])
def test_a_body_beyond_the_limit_is_refused_at_once_and_in_little_memory(
    answer: Callable[[Request], Iterable[bytes | None]],
) -> None:
    with RawServer(answer) as server, client_of(server.url, max_file_size=LIMIT, max_retries=2) as client:
        with pytest.raises(PageRefused, match=r"larger than 1MB; raise max_file_size"):
            client.get(server.url)
        assert len(server.requests) == 1
        tracemalloc.start()
        try:
            with pytest.raises(PageRefused):
                client.get(server.url)
            assert tracemalloc.get_traced_memory()[1] < LIMIT + 3_000_000  # the server's part of it included
        finally:
            tracemalloc.stop()


def test_a_length_beyond_the_limit_is_refused_before_the_body() -> None:
    def promise(_: Request) -> Iterable[bytes | None]:
        yield HEAD + b"Content-Length: 1000000000\r\n\r\n"
        server.pause(60)

    with RawServer(promise) as server, client_of(server.url) as client:
        started = time.monotonic()
        with pytest.raises(PageRefused, match="larger than 10MB"):
            client.get(server.url)
        assert time.monotonic() - started < 30


def test_a_limit_may_be_given_for_one_page() -> None:
    with RawServer(lambda _: reply(b"x" * 101)) as server, client_of(server.url) as client:
        assert len(client.get(server.url, limit=101).body) == 101
        with pytest.raises(PageRefused, match="larger than 100B"):
            client.get(server.url, limit=100)


# ---- broken


@pytest.mark.parametrize(
    ("body", "coding", "words"),
    [
        (b"<html>not compressed", "gzip", "not compressed as it says"),
        (b"<html>not compressed", "deflate", "not compressed as it says"),
        (packed_gzip(b"words" * 100)[:-8] + b"checksum", "gzip", "not compressed as it says"),
        (b"words", "br", "was not asked for"),
        (b"words", "utf-8", "was not asked for"),
        (b"words", "gzip, gzip, gzip", "more than 2 times"),
        (b"words", ", ".join(["gzip"] * 1000), "more than 2 times"),
    ],
)
def test_a_broken_coding_concerns_its_page_only(body: bytes, coding: str, words: str) -> None:
    with (
        RawServer(lambda _: reply(body, Content_Encoding=coding)) as server,
        client_of(server.url, max_retries=2) as client,
    ):
        with pytest.raises(PageRefused, match=words):
            client.get(server.url)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "said",
    [
        HEAD + b"Content-Length: 50\r\n\r\n<p>half",
        CHUNKED + b"5\r\n<p>ha\r\n",
        CHUNKED + b"50\r\n<p>half",
        CHUNKED + b"zz\r\n<p>half\r\n0\r\n\r\n",
        HEAD + b"Content-Encoding: gzip\r\n\r\n" + packed_gzip(b"words " * 1000)[:-4],
        HEAD + b"Content-Encoding: gzip\r\n\r\n" + packed_gzip(b"words " * 1000)[:30],
        HEAD + b"Content-Encoding: gzip\r\n\r\n\x1f",
        HEAD + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"words " * 1000)[:-1],
        HEAD + b"Content-Encoding: gzip, gzip\r\n\r\n" + packed_gzip(packed_gzip(b"words " * 1000)[:-1]),
    ],
)
def test_a_cut_off_body_is_no_body_and_asked_for_again(said: bytes) -> None:
    with RawServer(lambda _: [said, None]) as server, client_of(server.url, max_retries=1) as client:
        with pytest.raises(SiteSilent, match="the answer broke off"):
            client.get(server.url)
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: lots\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\n" + b"X-More: and more\r\n" * 50_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 500_000,
        b"HTTP/1.1 200 OK\r\nX\x00Y: 1\r\n\r\n",
        b"HTTP/1.1 200 OK",
    ],
)
def test_an_answer_that_is_none_of_http_is_an_error_in_words(said: bytes) -> None:
    with RawServer(lambda _: [said, None]) as server, client_of(server.url, max_retries=1) as client:
        with pytest.raises(PageRefused, match="does not answer as a web server does"):
            client.get(server.url)
        assert len(server.requests) == 2


# ---- too slow


def drips() -> Iterator[tuple[str, bytes, bytes]]:
    yield "status", b"", b"H"
    yield "headers", b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n"
    yield "one header", b"HTTP/1.1 200 OK\r\nX: ", b"x"
    yield "continue", b"", b"HTTP/1.1 100 Continue\r\n\r\n"
    yield "body", HEAD + b"Content-Length: 100000\r\n\r\n", b"x"
    yield "chunks", CHUNKED, b"1\r\nx\r\n"
    yield "one chunk", CHUNKED + b"ffff\r\n", b"x"
    yield "until closed", HEAD + b"\r\n", b"x"


@pytest.mark.parametrize(("start", "again"), [pytest.param(*rest, id=name) for name, *rest in drips()])
@pytest.mark.usefixtures("hurried")
def test_a_site_that_drips_bytes_can_not_hold_a_run(start: bytes, again: bytes) -> None:
    def drip(request: Request) -> Iterable[bytes | None]:
        yield start
        for _ in range(6000):
            yield again
            server.pause(0.01)

    with RawServer(drip) as server, client_of(server.url) as client:
        started = time.monotonic()
        with pytest.raises((PageRefused, SiteSilent)) as told:
            client.get(server.url)
        assert time.monotonic() - started < 30
    body_began = b"\r\n\r\n" in start
    assert isinstance(told.value, PageRefused if body_began else SiteSilent)
    assert told.value.reason == ("it did not come to its end in time" if body_began else "it did not answer in time")


@pytest.mark.usefixtures("hurried")
def test_a_page_that_is_not_there_stays_so_when_its_body_drips() -> None:
    def drip(request: Request) -> Iterable[bytes | None]:
        yield b"HTTP/1.1 404 Not Found\r\n\r\n"
        for _ in range(6000):
            yield b"x"
            server.pause(0.01)

    with RawServer(drip) as server, client_of(server.url) as client:
        assert client.get(server.url).status == 404


@pytest.mark.usefixtures("hurried")
def test_a_body_that_the_callers_time_cuts_off_is_not_called_slow() -> None:
    def drip(_: Request) -> Iterable[bytes | None]:
        yield HEAD + b"Content-Length: 10000\r\n\r\nx"
        for _ in range(6000):
            yield b"x"
            server.pause(0.01)

    with (
        RawServer(drip) as server,
        client_of(server.url) as client,
        pytest.raises(SiteSilent, match="did not answer in time"),
    ):
        client.get(server.url, deadline=time.monotonic() + 40)
