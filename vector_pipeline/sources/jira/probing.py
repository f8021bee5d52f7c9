"""The cheap look at a project that tells whether anything may have changed: its newest changes and its size.

One request on Data Center, two on Cloud. Looking at many of the newest, not at one, also sees a change that the search
index learned of late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vector_pipeline.documents import canonical_json, hash16
from vector_pipeline.sources.jira.api import JiraApi
from vector_pipeline.sources.jira.values import Issue, mapping
from vector_pipeline.sources.jira.versions import FORMAT

GONE = "gone"
"""The version of a project that can't be seen or is archived."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look saw. `version` names all of it."""

    version: str
    issues: Sequence[Issue]
    count: int


def project_clause(key: str) -> str:
    """JQL for all issues of the project of that key."""
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'project = "{quoted}"'


def look_at(api: JiraApi, where: str, files: str) -> Look:
    """Looks at the project of this JQL clause. Raises AnswerRefused for one that can't be seen.

    `files` names what attachments are converted by.
    """
    newest = api.newest(where)
    issues = sorted(newest.issues, key=lambda issue: (-issue.updated, int(issue.id)))
    project = mapping(issues[0].fields.get("project")) if issues else {}
    seen = [
        FORMAT,
        str(project.get("key")),
        str(project.get("name")),
        newest.count,
        [[issue.id, issue.updated] for issue in issues],
        files,
    ]
    digest = hash16(canonical_json(seen).encode("utf-8", "surrogatepass"))
    return Look(f"{newest.count}+{digest.hex()}", issues, newest.count)
