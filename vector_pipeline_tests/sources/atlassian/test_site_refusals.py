"""What a person is told when a site refuses: from the first answer, what is wrong and what to do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from vector_pipeline.settings_atlassian import JiraSettings
from vector_pipeline.sources.atlassian.errors import AccessDenied, AnswerRefused, NoApiHere, NotThere
from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.base import SourceDenied, SourceMisconfigured
from vector_pipeline_tests.simulators import atlassian_conditions as conditions
from vector_pipeline_tests.simulators.atlassian_conditions import Account, Credential, Fault
from vector_pipeline_tests.simulators.atlassian_http import CLOUD_ID, AtlassianServer
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer
from vector_pipeline_tests.simulators.jira_server import JiraServer
from vector_pipeline_tests.sources.atlassian.sites import CREDENTIALS, LABEL, ME, site_of


def refusal_of(server: AtlassianServer, path: str = ME, credentials: str = "", **more: Any) -> Exception:
    """What the first question to the server raises; it is the only request."""
    with site_of(server, credentials, **more) as site:
        with pytest.raises(Exception) as told:  # noqa: PT011 - each test looks at its type
            site.get(path)
        assert site.sent == 1
    message = str(told.value)
    assert message.startswith(LABEL)
    assert len(message) < 600
    for secret in (entry for held in CREDENTIALS.values() for entry in held.values() if entry != conditions.USER):
        assert secret not in message
    return told.value


@pytest.mark.parametrize("credentials", sorted(CREDENTIALS))
@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_every_credential_that_does_not_fit_is_told_from_the_first_answer(flavour: str, credentials: str) -> None:
    fits = {"cloud": {"api token"}, "data_center": {"personal token", "password"}}
    if credentials in fits[flavour]:
        return
    with JiraServer(flavour) as server:
        if flavour == "data_center" and credentials == "bearer":
            server.accounts.revoke(conditions.BEARER)
        error = refusal_of(server, credentials=credentials)
    assert isinstance(error, SourceDenied)


def test_a_revoked_api_token_is_told_from_a_scoped_one_used_at_the_site(cloud: JiraServer) -> None:
    cloud.accounts.revoke(conditions.API_TOKEN)
    error = str(refusal_of(cloud))
    assert "did not accept the e-mail address with its API token (401)" in error
    assert "neither expired nor been revoked; one with scopes works only through https://api.atlassian.com" in error


def test_a_token_without_scopes_at_the_gateway_is_sent_to_the_site(cloud: JiraServer) -> None:
    error = str(refusal_of(cloud, url=cloud.gateway_url))
    assert "one without scopes works only at the site itself" in error


def test_a_token_alone_at_a_cloud_site_lacks_its_email_or_the_gateway(cloud: JiraServer) -> None:
    error = str(refusal_of(cloud, credentials="bearer"))
    assert "add email for an API token, or use https://api.atlassian.com/ex/jira/<cloud id>" in error


def test_an_expired_access_token_is_called_that(cloud: JiraServer) -> None:
    """Fact 31: access tokens live one hour."""
    cloud.accounts.grant(Account("bob", "Bob"), Credential.BEARER, "an-hour-of-access", lifetime=timedelta(hours=1))
    given = {"token": "an-hour-of-access", "url": cloud.gateway_url}
    with site_of(cloud, "bearer", **given) as site:
        assert site.get(ME)["displayName"] == "Bob"
        cloud.clock.advance(minutes=61)
        with pytest.raises(AccessDenied, match="lives one hour: get a new one") as told:
            site.get(ME)
        assert told.value.status == 401


def test_a_wrong_password_a_dead_personal_token_and_no_credentials_are_told_apart(data_center: JiraServer) -> None:
    wrong = str(refusal_of(data_center, credentials="password", password="wrong-one"))
    assert "did not accept the user name with its password" in wrong
    data_center.accounts.revoke(conditions.PERSONAL_ACCESS_TOKEN)
    assert "did not accept the personal access token" in str(refusal_of(data_center))
    assert str(refusal_of(data_center, credentials="nothing")).endswith("set token")


def test_a_captcha_needs_a_browser(data_center: JiraServer) -> None:
    data_center.faults.always(conditions.captcha())
    assert "log in once in a browser" in str(refusal_of(data_center))


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, {"errorMessages": ["The value 'X' does not exist for the field 'project'."], "errors": {}}, AnswerRefused,
         "does not exist for the field 'project'"),
        (400, {"errorMessages": [], "errors": {"jql": "Not bounded."}}, AnswerRefused, "Not bounded."),
        (400, {"errors": [{"status": 400, "title": "Bad", "detail": "No such sort."}]}, AnswerRefused, "No such sort."),
        (415, {"title": "Unsupported Media Type", "detail": "Say JSON."}, AnswerRefused, "Say JSON."),
        (403, {"message": "Site access is off for this user."}, AccessDenied, "Site access is off"),
        (404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."]}, NotThere, "Issue"),
        (404, {"errors": [{"status": 404, "code": "NOT_FOUND", "title": "Not Found", "detail": None}]}, NotThere,
         "Not Found"),
        (404, {"statusCode": 404, "data": {"errors": []}, "message": "No content found with id 5"}, NotThere, "id 5"),
        (404, {"message": "null for uri: http://x/rest/api/2/myself", "status-code": 404}, NoApiHere, "no REST inter"),
        (404, "<html><title>Oops</title></html>", NoApiHere, "no REST interface of Jira"),
        (404, "", NoApiHere, "no REST interface of Jira"),
        (410, {"errorMessages": ["The requested API has been removed."]}, NoApiHere, "no longer has this interface"),
        (407, "<html/>", AccessDenied, "proxy wants a login"),
        (400, {"errorMessages": "x" * 5000}, AnswerRefused, "…"),
        (400, [[[[[["deep"]]]]]], AnswerRefused, "(400)"),
        (400, b"\xff\xfe", AnswerRefused, "(400)"),
    ],
)  # fmt: skip
def test_refusals_are_told_by_kind_with_the_words_of_the_site(
    cloud: JiraServer, status: int, body: Any, kind: type[Exception], words: str
) -> None:
    """Fact 17: an unknown or invisible project is a 400 with words, 401 and 403 are about the account."""
    cloud.faults.always(Fault(status, body))
    error = refusal_of(cloud)
    assert isinstance(error, kind)
    assert words in str(error)
    assert not (kind is NoApiHere and isinstance(error, NotThere))


def test_the_words_of_the_site_never_carry_secrets_addresses_or_control_characters(cloud: JiraServer) -> None:
    said = f"bob@corp.example sent {conditions.API_TOKEN} as {conditions.EMAIL}\x1b[31m\nred"
    cloud.faults.always(Fault(400, {"message": said}))
    error = refusal_of(cloud)
    assert "[e-mail] sent *** as *** [31m red" in str(error)
    assert str(error).isprintable()


def test_a_refusal_keeps_its_status_and_its_words(cloud: JiraServer) -> None:
    with site_of(cloud) as site:
        with pytest.raises(AnswerRefused) as told:
            site.post("/rest/api/3/search/jql", {"jql": "", "maxResults": 10})
        assert told.value.status == 400
        assert told.value.messages
        with pytest.raises(NotThere):
            site.get("/rest/api/3/issue/NO-1")


def test_a_web_page_instead_of_data_is_never_read_as_data(cloud: JiraServer) -> None:
    cloud.faults.once(conditions.login_page())
    assert isinstance(refusal_of(cloud), AccessDenied)
    cloud.faults.once(Fault(200, "<!DOCTYPE html><title>Log in - Corp SSO</title>", content_type="text/html"))
    assert 'sign-in page "Log in - Corp SSO"' in str(refusal_of(cloud))
    cloud.faults.once(Fault(200, "<html><head><title>Welcome</title></head></html>", content_type="text/html"))
    error = refusal_of(cloud)
    assert isinstance(error, NoApiHere)
    assert 'a web page "Welcome"' in str(error)


def test_a_redirect_to_a_login_page_is_called_that(data_center: JiraServer) -> None:
    for place in ("/login.jsp?os_destination=%2Frest", "https://sso.corp.example/idp/SAML2?SAMLRequest=x"):
        data_center.faults.once(Fault(302, None, {"Location": place}))
        error = refusal_of(data_center)
        assert isinstance(error, AccessDenied)
        assert "sends to a sign-in page" in str(error)


@pytest.mark.parametrize("place", ["https://new.example/rest/api/2/myself", "", "ftp://x", "http://[", "http://a b/"])
def test_a_redirect_to_another_host_is_not_followed(data_center: JiraServer, place: str) -> None:
    data_center.faults.always(Fault(301, None, {"Location": place}))
    error = refusal_of(data_center)
    assert isinstance(error, SourceMisconfigured)
    if "new" in place:
        assert "write url: https://new.example" in str(error)


def test_a_redirect_within_the_site_is_followed_but_not_in_circles(data_center: JiraServer) -> None:
    data_center.faults.once(Fault(301, None, {"Location": "/rest/api/2/serverInfo"}))
    with site_of(data_center) as site:
        assert "version" in site.get(ME)
        data_center.faults.always(Fault(302, None, {"Location": ME}))
        with pytest.raises(SourceMisconfigured, match="in circles"):
            site.get(ME)
        assert site.sent == 8
        data_center.faults.always(Fault(307, None, {"Location": ME}))
        with pytest.raises(SourceMisconfigured):
            site.post(ME, {})


def test_a_wrong_base_url_is_told_from_a_missing_page(cloud: JiraServer) -> None:
    with JiraServer("data_center", context_path="/jira") as below:
        error = refusal_of(below, url=below.origin)
        assert isinstance(error, NoApiHere)
        assert "such as https://<host>/jira" in str(error)
        with site_of(below) as site:
            assert site.get(ME)["name"] == "ada"
    other = cloud.gateway_url.replace(CLOUD_ID, "another-cloud")
    error = refusal_of(cloud, credentials="bearer", url=other)
    assert isinstance(error, NoApiHere)
    assert "check the cloud id" in str(error)


def test_the_other_product_at_the_address_is_a_wrong_address(confluence: ConfluenceServer) -> None:
    settings = JiraSettings(
        url=confluence.origin,
        deployment="cloud",
        projects=("A",),
        **CREDENTIALS["api token"],  # type: ignore[arg-type]
    )
    site = Site(settings, product="jira", label=LABEL)
    with pytest.raises(NoApiHere, match="no REST interface of Jira"):
        site.get("/rest/api/3/project/search")
    site.close()


def test_the_right_ways_in_open(cloud: JiraServer, data_center: JiraServer, confluence: ConfluenceServer) -> None:
    with site_of(cloud) as site:
        assert site.cloud
        assert site.get(ME)["displayName"] == "Ada"
    for credentials in ("bearer", "scoped token"):
        with site_of(cloud, credentials, url=cloud.gateway_url) as site:
            assert site.get(ME)["displayName"] == "Ada"
        with site_of(confluence, credentials, url=confluence.gateway_url) as site:
            assert [space["key"] for space in site.get("/api/v2/spaces")["results"]] == ["ENG"]
    for credentials in ("personal token", "password"):
        with site_of(data_center, credentials) as site:
            assert not site.cloud
            assert site.get(ME)["displayName"] == "Ada"


def test_letters_beyond_ascii_in_a_password_are_sent_as_the_services_read_them(data_center: JiraServer) -> None:
    data_center.accounts.grant(data_center.accounts.ada, Credential.PASSWORD, "pässwörd-žluť")
    with site_of(data_center, "password", password="pässwörd-žluť") as site:
        assert site.get(ME)["displayName"] == "Ada"


def test_a_secret_that_can_not_be_sent_is_refused_without_showing_it(cloud: JiraServer) -> None:
    for token in ("line\nend", "pässwörd"):
        with pytest.raises(SourceMisconfigured) as told, site_of(cloud, token=token):
            pass
        assert token not in str(told.value)
    with site_of(cloud, token=conditions.API_TOKEN + "\n") as site:  # as a file read into a variable has it
        assert site.get(ME)["displayName"] == "Ada"
