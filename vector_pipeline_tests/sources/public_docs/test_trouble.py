"""Answers that are not believed, and groups of pages that turn into one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.sources.public_docs.contents import ALIAS, FILE, LEFT, PAGE, Content
from vector_pipeline.sources.public_docs.reading import Reading
from vector_pipeline.sources.public_docs.trouble import Change, is_sign_in, reason_to_distrust, suspicious_groups
from vector_pipeline.sources.public_docs.words import shape_of, sketch_of, sketched_likeness, words_of

GOOD = Content(PAGE, version="1", words=300, media_type="text/html")
CHANGED = Reading(Content(PAGE, version="2", words=310, media_type="text/html"), frozenset({"guide", "words"}))


def reading(head: str = "", words: int = 20, **more: object) -> Reading:
    content = Content(PAGE, version="2", words=words, media_type="text/html", **more)  # type: ignore[arg-type]
    return Reading(content, frozenset({"some", "words"}), head)


def test_a_changed_page_is_believed() -> None:
    assert reason_to_distrust(GOOD, CHANGED, None) == ""
    assert reason_to_distrust(None, CHANGED, None) == ""


@pytest.mark.parametrize(
    "head",
    [
        '<title>Just a moment...</title><script src="/cdn-cgi/challenge-platform/h"></script>',
        "<title>Attention Required! | Cloudflare</title>",
        '<div class="h-captcha" data-sitekey="x"></div>',
        '<script src="https://x.captcha-delivery.com/c.js"></script>',
        '<script id="anubis_challenge" type="application/json">',
        "<title>Access Denied</title>",
        '<iframe src="/_Incapsula_Resource?x"></iframe>',
        '<div id="px-captcha"></div>',
        "<script>window.awsWafCookieDomainList = [];</script>",
    ],
)
def test_pages_that_check_for_robots_are_not_believed(head: str) -> None:
    assert "robots or refuses" in reason_to_distrust(GOOD, reading(head), None)


def test_a_long_page_about_captchas_is_believed() -> None:
    assert reason_to_distrust(GOOD, reading('<div class="g-recaptcha">', words=2000), None) == ""


def test_a_page_that_lost_its_words_is_not_believed() -> None:
    assert reason_to_distrust(GOOD, reading(words=0), None) == "has no words, which it had before"
    assert reason_to_distrust(None, reading(words=0), None) == ""


def test_a_page_that_now_asks_for_a_password_is_not_believed() -> None:
    asks = reading(asks_password=True)
    assert "password" in reason_to_distrust(GOOD, asks, None)
    always = Content(PAGE, version="1", words=30, asks_password=True, media_type="text/html")
    assert reason_to_distrust(always, asks, None) == ""


def test_a_redirect_to_a_sign_in_page_is_no_move() -> None:
    moved = Reading(Content(ALIAS, target="https://docs.example.org/login?next=/a"))
    assert reason_to_distrust(GOOD, moved, None) == "redirects to a sign-in page"
    assert reason_to_distrust(GOOD, Reading(Content(ALIAS, target="https://docs.example.org/authors")), None) == ""


@pytest.mark.parametrize("path", ["login", "users/sign_in", "sso/x", "oauth2/authorize", "signin.html", "account/"])
def test_sign_in_paths_are_known(path: str) -> None:
    assert is_sign_in(f"https://docs.example.org/{path}")


@pytest.mark.parametrize("path", ["authentication/", "design/", "guide/logins.html", "accounting"])
def test_pages_about_signing_in_are_pages(path: str) -> None:
    assert not is_sign_in(f"https://docs.example.org/{path}")


def test_a_page_that_becomes_a_file_or_nothing_is_not_believed() -> None:
    for state in (FILE, LEFT):
        now = Reading(Content(state, version="2", words=1, media_type="application/json"))
        assert "which it was not before" in reason_to_distrust(GOOD, now, None)


def test_the_page_for_missing_pages_is_recognised_with_another_time_and_address() -> None:
    text = "We are sorry. The page {} was not found. Request 9f8a7c at 2026-11-21T10:00:0{}. Please use the search."
    missing = words_of(text.format("/docs/zzz", 1), "https://x.org/docs/zzz")
    words = words_of(text.format("/docs/install", 2), "https://x.org/docs/install")
    answer = Reading(Content(PAGE, version="9", words=20, media_type="text/html"), words)
    assert reason_to_distrust(GOOD, answer, missing) == "answers like a page that does not exist"


def changes(now: list[str], before: list[str]) -> list[Change]:
    return [Change(number, *pair) for number, pair in enumerate(zip(now, before, strict=True))]


def test_pages_that_turn_into_one_are_suspicious_above_the_share() -> None:
    one = changes(["x"] * 4, ["a", "b", "c", "d"])
    assert suspicious_groups(one, 20, 0.1) == dict.fromkeys(range(4), 4)
    assert suspicious_groups(one, 100, 0.1) == {}


def test_copies_that_change_alike_are_not_suspicious() -> None:
    assert suspicious_groups(changes(["x"] * 4, ["a"] * 4), 4, 0.1) == {}


def test_two_pages_are_no_group() -> None:
    assert suspicious_groups(changes(["x", "x"], ["a", "b"]), 2, 0.1) == {}


@given(st.lists(st.text(min_size=1), max_size=30), st.text())
def test_shape_and_sketch_depend_on_the_words_alone(words: list[str], url: str) -> None:
    text = " ".join(words)
    found = words_of(text, url)
    again = words_of(" ".join(reversed(text.split())), url)
    assert (shape_of(found), sketch_of(found)) == (shape_of(again), sketch_of(again))
    assert sketched_likeness(sketch_of(found), sketch_of(again)) == 1.0
