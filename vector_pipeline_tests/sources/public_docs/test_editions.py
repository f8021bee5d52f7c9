"""Editions: versions and languages of one documentation are taken once, and nothing is left out without evidence."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.sources.public_docs.editions import ANOTHER_LANGUAGE, ANOTHER_VERSION, left_out
from vector_pipeline.sources.public_docs.urls import normal_url

SITE = "https://docs.example.org"
START = f"{SITE}/"


def _pages(*folders: str, names: str = "install usage api faq") -> list[str]:
    return [f"{SITE}/{folder}{name}" for folder in folders for name in ["", *names.split()]]


def _folders(unwanted: dict[str, str]) -> set[str]:
    return {url.removeprefix(START).rpartition("/")[0] for url in unwanted}


@pytest.mark.parametrize(
    ("folders", "kept"),
    [
        (["latest/", "v1.2/", "stable/"], "latest/"),
        (["v1.2/", "stable/", "main/"], "stable/"),
        (["current/", "v1.2/", "main/"], "current/"),
        (["master/", "v1.2/", "dev/"], "master/"),
        (["1.9/", "1.10/", "1.2.3/"], "1.10/"),
        (["2.0rc1/", "1.9/", "dev/"], "1.9/"),
        (["2.0rc1/", "2.0b2/", "2.0.dev9/", "2.0rc10/"], "2.0rc10/"),
        (["en/v2.x/", "en/v2.1/", "en/v1/"], "en/v2.x/"),
        (["3.12/", "2/", "3/"], "3.12/"),
        (["release-1.2/", "release-1.10/"], "release-1.10/"),
    ],
)
def test_of_versions_with_the_same_pages_the_best_is_kept(folders: list[str], kept: str) -> None:
    urls = [START, *_pages(*folders)]
    expected = {url for url in urls if url != START and not url.startswith(START + kept)}
    unwanted = left_out(urls, start=START)
    assert set(unwanted) == expected
    assert set(unwanted.values()) == {ANOTHER_VERSION}


def test_the_version_of_the_start_is_kept() -> None:
    urls = _pages("latest/", "v1.2/", "v1.1/")
    assert _folders(left_out(urls, start=f"{SITE}/v1.1/")) == {"latest", "v1.2"}


def test_a_version_that_grew_apart_is_still_a_copy() -> None:
    first = _pages("1.0/", names="a b c d")
    second = _pages("2.0/", names="c d e f g")
    third = _pages("3.0/", names="f g h i j e")
    assert _folders(left_out([*first, *second, *third], start=START)) == {"1.0", "2.0"}


def test_pages_of_a_version_left_out_are_left_out_as_a_whole() -> None:
    urls = [*_pages("latest/"), *_pages("v1.2/", names="install usage api faq dropped-since")]
    assert f"{SITE}/v1.2/dropped-since" in left_out(urls, start=START)


def test_pages_without_a_version_beside_the_same_with_one_are_kept() -> None:
    urls = [START, *_pages("docs/", "docs/2.x/", "docs/1.x/", "docs/next/")]
    assert _folders(left_out(urls, start=START)) == {"docs/2.x", "docs/1.x", "docs/next"}
    assert "docs" not in _folders(left_out(urls, start=f"{SITE}/docs/2.x/"))


def test_a_landing_page_is_no_version() -> None:
    urls = [START, f"{SITE}/about", f"{SITE}/imprint", *_pages("latest/", "v1.2/")]
    assert _folders(left_out(urls, start=START)) == {"v1.2"}


def test_a_version_that_has_only_begun_does_not_replace_a_whole_one() -> None:
    urls = [f"{SITE}/latest/", *_pages("v1.2/")]
    assert set(left_out(urls, start=START)) == {f"{SITE}/latest/"}


@pytest.mark.parametrize(
    "urls",
    [
        [f"{SITE}/releases/{version}/" for version in ("1.0", "1.1", "2.0")],
        [f"{SITE}/releases/{version}.html" for version in ("1.0", "1.1", "2.0")],
        _pages("blog/2023/", "blog/2024/"),
        _pages("issues/1/", "issues/2/", names="comments history"),
        [*_pages("v1/", names="users posts"), *_pages("v2/", names="orders bills")],
        [*_pages("v1/", names="faq a b c d e"), *_pages("v2/", names="faq v w x y z")],
        _pages("edge/", "main/"),
        [*_pages("latest/"), *_pages("guide/", "reference/")],
    ],
    ids=["notes", "notes as files", "years", "numbers", "nothing shared", "little shared", "words", "one version"],
)
def test_without_evidence_nothing_is_left_out(urls: list[str]) -> None:
    assert left_out(urls, start=START) == {}


def test_other_hosts_are_other_places() -> None:
    urls = _pages("v1/") + [url.replace("docs.", "api.") for url in _pages("v2/")]
    assert left_out(urls, start=START) == {}


def test_settings_name_the_versions_to_take() -> None:
    urls = [START, *_pages("latest/", "v2.1/", "v2.0/", "v1.9/", "guide/")]
    assert _folders(left_out(urls, versions=["v2.*"], start=START)) == {"latest", "v1.9"}
    assert _folders(left_out(urls, versions=["V2.0", "latest"], start=START)) == {"v2.1", "v1.9"}
    assert left_out(urls, versions=["*"], start=START) == {}


def test_numbers_and_words_are_versions_only_beside_a_wanted_one() -> None:
    urls = _pages("docs/2024/", "docs/2023/", "docs/main/", "blog/2023/", "issues/12/", "guide/edge/", "docs/jammy/")
    assert _folders(left_out(urls, versions=["2024"], start=START)) == {"docs/2023", "docs/main"}
    assert _folders(left_out(urls, versions=["jammy"], start=START)) == {"docs/2024", "docs/2023", "docs/main"}


def test_a_wanted_version_may_hold_versions_of_other_things() -> None:
    urls = _pages("latest/api/v1/", "latest/api/v2/", "old/api/v1/")
    assert _folders(left_out(urls, versions=["latest"], start=START)) == {"old/api/v1"}


def test_settings_name_the_languages_to_take() -> None:
    urls = [START, *_pages("en/", "de/", "pt-br/", "zh-hans/", "en_GB/", "guide/")]
    assert _folders(left_out(urls, languages=["en"], start=START)) == {"de", "pt-br", "zh-hans"}
    assert _folders(left_out(urls, languages=["PT_BR", "zh-*"], start=START)) == {"en", "de", "en_GB"}
    assert left_out(urls, languages=["*"], start=START) == {}
    assert set(left_out(urls, languages=["en"], start=START).values()) == {ANOTHER_LANGUAGE}


def test_a_short_word_is_a_language_only_with_evidence() -> None:
    urls = [*_pages("", "fr/"), *_pages("services/ml/"), *_pages("how/to/")]
    assert _folders(left_out(urls, languages=["en"], start=START)) == {"fr"}


def test_without_settings_only_declared_languages_are_left_out() -> None:
    urls = [START, *_pages("en/", "de/", "fr/")]
    assert left_out(urls, start=f"{SITE}/en/") == {}
    declared = {f"{SITE}/en/": "en", f"{SITE}/de/": "de-DE"}
    unwanted = left_out(urls, start=f"{SITE}/en/", alternates=declared)
    assert _folders(unwanted) == {"de"}, "a whole folder by one declared page, another one not"
    assert set(unwanted.values()) == {ANOTHER_LANGUAGE}


def test_languages_without_folders_are_told_by_the_pages_themselves() -> None:
    urls = [f"{SITE}/install", f"{SITE}/einrichten", f"{SITE}/other"]
    declared = {f"{SITE}/install": "en", f"{SITE}/einrichten": "de", START: "x-default"}
    assert left_out(urls, start=f"{SITE}/install", alternates=declared) == {f"{SITE}/einrichten": ANOTHER_LANGUAGE}
    assert left_out(urls, start=START, alternates=declared) == {}, "the language of the start is not known"


def test_regions_of_the_same_language_are_told_apart_only_where_the_start_has_one() -> None:
    urls = _pages("en-us/", "en-gb/")
    declared = {f"{SITE}/en-us/": "en-US", f"{SITE}/en-gb/": "en-GB"}
    assert _folders(left_out(urls, start=f"{SITE}/en-us/", alternates=declared)) == {"en-gb"}
    assert left_out([START, *urls], start=START, alternates={START: "en", **declared}) == {}


def test_a_declared_page_in_a_wrong_folder_is_kept() -> None:
    urls = [START, f"{SITE}/de/english", f"{SITE}/de/deutsch"]
    declared = {START: "en", f"{SITE}/de/english": "en", f"{SITE}/de/deutsch": "de"}
    assert set(left_out(urls, start=START, alternates=declared)) == {f"{SITE}/de/deutsch"}


_WORDS = [
    "en",
    "de",
    "pt-br",
    "v1",
    "v2",
    "1.2",
    "3.x",
    "latest",
    "main",
    "dev",
    "2024",
    "7",
    "api",
    "guide",
    "index.html",
]
_PATHS = st.lists(st.sampled_from(_WORDS), max_size=4).map(lambda parts: normal_url(f"{SITE}/" + "/".join(parts)))


@given(
    st.lists(_PATHS, min_size=1, max_size=40, unique=True),
    st.sampled_from([[], ["*"], ["v1"], ["latest", "3.*"]]),
    st.sampled_from([[], ["*"], ["en"], ["pt"]]),
    st.dictionaries(_PATHS, st.sampled_from(["en", "de", "pt-BR", "x-default"]), max_size=10),
    st.integers(0, 2**16),
)
def test_the_start_stays_something_stays_and_order_does_not_matter(
    urls: list[str], versions: list[str], languages: list[str], alternates: dict[str, str], seed: int
) -> None:
    start = urls[0]
    unwanted = left_out(urls, versions=versions, languages=languages, start=start, alternates=alternates)
    assert set(unwanted) < set(urls)
    assert start not in unwanted
    assert len(left_out(urls, start=f"{SITE}/no/such/page")) < len(urls)
    shuffled = random.Random(seed).sample(urls, len(urls))
    again = left_out(shuffled, versions=versions, languages=languages, start=start, alternates=alternates)
    assert list(again.items()) == list(unwanted.items())
