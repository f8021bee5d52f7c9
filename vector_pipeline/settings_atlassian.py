"""What `pipeline.yaml` may say of a site whose parts are partitions: Confluence spaces, Jira projects.

Models only. Which parts belong to a source is told from their keys alone, so that it needs no question to the site.
"""

from __future__ import annotations

import re
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from vector_pipeline.settings_sources import SourceSettings
from vector_pipeline.settings_values import Duration, WebAddress

_EVERY_KEY = re.compile(r"[^\s/,|\[\]]{1,255}")


def _key_pattern(value: str) -> str:
    if not _EVERY_KEY.fullmatch(value):
        raise ValueError('write a key such as ENG, a pattern such as "DOC*", or "*" for all')
    return value


KeyPattern = Annotated[str, AfterValidator(_key_pattern)]
"""A key of a space or project, or a shell pattern of keys."""


class SiteSettings(SourceSettings):
    """A site of which each part (a space, a project) is a partition of its own, named `<source>.<key>`.

    Parts given by key are there as soon as the settings are; those a pattern names are discovered.
    """

    discover_every: Duration = Field(
        timedelta(minutes=5), description="How often the site is asked which parts it has, where patterns name them."
    )

    max_wait: Duration = Field(
        timedelta(minutes=10), description="Longest total wait of a run for a site that is busy or limits requests."
    )

    at_once: int = Field(
        0, ge=0, le=64, description="Most parts of the site that Dagster syncs at once; 0 sets no limit of its own."
    )

    keys_field: ClassVar[str]
    """The setting that holds the keys and patterns of the parts that are taken; with "exclude_" in front of it, of
    those that are not."""

    @property
    def wanted_keys(self) -> tuple[str, ...]:
        """The keys and patterns of the parts that are taken."""
        return tuple(getattr(self, self.keys_field))

    @property
    def unwanted_keys(self) -> tuple[str, ...]:
        """The keys and patterns of the parts that are left out."""
        return tuple(getattr(self, f"exclude_{self.keys_field}"))

    @property
    def given_keys(self) -> tuple[str, ...]:
        """The parts named one by one: they need no discovery, and one the site does not have is an error."""
        return tuple(key for key in self.wanted_keys if not _is_pattern(key) and self.covers(key))

    @property
    def discovers(self) -> bool:
        """Whether the site must be asked which parts it has."""
        return any(map(_is_pattern, self.wanted_keys))

    def covers(self, key: str) -> bool:
        """Whether a part of this key belongs to the source, as far as its key tells.

        A key that is given in another case is the same part under the spelling that is given.
        """
        given = {one.upper(): one for one in self.wanted_keys if not _is_pattern(one)}
        if given.get(key.upper(), key) != key:
            return False
        return _matches_any(key, self.wanted_keys) and not _matches_any(key, self.unwanted_keys)


def _is_pattern(key: str) -> bool:
    return any(sign in key for sign in "*?[")


def _matches_any(key: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(key.upper(), pattern.upper()) for pattern in patterns)


class AtlassianSettings(SiteSettings):
    """What Confluence and Jira have in common: where the site is and who asks."""

    url: WebAddress = Field(
        description="Address of the site, or of the API gateway (https://api.atlassian.com/ex/…/<cloud id>)."
    )
    deployment: Literal["auto", "cloud", "data_center"] = Field(
        "auto", description='Product line; "auto" takes atlassian.net, jira.com and the gateway for Cloud.'
    )
    email: str = Field("", description="Cloud: e-mail address of the account that the API token belongs to.")
    token: SecretStr = Field(
        SecretStr(""),
        description="API token (with `email`), OAuth or personal access token (without), as ${VARIABLE}.",
    )
    username: str = Field("", description="Data Center: user name for basic authentication.")
    password: SecretStr = Field(SecretStr(""), description="Password of that user, as ${VARIABLE}.")
    observe_every: Duration = Field(timedelta(seconds=60), description="How often each partition is probed.")
    overlap: Duration = Field(
        timedelta(minutes=10),
        description="How far before the newest known change the next one is looked for; search indexes lag.",
    )
    requests_per_minute: int = Field(
        0, ge=0, description="Limit of requests to the site, over all processes of this machine; 0 is none."
    )
    concurrency: int = Field(4, ge=1, le=32, description="Requests of one run under way at once.")
    attachments: bool = Field(True, description="Whether attachments become documents of their own.")
    verify_every: Duration = Field(
        timedelta(days=1), description="How often a full listing compares what changes without a new version too."
    )

    operational: ClassVar[frozenset[str]] = SourceSettings.operational | {
        "email",
        "token",
        "username",
        "password",
        "discover_every",
        "overlap",
        "requests_per_minute",
        "concurrency",
        "max_wait",
        "at_once",
        "verify_every",
        # Which parts there are concerns no document of another part.
        "spaces",
        "exclude_spaces",
        "personal_spaces",
        "archived_spaces",
        "projects",
        "exclude_projects",
    }

    @property
    def listing_every(self) -> timedelta:
        """The shorter of the two intervals: a verification is a listing, too."""
        return min(self.census_every, self.verify_every)

    @field_validator("url")
    @classmethod
    def _names_no_user(cls, value: str) -> str:
        if not value:
            raise ValueError("must start with http:// or https:// and name a host")
        if "@" in value.partition("://")[2].partition("/")[0]:
            raise ValueError("must not hold a user or password; give email and token, or username and password")
        if "?" in value or "#" in value:
            raise ValueError("must be the address of the site alone, without ? or #")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _one_way_in(self) -> AtlassianSettings:
        token, password = self.token.get_secret_value(), self.password.get_secret_value()
        if self.email and not token:
            raise ValueError("email needs token, the API token of that account")
        if bool(self.username) != bool(password):
            raise ValueError("username and password belong together")
        if token and password:
            raise ValueError("give either a token or a username with password, not both")
        return self


class ConfluenceSettings(AtlassianSettings):
    """Spaces of a Confluence site; each space is a partition."""

    keys_field = "spaces"

    spaces: tuple[KeyPattern, ...] = Field(
        min_length=1, description='Keys of spaces, patterns such as "DOC*", or "*" for all.'
    )
    exclude_spaces: tuple[KeyPattern, ...] = Field((), description="Keys or patterns of spaces to leave out.")
    personal_spaces: bool = Field(False, description="Whether patterns take personal spaces (keys with ~) too.")
    archived_spaces: bool = Field(False, description="Whether patterns take archived spaces too.")
    verify_every: Duration = Field(
        timedelta(days=1),
        description="How often a full listing compares labels and restrictions too: they change without a new version.",
    )
    blog_posts: bool = Field(True, description="Whether blog posts are taken.")
    archived_pages: bool = Field(False, description="Whether archived pages are taken.")
    restricted_pages: bool = Field(
        True, description="Whether pages with view restrictions are taken; `access` in the payload says for whom."
    )
    comments: Literal["page", "documents", "none"] = Field(
        "page", description="Comments as part of their page's text, as documents of their own, or not at all."
    )
    labels: tuple[str, ...] = Field((), description="Only pages with one of these labels; empty takes all.")
    exclude_labels: tuple[str, ...] = Field((), description="Pages with one of these labels are left out.")
    body: Literal["storage", "adf"] = Field("storage", description="Cloud: the form in which page bodies are read.")

    def covers(self, key: str) -> bool:
        """Personal spaces need their own key, a pattern that begins with "~", or the setting."""
        if key.startswith("~") and not self.personal_spaces and not self._names_personal(key):
            return False
        return super().covers(key)

    def _names_personal(self, key: str) -> bool:
        return _matches_any(key, tuple(one for one in self.spaces if one.startswith("~")))


class JiraSettings(AtlassianSettings):
    """Projects of a Jira site; each project is a partition."""

    keys_field = "projects"

    projects: tuple[KeyPattern, ...] = Field(
        min_length=1, description='Keys of projects, patterns such as "OPS*", or "*" for all.'
    )
    exclude_projects: tuple[KeyPattern, ...] = Field((), description="Keys or patterns of projects to leave out.")
    verify_every: Duration = Field(
        timedelta(days=7),
        description="How often a full listing reads the versions of all issues too: a deleted link or a silent "
        "edit leaves the time of change as it was.",
    )
    jql: str = Field("", description='Only issues that this JQL finds, such as "labels = public AND status != Draft".')
    fields: dict[str, str] = Field(
        default_factory=dict,
        description="Custom fields to take, by id or name, with the name each gets in the payload: {Team: team}.",
    )
    comments: bool = Field(True, description="Whether comments are part of the issue's text.")
    changelog: bool = Field(False, description="Whether a summary of status and assignee changes is part of the text.")
    worklogs: bool = Field(False, description="Whether the texts of work logs are part of the text.")
