"""The scope of a site: what its settings cover, and the reason in words for the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.sources.public_docs.scope import Scope
from vector_pipeline.sources.public_docs.urls import normal_url


@pytest.mark.parametrize(
    ("root", "inside", "outside"),
    [
        ("https://x.org/docs/", ["/docs/", "/docs", "/docs/a/b", "/docs/a?"], ["/", "/docsearch", "/blog/docs/"]),
        ("https://x.org/docs/index.html", ["/docs/", "/docs/a"], ["/", "/other"]),
        ("https://x.org/docs/v1.2", ["/docs/v1.2", "/docs/v1.2/a"], ["/docs/v1.3/a", "/docs/"]),
        ("https://x.org", ["/", "/anything/at/all"], []),
    ],
)
def test_a_root_covers_its_folder(root: str, inside: list[str], outside: list[str]) -> None:
    scope = Scope([root])
    for path in inside:
        assert scope.reason_to_skip(normal_url(f"https://x.org{path}")) == "", path
    for path in outside:
        assert scope.reason_to_skip(normal_url(f"https://x.org{path}")) == "outside the site", path


def test_only_hosts_that_are_named_are_covered() -> None:
    scope = Scope(["https://x.org/docs/"], hosts=["API.x.org", "x.org:8080"])
    assert scope.reason_to_skip("http://x.org/docs/a") == "", "http and https are one site"
    assert scope.reason_to_skip("https://api.x.org/anything") == ""
    assert scope.reason_to_skip("http://x.org:8080/a") == ""
    assert scope.reason_to_skip("https://www.x.org/docs/a") == "other host"
    assert scope.reason_to_skip("https://api.x.org:8443/a") == "other host"
    assert scope.reason_to_skip("https://x.org.evil.example/docs/") == "other host"


def test_roots_with_a_port_cover_that_port_alone() -> None:
    scope = Scope(["http://127.0.0.1:8000/"])
    assert scope.reason_to_skip("http://127.0.0.1:8000/a") == ""
    assert scope.reason_to_skip("http://127.0.0.1:8001/a") == "other host"
    assert scope.reason_to_skip("http://127.0.0.1/a") == "other host"
    assert Scope(["http://[::1]:8000/"]).reason_to_skip("http://[::1]:8000/a") == ""
    assert Scope(["http://[::1]/"]).reason_to_skip("http://[::1]/a") == ""


def test_patterns_decide_on_the_decoded_path() -> None:
    scope = Scope(
        ["https://x.org/"], include=["guide/", "/*.html", "ref/**/api*"], exclude=["drafts/", "*ü*", "!guide/drafts/no"]
    )
    reasons = {
        path: scope.reason_to_skip(normal_url(f"https://x.org/{path}"))
        for path in (
            "guide/a/b",
            "guide/",
            "start.html",
            "sub/start.html",
            "ref/x/y/api-1",
            "ref/x",
            "guide/drafts/no",
            "guide/%C3%BC",
        )
    }
    taken = {path for path, reason in reasons.items() if not reason}
    assert taken == {"guide/a/b", "guide/", "start.html", "ref/x/y/api-1"}
    assert set(reasons.values()) == {"", "ignored"}


def test_links_with_parameters_are_left_out_unless_wanted() -> None:
    link = "https://x.org/page?id=3&sort=up"
    assert Scope(["https://x.org/"]).reason_to_skip(link) == "query"
    assert Scope(["https://x.org/"]).reason_to_skip(link, listed=True) == ""
    assert Scope(["https://x.org/"], query_parameters=["id"]).reason_to_skip(link) == "query"
    assert Scope(["https://x.org/"], query_parameters=["id", "sort"]).reason_to_skip(link) == ""
    assert Scope(["https://x.org/"], query_parameters=["*"]).reason_to_skip(link) == ""
    assert Scope(["https://x.org/?id=start"]).reason_to_skip("https://x.org/?id=start") == "", "a start is wanted"


@pytest.mark.parametrize("name", ["logo.PNG", "site.css", "app.js", "font.woff2", "all.tar.gz", "film.mp4", "tool.exe"])
def test_what_can_be_no_document_is_left_out(name: str) -> None:
    assert Scope(["https://x.org/"]).reason_to_skip(f"https://x.org/a/{name}", listed=True) == "kind"


@pytest.mark.parametrize("name", ["", "page", "a.html", "v1.2", "manual.pdf", "sheet.xlsx", "readme.md", "node.js/"])
def test_pages_and_files_of_documents_are_taken(name: str) -> None:
    assert Scope(["https://x.org/"]).reason_to_skip(f"https://x.org/a/{name}") == ""


def test_endless_addresses_are_left_out() -> None:
    scope = Scope(["https://x.org/"])
    assert scope.reason_to_skip("https://x.org/a/b/a/b/a/b") == ""
    assert scope.reason_to_skip("https://x.org/a/b/a/b/a/b/a") == "too deep"
    assert scope.reason_to_skip("https://x.org/" + "/".join(map(str, range(25)))) == ""
    assert scope.reason_to_skip("https://x.org/" + "/".join(map(str, range(26)))) == "too deep"
    assert scope.reason_to_skip("https://x.org/" + "a" * 2_000) == "too long"


@given(st.text(max_size=80), st.booleans())
def test_any_address_gets_an_answer(text: str, listed: bool) -> None:
    scope = Scope(["https://x.org/docs/"], include=["docs/**"], exclude=["tmp*"], query_parameters=["a"])
    for url in (normal_url(text), normal_url("https://x.org/docs/" + text), text):
        assert scope.reason_to_skip(url, listed=listed) in {
            "", "other host", "outside the site", "ignored", "query", "kind", "too long", "too deep"
        }  # fmt: skip
