"""The fields of a simulated Jira: which there are, of what kind, and what the service tells about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """A field as `/field` lists it. `kind` says how its values are kept and shown."""

    id: str
    name: str
    kind: str
    navigable: bool = True
    clause_names: tuple[str, ...] = ()

    @property
    def custom(self) -> bool:
        return self.id.startswith("customfield_")

    def as_json(self, *, cloud: bool) -> dict[str, Any]:
        """The entry of `/field`."""
        entry: dict[str, Any] = {"id": self.id}
        if cloud:
            entry["key"] = self.id
        clauses = [f"cf[{self.id.removeprefix('customfield_')}]", self.name] if self.custom else [self.id]
        entry |= {
            "name": self.name,
            "custom": self.custom,
            "orderable": self.navigable,
            "navigable": self.navigable,
            "searchable": True,
            "clauseNames": [*self.clause_names, *clauses] if self.id != "issuekey" else list(self.clause_names),
        }
        if self.id != "issuekey":
            entry["schema"] = self.schema()
        return entry

    def schema(self) -> dict[str, Any]:
        """The field's type in the service's words."""
        type_, items, plugin = _KINDS[self.kind]
        schema: dict[str, Any] = {"type": type_}
        if items:
            schema["items"] = items
        if self.custom:
            schema["custom"] = plugin
            schema["customId"] = int(self.id.removeprefix("customfield_"))
        else:
            schema["system"] = self.id
        return schema


_TYPES = "com.atlassian.jira.plugin.system.customfieldtypes:"
_AGILE = "com.pyxis.greenhopper.jira:"

# kind → (type, items, plugin of the custom field)
_KINDS: dict[str, tuple[str, str, str]] = {
    "text": ("string", "", _TYPES + "textfield"),
    "rich": ("string", "", _TYPES + "textarea"),
    "number": ("number", "", _TYPES + "float"),
    "date": ("date", "", _TYPES + "datepicker"),
    "datetime": ("datetime", "", _TYPES + "datetime"),
    "url": ("string", "", _TYPES + "url"),
    "option": ("option", "", _TYPES + "select"),
    "options": ("array", "option", _TYPES + "multiselect"),
    "cascade": ("option-with-child", "", _TYPES + "cascadingselect"),
    "labels": ("array", "string", _TYPES + "labels"),
    "user": ("user", "", _TYPES + "userpicker"),
    "users": ("array", "user", _TYPES + "multiuserpicker"),
    "sprints": ("array", "json", _AGILE + "gh-sprint"),
    "epic": ("any", "", _AGILE + "gh-epic-link"),
    "raw": ("any", "", _TYPES + "other"),
    "issuetype": ("issuetype", "", ""),
    "status": ("status", "", ""),
    "priority": ("priority", "", ""),
    "resolution": ("resolution", "", ""),
    "components": ("array", "component", ""),
    "versions": ("array", "version", ""),
    "project": ("project", "", ""),
    "comments": ("comments-page", "", ""),
    "attachments": ("array", "attachment", ""),
    "links": ("array", "issuelinks", ""),
    "parent": ("issuelink", "", ""),
    "worklogs": ("array", "worklog", ""),
    "security": ("securitylevel", "", ""),
}


def custom_field(number: int, name: str, kind: str) -> FieldInfo:
    """A custom field: kinds are text, rich, number, date, datetime, url, option, options, cascade, labels, user,
    users, sprints, epic and raw (values go out as they are)."""
    if kind not in _KINDS or not _KINDS[kind][2]:
        raise ValueError(f"no custom field can be of kind {kind}")
    return FieldInfo(f"customfield_{number}", name, kind)


SYSTEM_FIELDS: dict[str, FieldInfo] = {
    info.id: info
    for info in (
        FieldInfo("issuekey", "Key", "text", clause_names=("id", "issue", "issuekey", "key")),
        FieldInfo("summary", "Summary", "text"),
        FieldInfo("description", "Description", "rich"),
        FieldInfo("environment", "Environment", "rich"),
        FieldInfo("issuetype", "Issue Type", "issuetype", clause_names=("type",)),
        FieldInfo("status", "Status", "status"),
        FieldInfo("priority", "Priority", "priority"),
        FieldInfo("resolution", "Resolution", "resolution"),
        FieldInfo("resolutiondate", "Resolved", "datetime", clause_names=("resolved",)),
        FieldInfo("labels", "Labels", "labels"),
        FieldInfo("components", "Components", "components", clause_names=("component",)),
        FieldInfo("versions", "Affects versions", "versions", clause_names=("affectedVersion",)),
        FieldInfo("fixVersions", "Fix versions", "versions", clause_names=("fixVersion",)),
        FieldInfo("assignee", "Assignee", "user"),
        FieldInfo("reporter", "Reporter", "user"),
        FieldInfo("creator", "Creator", "user"),
        FieldInfo("duedate", "Due date", "date", clause_names=("due",)),
        FieldInfo("created", "Created", "datetime", clause_names=("createdDate",)),
        FieldInfo("updated", "Updated", "datetime", clause_names=("updatedDate",)),
        FieldInfo("project", "Project", "project"),
        FieldInfo("parent", "Parent", "parent"),
        FieldInfo("subtasks", "Sub-tasks", "links"),
        FieldInfo("issuelinks", "Linked Issues", "links"),
        FieldInfo("security", "Security Level", "security", clause_names=("level",)),
        FieldInfo("comment", "Comment", "comments", navigable=False),
        FieldInfo("attachment", "Attachment", "attachments", navigable=False),
        FieldInfo("worklog", "Log Work", "worklogs", navigable=False),
    )
}
