"""What both simulated Atlassian services have in common: doors, faults, limits and the log, seen by a real client."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from vector_pipeline_tests.simulators import atlassian_conditions as conditions
from vector_pipeline_tests.simulators.atlassian_conditions import Account, Credential, Fault
from vector_pipeline_tests.simulators.atlassian_http import CLOUD_ID
from vector_pipeline_tests.simulators.jira_server import JiraServer

BASIC_CLOUD = (conditions.EMAIL, conditions.API_TOKEN)
BASIC_DC = (conditions.USER, conditions.PASSWORD)
ME = "/rest/api/2/myself"


@pytest.fixture
def cloud() -> Iterator[JiraServer]:
    with JiraServer("cloud") as server:
        yield server


@pytest.fixture
def data_center() -> Iterator[JiraServer]:
    with JiraServer("data_center") as server:
        yield server


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_the_cloud_site_opens_for_an_api_token_and_for_nothing_else(cloud: JiraServer) -> None:
    url = cloud.url + ME
    assert requests.get(url, auth=BASIC_CLOUD).json()["displayName"] == "Ada"
    assert requests.get(url).status_code == 401
    assert requests.get(url, auth=(conditions.EMAIL, "wrong")).status_code == 401
    assert requests.get(url, auth=("bob@example.org", conditions.API_TOKEN)).status_code == 401
    assert requests.get(url, auth=(conditions.EMAIL, conditions.SCOPED_TOKEN)).status_code == 401
    refused = requests.get(url, headers=bearer(conditions.BEARER))
    assert (refused.status_code, refused.json()) == (403, {"error": "Failed to parse Connect Session Auth Token"})


def test_the_gateway_opens_for_scoped_tokens_and_oauth(cloud: JiraServer) -> None:
    url = cloud.gateway_url + ME
    assert requests.get(url, headers=bearer(conditions.BEARER)).status_code == 200
    assert requests.get(url, auth=(conditions.EMAIL, conditions.SCOPED_TOKEN)).status_code == 200
    refused = requests.get(url, auth=BASIC_CLOUD)
    assert (refused.status_code, refused.json()["message"]) == (401, "Unauthorized")
    other_site = cloud.gateway_url.replace(CLOUD_ID, "another-cloud") + ME
    assert requests.get(other_site, headers=bearer(conditions.BEARER)).status_code == 404
    assert requests.get(cloud.origin + "/_edge/tenant_info").json() == {"cloudId": CLOUD_ID}


def test_data_center_opens_for_a_personal_token_and_for_a_password(data_center: JiraServer) -> None:
    url = data_center.url + ME
    assert requests.get(url, headers=bearer(conditions.PERSONAL_ACCESS_TOKEN)).json()["name"] == "ada"
    assert requests.get(url, auth=BASIC_DC).status_code == 200
    refused = requests.get(url, auth=(conditions.USER, "wrong"))
    assert refused.status_code == 401
    assert refused.headers["Content-Type"].startswith("text/html")
    assert refused.headers["X-Seraph-LoginReason"] == "AUTHENTICATED_FAILED"
    assert requests.get(url).json()["errorMessages"]


def test_an_access_token_dies_with_its_hour_and_a_revoked_one_at_once(cloud: JiraServer) -> None:
    bob = cloud.accounts.add(Account("bob-id", "Bob", "bob@example.org", "bob"))
    cloud.accounts.grant(bob, Credential.BEARER, "an hour", lifetime=timedelta(hours=1))
    url = cloud.gateway_url + ME
    assert requests.get(url, headers=bearer("an hour")).json()["displayName"] == "Bob"
    cloud.clock.advance(minutes=60)
    assert requests.get(url, headers=bearer("an hour")).status_code == 401
    cloud.accounts.revoke(conditions.BEARER)
    assert requests.get(url, headers=bearer(conditions.BEARER)).status_code == 401


def test_a_wrong_base_url_is_not_found(cloud: JiraServer) -> None:
    assert requests.get(cloud.url + "/wiki" + ME, auth=BASIC_CLOUD).status_code == 404
    assert requests.get(cloud.url + "/somewhere", auth=BASIC_CLOUD).headers["Content-Type"] == "text/html"
    assert requests.delete(cloud.url + ME, auth=BASIC_CLOUD).status_code == 405
    with JiraServer("data_center", context_path="/jira") as below:
        assert below.url.endswith("/jira")
        assert requests.get(below.url + ME, auth=BASIC_DC).status_code == 200
        assert requests.get(below.origin + ME, auth=BASIC_DC).status_code == 404


@pytest.mark.parametrize(
    ("fault", "status", "header"),
    [
        (conditions.rate_limited(7), 429, "7"),
        (conditions.rate_limited(), 429, None),
        (conditions.throttled_as_403(), 403, None),
        (conditions.server_error(503, retry_after=3), 503, "3"),
        (conditions.server_error(504), 504, None),
        (conditions.captcha(), 403, None),
        (conditions.login_page(), 200, None),
    ],
)
def test_a_fault_strikes_once_and_only_where_it_fits(
    cloud: JiraServer, fault: Fault, status: int, header: str | None
) -> None:
    cloud.faults.once(fault, path="/myself")
    assert requests.get(cloud.url + "/rest/api/3/field", auth=BASIC_CLOUD).status_code == 200
    struck = requests.get(cloud.url + ME, auth=BASIC_CLOUD)
    assert (struck.status_code, struck.headers.get("Retry-After")) == (status, header)
    assert requests.get(cloud.url + ME, auth=BASIC_CLOUD).json()["displayName"] == "Ada"


def test_broken_connections_break(cloud: JiraServer) -> None:
    cloud.faults.once(conditions.dropped())
    with pytest.raises(requests.ConnectionError):
        requests.get(cloud.url + ME, auth=BASIC_CLOUD)
    cloud.faults.once(conditions.truncated())
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(cloud.url + ME, auth=BASIC_CLOUD)
    cloud.faults.cut_bodies_above = 50
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(cloud.url + ME, auth=BASIC_CLOUD)
    assert requests.get(cloud.url + "/_edge/tenant_info").status_code == 200


def test_slow_answers_run_into_the_clients_time_out(cloud: JiraServer) -> None:
    cloud.faults.once(conditions.slow(20))
    with pytest.raises(requests.Timeout):
        requests.get(cloud.url + ME, auth=BASIC_CLOUD, timeout=0.1)
    cloud.faults.once(conditions.dripping(0.2))
    started = time.monotonic()
    assert requests.get(cloud.url + ME, auth=BASIC_CLOUD, timeout=60).json()["displayName"] == "Ada"
    assert time.monotonic() - started >= 0.15


def test_an_answer_can_be_changed_and_random_faults_repeat_with_their_seed(cloud: JiraServer) -> None:
    cloud.faults.once(conditions.changed(lambda body: {**body, "displayName": "Eve"}))
    assert requests.get(cloud.url + ME, auth=BASIC_CLOUD).json()["displayName"] == "Eve"
    runs = []
    for _ in range(2):
        cloud.faults.at_random([conditions.server_error(500), conditions.server_error(502)], 0.5, seed=3)
        runs.append([requests.get(cloud.url + ME, auth=BASIC_CLOUD).status_code for _ in range(12)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500, 502}
    cloud.faults.clear()
    assert requests.get(cloud.url + ME, auth=BASIC_CLOUD).status_code == 200


def test_cloud_tells_its_limit_and_refuses_beyond_it(cloud: JiraServer) -> None:
    cloud.rate_limit.configure(2, interval=3600)
    first, second, third = (requests.get(cloud.url + ME, auth=BASIC_CLOUD) for _ in range(3))
    assert first.headers["X-RateLimit-Limit"] == "2"
    assert first.headers["X-RateLimit-Remaining"] == "1"
    assert "Retry-After" not in first.headers
    assert second.headers["X-RateLimit-NearLimit"] == "true"
    assert third.status_code == 429
    assert third.headers["RateLimit-Reason"] == "jira-burst-based"
    assert datetime.strptime(third.headers["X-RateLimit-Reset"], "%Y-%m-%dT%H:%MZ")
    early = requests.get(cloud.url + ME, auth=BASIC_CLOUD)
    assert 0 < int(third.headers["Retry-After"]) <= 1800
    assert early.status_code == 429
    cloud.rate_limit.without_retry_after = True
    assert "Retry-After" not in requests.get(cloud.url + ME, auth=BASIC_CLOUD).headers


def test_a_bucket_fills_again(cloud: JiraServer) -> None:
    cloud.rate_limit.configure(1, interval=0.1)
    assert requests.get(cloud.url + ME, auth=BASIC_CLOUD).status_code == 200
    deadline, answers = time.monotonic() + 60, [429]
    while answers[-1] == 429 and time.monotonic() < deadline:
        answers.append(requests.get(cloud.url + ME, auth=BASIC_CLOUD).status_code)
    assert answers[-1] == 200


def test_data_center_tells_its_bucket_and_a_cookie_escapes_it(data_center: JiraServer) -> None:
    data_center.rate_limit.configure(1, fill=1, interval=3600)
    session = requests.Session()
    session.auth = BASIC_DC
    answer = session.get(data_center.url + ME)
    told = {name: answer.headers[name] for name in ("X-RateLimit-Limit", "X-RateLimit-FillRate", "retry-after")}
    assert told == {"X-RateLimit-Limit": "1", "X-RateLimit-FillRate": "1", "retry-after": "0"}
    assert answer.headers["X-RateLimit-Interval-Seconds"] == "3600"
    data_center.sets_cookie = True
    assert session.get(data_center.url + ME).status_code == 429  # brings the cookie
    assert session.get(data_center.url + ME).status_code == 200
    assert [asked.cookie for asked in data_center.log.all()] == [False, False, True]


def test_the_log_counts_what_was_asked_by_route(cloud: JiraServer) -> None:
    issue = cloud.state.create_issue(cloud.state.create_project("DOC"), "One")
    for name in (issue.key, str(issue.id)):
        requests.get(f"{cloud.url}/rest/api/3/issue/{name}?fields=summary", auth=BASIC_CLOUD)
    requests.get(cloud.gateway_url + "/rest/api/3/issue/NO-1", headers=bearer(conditions.BEARER))
    assert cloud.log.by_route() == {"GET /rest/api/3/issue/{issue}": 3}
    assert cloud.log.count("/issue/", status=404) == 1
    assert cloud.log.find(issue.key)[0].query == {"fields": ["summary"]}
    cloud.log.clear()
    assert cloud.log.count() == 0


def test_the_clock_is_the_services_and_stands_still(cloud: JiraServer) -> None:
    cloud.clock.set(datetime(2026, 7, 1, 12, 0, tzinfo=UTC))
    answer = requests.get(cloud.url + "/rest/api/3/serverInfo")
    assert answer.headers["Date"] == "Wed, 01 Jul 2026 12:00:00 GMT"
    assert answer.json()["serverTime"] == "2026-07-01T12:00:00.000+0000"
    cloud.clock.skew = timedelta(seconds=-90)
    issue = cloud.state.create_issue(cloud.state.create_project("DOC"), "Written on a slow node")
    assert issue.updated == datetime(2026, 7, 1, 11, 58, 30, tzinfo=UTC)
    assert cloud.clock.now() == datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_the_server_runs_by_itself(flavour: str) -> None:
    command = [sys.executable, "-m", "vector_pipeline_tests.simulators.jira_server", "--port", "0"]
    with subprocess.Popen(
        [*command, "--flavour", flavour, "--issues", "3"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            url = line.split(" at ")[1].split(";")[0]
            auth = BASIC_CLOUD if flavour == "cloud" else BASIC_DC
            path = "/rest/api/3/project/DEMO" if flavour == "cloud" else "/rest/api/2/project/DEMO"
            assert json.loads(requests.get(url + path, auth=auth).content)["name"] == "Demonstration"
        finally:
            process.terminate()
