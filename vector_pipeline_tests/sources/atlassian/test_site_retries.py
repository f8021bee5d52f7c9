"""What a site that is busy, limits requests or breaks off does to a run: it waits within bounds, then it stops."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline.sources.atlassian.errors import AccessDenied, SiteThrottled, SiteUnreachable, TooLarge
from vector_pipeline.sources.atlassian.waiting import Allowance, asked_wait, wanted_spacing
from vector_pipeline.sources.base import SourceUnreachable
from vector_pipeline.sources.retry_waits import growing_pause
from vector_pipeline_tests.simulators import atlassian_conditions as conditions
from vector_pipeline_tests.simulators.atlassian_conditions import Fault
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sources.atlassian.sites import LABEL, ME, site_of

NOW = datetime(2026, 3, 2, 9, 30, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "fault",
    [
        conditions.rate_limited(0),
        conditions.rate_limited(),
        conditions.throttled_as_403(),
        conditions.server_error(500),
        conditions.server_error(502),
        conditions.server_error(503, retry_after=0),
        conditions.server_error(504),
        conditions.server_error(522),
        conditions.dropped(),
        conditions.truncated(),
        Fault(200, b'{"displayName": "A'),
        Fault(200, b""),
        Fault(408, {}),
    ],
    ids=lambda fault: f"{fault.status} {fault.dropped} {fault.truncated}",
)
def test_what_passes_by_itself_is_asked_again(cloud: JiraServer, fault: Fault) -> None:
    cloud.faults.once(fault, times=2)
    with site_of(cloud) as site:
        assert site.get(ME)["displayName"] == "Ada"
        assert site.sent == 3


def test_a_question_in_a_body_is_asked_again_too(cloud: JiraServer) -> None:
    """Fact 7: a POST carries its question as JSON in the body, with its content type, and nothing in the query."""
    cloud.state.create_issue(cloud.state.create_project("OPS"), "One")
    cloud.faults.once(conditions.rate_limited(0))
    with site_of(cloud) as site:
        found = site.post("/rest/api/3/search/jql", {"jql": "project = OPS", "fields": ["summary"], "maxResults": 50})
    assert [issue["fields"]["summary"] for issue in found["issues"]] == ["One"]


def test_the_wait_that_the_site_asks_for_is_kept(cloud: JiraServer) -> None:
    """Fact 16: asking before Retry-After has passed makes the wait longer."""
    cloud.faults.once(conditions.rate_limited(1))
    with site_of(cloud) as site:
        started = time.monotonic()
        site.get(ME)
        assert 1.0 <= time.monotonic() - started < 30


def test_a_date_in_retry_after_is_read_by_the_clock_of_the_site(cloud: JiraServer) -> None:
    """Fact 30: Retry-After may be a date; the site's clock and ours may be months apart."""
    date = format_datetime(cloud.clock.now() + timedelta(seconds=1), usegmt=True)
    cloud.faults.once(Fault(429, {}, {"Retry-After": date}))
    with site_of(cloud) as site:
        started = time.monotonic()
        site.get(ME)
        assert 1.0 <= time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "Mon, 02 Mar 2026 09:31:00 GMT"}, 40),
        ({"retry-after": "Mon, 02 Mar 2026 09:31:00 GMT", "date": "Mon, 02 Mar 2026 09:30:50 GMT"}, 10),
        ({"retry-after": "Mon, 02 Mar 2026 09:29:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"x-ratelimit-reset": "2026-03-02T09:31Z"}, 40),
        ({"x-ratelimit-reset": "2026-03-02T09:30Z"}, None),
        ({"x-ratelimit-reset": "tomorrow"}, None),
        ({}, None),
    ],
)
def test_the_headers_of_a_refusal_tell_the_wait(headers: dict[str, str], seconds: float | None) -> None:
    """Facts 16 and 30: seconds, a date, only a reset to the minute, or nothing at all."""
    assert asked_wait(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "spacing"),
    [
        ({"limit": "100", "remaining": "50", "interval-seconds": "10", "fillrate": "20"}, 0),
        ({"limit": "100", "remaining": "9", "interval-seconds": "10", "fillrate": "20"}, 0.5),
        ({"limit": "10", "remaining": "0", "interval-seconds": "3600", "fillrate": "10"}, 0),
        ({"limit": "10", "remaining": "0", "interval-seconds": "1", "fillrate": "0"}, 0),
        ({"limit": "350", "remaining": "20", "nearlimit": "true", "reset": "2026-03-02T09:31Z"}, 2),
        ({"limit": "350", "remaining": "20", "reset": "2026-03-02T09:31Z"}, 0),
        ({"remaining": "many"}, 0),
        ({}, 0),
    ],
)
def test_the_headers_of_an_answer_tell_the_pace(headers: dict[str, str], spacing: float) -> None:
    """Facts 16 and 20: Data Center tells its token bucket, Cloud that the limit is near."""
    named = {f"x-ratelimit-{name}": value for name, value in headers.items()}
    assert wanted_spacing(named, NOW, at_once=4) == spacing


def test_the_token_bucket_of_data_center_is_never_emptied(data_center: JiraServer) -> None:
    """Fact 20: the headers tell how many tokens are left, so no request needs to be refused."""
    data_center.rate_limit.configure(8, fill=40, interval=1)
    with site_of(data_center) as site:
        assert len(list(site.each(lambda _number: site.get(ME), range(60)))) == 60
        assert site.sent == 60
    assert data_center.rate_limit.refused == 0


def test_no_cookie_is_ever_sent_back(data_center: JiraServer) -> None:
    """Fact 20: a session cookie would make the client count as a browser that no limit holds for."""
    data_center.sets_cookie = True
    with site_of(data_center) as site:
        for _ in range(3):
            site.get(ME)
    assert not any(asked.cookie for asked in data_center.log.all())


def test_a_403_that_means_429_is_waited_for_and_a_real_one_is_not(data_center: JiraServer) -> None:
    """Fact 34: some send 403 where 429 is meant."""
    data_center.faults.once(conditions.throttled_as_403(), times=2)
    data_center.faults.once(Fault(403, {"message": "You may not."}, {"X-RateLimit-Remaining": "7", "retry-after": "0"}))
    with site_of(data_center) as site:
        with pytest.raises(AccessDenied):
            site.get(ME)
        assert site.sent == 3


def test_a_wait_longer_than_allowed_is_not_begun(cloud: JiraServer, waited: list[float]) -> None:
    """Fact 37: the library would wait half an hour, a thousand times; the total is bounded by the settings."""
    cloud.faults.always(conditions.rate_limited(60))
    with site_of(cloud, max_wait="30s") as site:
        with pytest.raises(SiteThrottled, match=r"left alone for 60 s.*max_wait \(now 30 s\)"):
            site.get(ME)
        assert site.sent == 1
    assert waited == []


def test_refusals_without_an_end_stop_the_run(cloud: JiraServer, waited: list[float]) -> None:
    """Fact 16: Retry-After may be absent; pauses grow until the time is used up."""
    cloud.faults.always(conditions.rate_limited())
    with site_of(cloud, max_wait="30s") as site:
        for _ in range(10):
            with pytest.raises(SiteThrottled):
                site.get(ME)
        assert site.sent > 10
    assert 5 < sum(waited) <= 30


@pytest.mark.parametrize(
    ("fault", "tries", "status", "smaller"),
    [
        (conditions.server_error(500), 3, 500, True),
        (conditions.server_error(504), 3, 504, True),
        (conditions.server_error(503), 5, 503, False),
        (conditions.dropped(), 5, 0, False),
        (conditions.truncated(), 3, 0, True),
        (Fault(200, b"[" * 100_000), 3, 200, True),
        (Fault(200, b'{"a": NaN}'), 3, 200, True),
        (Fault(200, b'{"a": 1e999}'), 3, 200, True),
        (Fault(200, b'{"a": ' + b"9" * 5000 + b"}"), 3, 200, True),
        (Fault(200, b'{"a": "\xff"}'), 3, 200, True),
    ],
    ids=lambda value: f"{value.status} {str(value.body)[:12]}" if isinstance(value, Fault) else str(value),
)
def test_what_does_not_pass_is_given_up_after_a_few_tries(
    cloud: JiraServer, fault: Fault, tries: int, status: int, smaller: bool
) -> None:
    cloud.faults.always(fault)
    with site_of(cloud) as site:
        with pytest.raises(SiteUnreachable) as told:
            site.get(ME)
        assert site.sent == tries
    assert (told.value.status, told.value.smaller_may_work) == (status, smaller)
    assert str(told.value).startswith(LABEL)


@pytest.mark.parametrize("fault", [conditions.slow(60), conditions.dripping(60)])
def test_an_answer_has_its_time_from_first_to_last_byte(cloud: JiraServer, fault: Fault) -> None:
    cloud.faults.always(fault)
    with site_of(cloud, timeout="0.3s", max_wait="0.3s") as site:
        started = time.monotonic()
        with pytest.raises(SiteUnreachable, match="did not answer in time"):
            site.get(ME)
        assert time.monotonic() - started < 20


def test_a_lone_surrogate_of_an_answer_becomes_a_character_that_can_be_stored(cloud: JiraServer) -> None:
    cloud.faults.once(Fault(200, b'{"a\\ud800": ["\\uDC00x", "\\ud83d\\ude00", 1, null]}'))
    with site_of(cloud) as site:
        assert site.get(ME) == {"a\ufffd": ["\ufffdx", "\U0001f600", 1, None]}


def test_an_answer_beyond_its_limit_is_not_read_to_its_end(cloud: JiraServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vector_pipeline.sources.atlassian.site.LARGEST_ANSWER", 10_000)
    cloud.faults.once(Fault(200, b'"' + b"x" * 20_000 + b'"'))
    with site_of(cloud) as site:
        with pytest.raises(TooLarge, match="10000 bytes"):
            site.get(ME)
        assert site.sent == 1
        assert site.get(ME)["displayName"] == "Ada"


def test_a_probe_in_a_hurry_does_not_wait_long(cloud: JiraServer, waited: list[float]) -> None:
    cloud.faults.always(conditions.rate_limited(3))
    with site_of(cloud) as site:
        site.hurry(0.5)
        with pytest.raises(SiteThrottled):
            site.get(ME)
        assert site.sent == 1
    assert waited == []


def test_204_is_no_answer_and_no_error(cloud: JiraServer) -> None:
    cloud.faults.once(Fault(204, None))
    with site_of(cloud) as site:
        assert site.get(ME) is None


_SEVERAL_REFUSALS = st.lists(
    st.one_of(
        st.builds(conditions.rate_limited, st.one_of(st.none(), st.integers(0, 10**12))),
        st.builds(conditions.server_error, st.just(503), st.one_of(st.none(), st.integers(0, 10**12))),
        st.builds(
            lambda text: Fault(429, {}, {"Retry-After": text}),
            st.sampled_from(["soon", "-1", "inf", "1e400", "Mon, 99 Foo", "Fri, 31 Dec 9999 23:59:59 GMT", ""]),
        ),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=25)
@given(_SEVERAL_REFUSALS)
def test_the_total_wait_stays_within_the_settings_whatever_the_site_asks(refusals: Sequence[Fault]) -> None:
    """Fact 37: Retry-After of any length and number, in any form, can't hold a run for longer than it allows."""
    with JiraServer("cloud") as server:
        for fault in refusals:
            server.faults.once(fault)
        with site_of(server, max_wait="0.2s") as site:
            started = time.monotonic()
            try:
                for _ in range(3):
                    site.get(ME)
            except SourceUnreachable:
                pass
            assert time.monotonic() - started < 0.2 + 20


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 30), st.booleans()), max_size=40), st.floats(0, 60))
def test_an_allowance_is_never_exceeded_by_waits_that_overlap(
    waits: list[tuple[float, float, Any]], most: float
) -> None:
    allowance, granted = Allowance(most), []
    for start, seconds, _ in sorted(waits):
        if allowance.grant(start, seconds):
            granted.append((start, start + seconds))
    covered, until = 0.0, -1.0
    for start, end in granted:
        covered += max(0.0, end - max(start, until))
        until = max(until, end)
    assert covered <= most + 1e-6


def test_several_who_wait_for_the_same_moment_spend_it_once() -> None:
    allowance = Allowance(10)
    assert all(allowance.grant(start, 8 - start) for start in (0, 1, 2))
    assert allowance.left == 2
    allowance.charge(20, 25)
    assert not allowance.grant(30, 1)


@given(st.integers(1, 2000), st.floats(0.001, 1))
def test_pauses_grow_and_stay_below_a_minute(tries: int, first: float) -> None:
    assert 0 < growing_pause(tries, first) <= 60
    if tries > 1:
        assert growing_pause(tries, first) >= min(60, first * 2) / 2
