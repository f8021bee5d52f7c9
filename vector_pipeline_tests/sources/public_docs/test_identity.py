"""Which URLs are one document."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.sources.public_docs.identity import Facts, documents_of
from vector_pipeline.sources.public_docs.words import sketch_of

SITE = "https://docs.example.org/"


def page(path: str, version: str = "", canonical: str = "", words: str = "a b c") -> Facts:
    return Facts(
        SITE + path,
        canonical=SITE + canonical if canonical else "",
        version=version or path,
        sketch=sketch_of(words.split()),
        good=True,
    )


def moved(path: str, target: str) -> Facts:
    return Facts(SITE + path, target=SITE + target)


def documents(*facts: Facts) -> dict[str, str]:
    found = documents_of({one.url: one for one in facts})
    return {url.removeprefix(SITE): document.removeprefix(SITE) for url, document in found.items()}


def test_redirects_lead_to_their_last_page() -> None:
    assert documents(moved("a", "b"), moved("b", "c"), page("c")) == {"a": "c", "b": "c", "c": "c"}


def test_circles_and_endless_chains_are_no_document() -> None:
    assert documents(moved("a", "b"), moved("b", "a")) == {}
    assert documents(*(moved(f"p{n}", f"p{n + 1}") for n in range(30)), page("p30"))["p29"] == "p30"
    assert "p0" not in documents(*(moved(f"p{n}", f"p{n + 1}") for n in range(30)), page("p30"))


def test_a_canonical_link_to_a_like_page_is_followed() -> None:
    assert documents(page("print", canonical="a"), page("a")) == {"print": "a", "a": "a"}


def test_a_canonical_link_to_a_page_that_says_something_else_is_ignored() -> None:
    found = documents(page("a", canonical="home", words="apples pears"), page("home", words="welcome to all"))
    assert found == {"a": "a", "home": "home"}


def test_a_canonical_link_to_a_page_that_is_not_there_is_ignored() -> None:
    assert documents(page("a", canonical="gone")) == {"a": "a"}


def test_canonical_links_in_a_circle_leave_both_pages() -> None:
    assert documents(page("a", canonical="b"), page("b", canonical="a")) == {"a": "a", "b": "b"}


def test_spellings_of_one_page_are_one_document() -> None:
    found = documents(page("x/", "1"), page("x/index.html", "1"), page("x", "1"))
    assert found == {"x/": "x", "x/index.html": "x", "x": "x"}


def test_spellings_that_say_different_things_stay_apart() -> None:
    assert documents(page("x/", "1"), page("x", "2")) == {"x/": "x/", "x": "x"}


PATHS = st.sampled_from(["a", "a/", "b", "c", "d/index.html", "d/", "e"])


@given(
    st.dictionaries(PATHS, st.tuples(st.sampled_from("123"), st.sampled_from(["", "a", "b", "d/", "e"]), st.booleans()))
)
def test_every_document_is_a_good_page_that_stands_for_itself(made: dict[str, tuple[str, str, bool]]) -> None:
    facts = [
        moved(path, other) if redirects and other else page(path, version, other)
        for path, (version, other, redirects) in made.items()
    ]
    found = documents(*facts)
    assert all(found[document] == document for document in found.values())
    assert {one.url.removeprefix(SITE) for one in facts if one.good} <= set(found)
    backwards = documents(*reversed(facts))
    assert backwards == found
