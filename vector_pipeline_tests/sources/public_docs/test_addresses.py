"""Which addresses are public, in whatever spelling, and which hosts a setting means."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.sources.public_docs.addresses import Hosts, Target, literal_address, target_of, why_not_public


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("169.254.169.254", "link-local"),
        ("100.64.0.1", "private"),  # carrier-grade NAT
        ("100.127.255.255", "private"),
        ("192.0.2.1", "private"),  # documentation
        ("198.18.0.1", "private"),  # benchmarks
        ("192.88.99.1", "private"),  # 6to4 relays
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "private"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.1", "private"),
        ("255.255.255.255", "private"),
        ("::", "unspecified"),
        ("fe80::1", "link-local"),
        ("fec0::1", "private"),  # site-local
        ("fd00:ec2::254", "private"),  # metadata of a cloud
        ("fc00::1", "private"),
        ("ff02::1", "multicast"),
        ("ff0e::1", "multicast"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:10.0.0.1", "private"),
        ("::ffff:169.254.169.254", "link-local"),
        ("::127.0.0.1", "private"),
        ("2002:7f00:1::", "loopback"),  # 6to4 of 127.0.0.1
        ("2002:a00:1::", "private"),
        ("64:ff9b::7f00:1", "loopback"),  # NAT64 of 127.0.0.1
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("64:ff9b:1::808:808", "private"),  # NAT64 within a network
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "private"),  # Teredo
        ("2001:db8::1", "private"),
        ("3fff::1", "private"),
        ("100::1", "private"),
        ("5f00::1", "private"),
        ("8.8.8.8", ""),
        ("93.184.215.14", ""),
        ("172.32.0.1", ""),
        ("100.128.0.1", ""),
        ("2606:4700::6810:84e5", ""),
        ("2a00:1450:4001:82f::200e", ""),
        ("::ffff:8.8.8.8", ""),
        ("64:ff9b::808:808", ""),
    ],
)
def test_only_addresses_of_the_public_internet_are_public(address: str, kind: str) -> None:
    assert why_not_public(ipaddress.ip_address(address)) == kind


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_alike(address: ipaddress.IPv4Address) -> None:
    for form in (f"::ffff:{address}", f"64:ff9b::{int(address) >> 16:x}:{int(address) & 0xFFFF:x}"):
        assert why_not_public(ipaddress.ip_address(form)) == why_not_public(address)
    assert bool(why_not_public(address)) or address.is_global


@given(st.ip_addresses(v=6))
def test_no_address_is_public_that_python_calls_otherwise(address: ipaddress.IPv6Address) -> None:
    assert why_not_public(address) or address.is_global or address.ipv4_mapped or address in _NAT64


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "127.0.0.1.", "017700000001"],
)
def test_an_address_is_known_in_any_spelling_the_system_takes(host: str) -> None:
    assert literal_address(host) == ipaddress.ip_address("127.0.0.1")


@pytest.mark.parametrize("host", ["example.org", "1e100.net", "0x.example.org", "face.b00c", "", "1.2.3.4.5", "999999"])
def test_a_name_is_no_address(host: str) -> None:
    assert literal_address(host) in (None, ipaddress.ip_address("0.15.66.63"))


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://Docs.Example.org./a?b=c#d", Target("http", "docs.example.org", 80, "/a?b=c")),
        ("HTTPS://docs.example.org", Target("https", "docs.example.org", 443, "/")),
        ("https://docs.example.org:8443?q", Target("https", "docs.example.org", 8443, "/?q")),
        ("http://[::1]:80/", Target("http", "::1", 80, "/")),
    ],
)
def test_a_url_is_taken_apart(url: str, target: Target) -> None:
    assert target_of(url) == target


@given(st.text(max_size=60) | st.text(alphabet="htps:/@.[]#?\\x\t\n 0", max_size=40).map("http://".__add__))
def test_any_text_is_a_target_or_none(text: str) -> None:
    target = target_of(text)
    assert target is None or (target.host and target.path.startswith("/") and "@" not in target.host)


def test_a_host_stands_for_its_usual_ports_and_a_port_for_itself() -> None:
    hosts = Hosts(["docs.example.org", "Other.Example.org:8080", "[::1]", "bücher.example"])

    def covered(url: str) -> bool:
        target = target_of(url)
        return target is not None and target in hosts

    assert covered("http://docs.example.org/")
    assert covered("https://docs.example.org/")
    assert not covered("https://docs.example.org:8080/")
    assert not covered("http://www.docs.example.org/")
    assert not covered("http://docs.example.org.evil.org/")
    assert covered("http://other.example.org:8080/")
    assert not covered("http://other.example.org/")
    assert covered("http://[::1]/")
    assert covered("https://xn--bcher-kva.example/")
    assert Target("http", "docs.example.org", 8080, "/") in Hosts(["docs.example.org"], any_port=True)
    assert Target("http", "docs.example.org", 8080, "/") not in Hosts(["docs.example.org:81"], any_port=True)
