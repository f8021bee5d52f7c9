"""One project as it is being read: who is asked, what the settings want, and what every document of it shares."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from vector_pipeline.conversion.convert import CONVERSION_IDENTITY
from vector_pipeline.conversion.converter import Converter
from vector_pipeline.documents import canonical_json, hash16
from vector_pipeline.settings_atlassian import JiraSettings
from vector_pipeline.sources.jira.api import JiraApi, Project
from vector_pipeline.sources.jira.fields import FieldTable, field_table
from vector_pipeline.sources.jira.values import Issue, digest, line, mapping, text
from vector_pipeline.sources.jira.versions import FORMAT, IssueVersion

_GATEWAY = "/ex/jira/"
_SYSTEM_FIELDS = (
    "summary description environment project issuetype status priority resolution resolutiondate labels components "
    "versions fixVersions assignee reporter creator created updated duedate parent subtasks issuelinks security"
).split()


@dataclass
class Context:
    """A project with what reads it. Asks the site only for what the settings need, once."""

    api: JiraApi
    settings: JiraSettings
    project: Project
    converter: Converter

    @property
    def label(self) -> str:
        """What leads every message."""
        return self.api.label

    @property
    def inside(self) -> str:
        """JQL for all issues of the project. The id also holds when the key changes."""
        return f"project = {self.project.id}"

    @property
    def wanted(self) -> str:
        """JQL for the issues that the settings take."""
        return f"{self.inside} AND ({self.settings.jql})" if self.settings.jql.strip() else self.inside

    @property
    def is_filtered(self) -> bool:
        """Whether the settings take only some issues."""
        return self.wanted != self.inside

    @cached_property
    def fields(self) -> FieldTable:
        """The fields of the site that the settings name, and those of sprint and epic."""
        return field_table(self.api.fields(), self.settings.fields, self.label)

    @cached_property
    def identity(self) -> str:
        """Names what all documents of the project depend on besides their issue; part of every version."""
        # The ids of the fields count too: another field may come to bear the name that the settings mean.
        ids = [list(custom.ids) for custom in self.fields.custom] if self.settings.fields else []
        shared = [FORMAT, CONVERSION_IDENTITY, self.project.key, self.project.name, ids]
        return hash16(canonical_json(shared).encode("utf-8", "surrogatepass"))[:6].hex()

    @property
    def files_identity(self) -> str:
        """Names what the attachments depend on besides their bytes and `identity`; "" where none are taken."""
        return self.converter.files_identity if self.settings.attachments else ""

    @cached_property
    def address(self) -> str:
        """The site's address for people; behind the API gateway the site is asked for it."""
        url = self.api.site.url
        return (self.api.real_address() or url) if is_gateway(url) else url

    @property
    def address_known(self) -> str:
        """The same without a question, "" where the site was not asked yet."""
        url = self.api.site.url
        return text(vars(self).get("address")) if is_gateway(url) else url

    @property
    def listed_fields(self) -> list[str]:
        """What a listing reads of each issue: enough for its version and its attachments."""
        return ["updated", "project", "security", *(["attachment"] if self.settings.attachments else [])]

    @property
    def read_fields(self) -> list[str]:
        """What a document is made of."""
        more = [
            name
            for name, wanted in (
                ("attachment", self.settings.attachments),
                ("comment", self.settings.comments),
                ("worklog", self.settings.worklogs),
            )
            if wanted
        ]
        return [*_SYSTEM_FIELDS, *more, *self.fields.ids]

    def web_link(self, issue: Issue) -> str:
        """Where people find the issue."""
        return f"{self.address}/browse/{issue.key}" if issue.key else ""

    def attachment_link(self, attachment: str, name: str) -> str:
        """Where people find an attachment; holds on both product lines."""
        return f"{self.address}/secure/attachment/{attachment}/{quote(name.encode('utf-8', 'replace'), safe='')}"

    def access_of(self, issue: Issue) -> list[str]:
        """Who may read the issue: a security level stands instead of the project and of the settings' labels."""
        security = issue.fields.get("security")
        if security:
            level = mapping(security)
            name = line(level.get("name")) or line(level.get("id")) or "?"
            return [f"security:{self.project.key}/{name}"]  # names of levels repeat within a site
        return sorted({f"project:{self.project.key}", *self.settings.access})

    def listed(self, issue: Issue) -> IssueVersion:
        """As much of the version of an issue as its listed fields tell."""
        return IssueVersion(issue.updated, self.identity, digest(self.access_of(issue))[:8])

    def is_here(self, issue: Issue) -> bool:
        """Whether the issue lies in this project; False after a move."""
        project = mapping(issue.fields.get("project"))
        return not project or str(project.get("id")) == self.project.id


def is_gateway(url: str) -> bool:
    """Whether this is an address of the API gateway, where people find nothing."""
    return _GATEWAY in url


def batches(ids: Sequence[Any], size: int) -> list[list[Any]]:
    """The ids in lists of at most that size."""
    return [list(ids[start : start + size]) for start in range(0, len(ids), size)]


def detail_text(detail: dict[str, Any]) -> str:
    """What an item carries from listing to fetch, as JSON text."""
    return json.dumps(detail, ensure_ascii=True, separators=(",", ":"))
