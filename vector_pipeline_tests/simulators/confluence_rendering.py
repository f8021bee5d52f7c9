"""Records as version 1 of the Confluence API writes them, on Cloud and on Data Center, with what `expand` asks for.

What is not expanded is listed under `_expandable`, as the real service does; what a client reads without asking for
it is therefore missing here too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from vector_pipeline_tests.simulators.atlassian_conditions import Flavour, Refused
from vector_pipeline_tests.simulators.atlassian_http import Request
from vector_pipeline_tests.simulators.confluence_content import Content, Label, Restriction, Space, Version
from vector_pipeline_tests.simulators.confluence_links import (
    download_link,
    space_link,
    timestamp,
    tiny_link,
    web_link,
)

if TYPE_CHECKING:
    from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer

Json = dict[str, Any]

_EMBEDDED_ROWS = 25
_BODIES = ("storage", "view", "export_view", "styled_view", "editor")


class Expansions:
    """What a request wants expanded: dotted paths."""

    def __init__(self, paths: list[str]) -> None:
        self._paths = [path.split(".") for path in paths]
        self._wanted = {".".join(path[: n + 1]) for path in self._paths for n in range(len(path))}
        self._below: dict[str, Expansions] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._wanted

    def __bool__(self) -> bool:
        return bool(self._paths)

    def below(self, path: str) -> Expansions:
        """What is wanted of the record at a path."""
        if path not in self._below:
            parts = path.split(".")
            found = [given[len(parts) :] for given in self._paths if given[: len(parts)] == parts]
            self._below[path] = Expansions([".".join(rest) for rest in found if rest])
        return self._below[path]


class Rendering:
    """Makes JSON of the state's records, for one request."""

    def __init__(self, server: ConfluenceServer, request: Request, zone: tzinfo) -> None:
        self._server, self._state, self._request, self._zone = server, server.state, request, zone
        self._cloud = server.flavour is Flavour.CLOUD

    def content(self, content: Content, expand: Expansions, version: Version | None = None) -> Json:
        """A page, blog post, comment or attachment. Raises Refused where the real service can't expand."""
        shown = version or content.current
        status = content.status if version is None or version is content.current else "historical"
        path = f"/rest/api/content/{content.public_id}"
        found: Json = {"id": content.public_id, "type": content.type, "status": status, "title": shown.title}
        if self._cloud:
            found["macroRenderedOutput"] = {}
        found["extensions"] = self._extensions(content, shown, expand)
        if content.type == "attachment":
            found["metadata"] = {"mediaType": shown.media_type, "comment": shown.message}
        parts: dict[str, tuple[str, Callable[[], Any]]] = {
            "space": (f"/rest/api/space/{self._space_of(content).key}", lambda: self.space(self._space_of(content))),
            "version": ("", lambda: self.version(content, shown)),
            "history": (f"{path}/history", lambda: self.history(content, expand.below("history"))),
            "ancestors": ("", lambda: self._ancestors(content, expand.below("ancestors"))),
            "container": ("", lambda: self._container(content)),
            "body": ("", lambda: self._bodies(content, shown, expand.below("body"))),
            "metadata": ("", lambda: self._metadata(content, shown, expand.below("metadata"))),
            "restrictions": (
                f"{path}/restriction/byOperation",
                lambda: self.restrictions(content, expand.below("restrictions")),
            ),
            "children": (f"{path}/child", lambda: self._children(content, expand.below("children"))),
        }
        found["_expandable"] = (
            {"operations": ""} if self._cloud else {"operations": "", "descendants": f"{path}/descendant"}
        )
        for name, (link, make) in parts.items():
            if name in expand:
                found[name] = make()
            elif name not in found:
                found["_expandable"][name] = link
        found["_links"] = self.links(content, shown)
        return found

    def links(self, content: Content, version: Version) -> Json:
        """The links of a content."""
        found = {
            "self": f"{self._server.url}/rest/api/content/{content.public_id}",
            "webui": web_link(self._state, content, self._server.flavour),
        }
        if content.type == "attachment":
            container = self._state.contents[content.container_id or 0]
            cloud = f"/rest/api/content/{container.public_id}/child/attachment/{content.public_id}/download"
            found["download"] = cloud if self._cloud else download_link(content, version)
        elif content.type != "comment":
            found["tinyui"] = tiny_link(content)
            found["editui" if self._cloud else "edit"] = f"/pages/resumedraft.action?draftId={content.id}"
        return found

    def space(self, space: Space) -> Json:
        """A space."""
        found: Json = {
            "id": space.id,
            "key": space.key,
            "name": space.name,
            "type": space.type,
            "status": space.status,
            "_expandable": {
                "description": "",
                "icon": "",
                "metadata": "",
                "homepage": f"/rest/api/content/{space.homepage_id}",
            },
            "_links": {
                "self": f"{self._server.url}/rest/api/space/{space.key}",
                "webui": space_link(space, self._server.flavour),
            },
        }
        return found

    def person(self, account_id: str) -> Json:
        """A user, known or not."""
        account = self._server.accounts.all.get(account_id)
        name = account.name if account is not None else account_id
        if self._cloud:
            return {
                "type": "known",
                "accountId": account_id,
                "accountType": "atlassian",
                "publicName": name,
                "displayName": name,
                "isExternalCollaborator": False,
                "_expandable": {"operations": "", "personalSpace": ""},
                "_links": {"self": f"{self._server.url}/rest/api/user?accountId={account_id}"},
            }
        return {
            "type": "known",
            "username": account.user if account is not None else account_id,
            "userKey": account_id,
            "displayName": name,
            "profilePicture": {"path": "/images/default.svg", "width": 48, "height": 48, "isDefault": True},
            "_expandable": {"status": ""},
            "_links": {"self": f"{self._server.url}/rest/api/user?key={account_id}"},
        }

    def version(self, content: Content, version: Version) -> Json:
        """One version."""
        path = f"/rest/api/content/{content.public_id}"
        found: Json = {
            "by": self.person(version.author_id),
            "when": timestamp(version.when, self._zone),
            "friendlyWhen": f"{version.when:%b %d, %Y}",
            "message": version.message,
            "number": version.number,
            "minorEdit": version.minor,
            "_expandable": {"content": path},
            "_links": {"self": f"{self._server.url}{path}/version/{version.number}"},
        }
        if self._cloud:
            found |= {"confRev": f"confluence$content${content.id}.{version.number}", "contentTypeModified": False}
            found["_expandable"]["collaborators"] = ""
        return found

    def history(self, content: Content, expand: Expansions) -> Json:
        """Who made it and when, and on demand its last change."""
        found: Json = {
            "latest": True,
            "createdBy": self.person(content.author_id),
            "createdDate": timestamp(content.created_at, self._zone),
            "_expandable": {"contributors": "", "previousVersion": "", "nextVersion": ""},
            "_links": {"self": f"{self._server.url}/rest/api/content/{content.public_id}/history"},
        }
        if "lastUpdated" in expand:
            changed = {"when": timestamp(content.modified_at, self._zone)}
            found["lastUpdated"] = self.version(content, content.current) | changed
        else:
            found["_expandable"]["lastUpdated"] = ""
        return found

    def restrictions(self, content: Content, expand: Expansions) -> Json:
        """Who may read and who may change, by operation."""
        found: Json = {"_expandable": {}}
        for operation, restriction in (("read", content.readers), ("update", content.editors)):
            if operation in expand or not expand:
                below = expand.below(operation)
                found[operation] = self.restriction(content, operation, restriction, below.below("restrictions"))
            else:
                link = f"/rest/api/content/{content.public_id}/restriction/byOperation/{operation}"
                found["_expandable"][operation] = link
        return found

    def restriction(self, content: Content, operation: str, named: Restriction, expand: Expansions) -> Json:
        """Who may do one thing; users and groups are there only when expanded."""
        rows: Json = {"_expandable": {}}
        for kind, results in (
            ("user", [self.person(user) for user in sorted(named.users)]),
            ("group", [self._group(group) for group in sorted(named.groups)]),
        ):
            if kind in expand:
                rows[kind] = {"results": results, "start": 0, "limit": 200, "size": len(results)}
            else:
                rows["_expandable"][kind] = ""
        path = f"/rest/api/content/{content.public_id}"
        return {
            "operation": operation,
            "restrictions": rows,
            "_expandable": {"content": path},
            "_links": {"self": f"{self._server.url}{path}/restriction/byOperation/{operation}"},
        }

    def label(self, label: Label) -> Json:
        """A label."""
        return {"prefix": label.prefix, "name": label.name, "id": str(label.id), "label": label.name}

    def search_result(self, content: Content, expand: Expansions) -> Json:
        """A hit of /search: the content wrapped in what a result list shows."""
        space = self._space_of(content)
        return {
            "content": self.content(content, expand.below("content")),
            "title": content.title,
            "excerpt": content.current.body.as_text()[:200],
            "url": web_link(self._state, content, self._server.flavour),
            "resultGlobalContainer": {
                "title": space.name,
                "displayUrl": space_link(space, self._server.flavour),
            },
            "breadcrumbs": [],
            "entityType": "content",
            "iconCssClass": f"aui-icon content-type-{content.type}",
            "lastModified": timestamp(content.modified_at, self._zone),
            "friendlyLastModified": f"{content.modified_at:%b %d, %Y}",
            "score": 0.0,
        }

    def _space_of(self, content: Content) -> Space:
        return self._state.spaces[content.space_id]

    def _group(self, name: str) -> Json:
        return {"type": "group", "name": name, "id": name} if self._cloud else {"type": "group", "name": name}

    def _extensions(self, content: Content, version: Version, expand: Expansions) -> Json:
        if content.type == "attachment":
            size, file = len(version.data), {"fileId": self._server.file_id(content)} if self._cloud else {}
            return {"mediaType": version.media_type, "fileSize": size, "comment": version.message, **file}
        if content.type == "comment":
            found: Json = {"location": content.location, "_expandable": {}}
            if "extensions.inlineProperties" in expand:
                marker = {"originalSelection": content.selection, "markerRef": f"marker-{content.id}"}
                found["inlineProperties"] = marker if content.location == "inline" else {}
            if "extensions.resolution" in expand:
                found["resolution"] = {"status": content.resolution} if content.location == "inline" else {}
            return found
        return {"position": content.position} if content.type == "page" else {}

    def _container(self, content: Content) -> Json:
        if content.container_id is None:
            return self.space(self._space_of(content))
        return self.content(self._state.contents[content.container_id], Expansions([]))

    def _ancestors(self, content: Content, expand: Expansions) -> list[Json]:
        if content.type == "comment":
            return [self.content(comment, expand) for comment in self._state.comments_above(content)]
        above = self._state.ancestors(content)
        if content.container_id is not None:
            return []
        for ancestor in above:
            readable = self._server.reads(self._request, ancestor) and ancestor.status in ("current", "archived")
            if "restrictions" in expand and not readable:
                raise Refused(404, unreadable_ancestor(ancestor.id))
        return [self.content(ancestor, expand) for ancestor in above]

    def _bodies(self, content: Content, version: Version, expand: Expansions) -> Json:
        found: Json = {"_expandable": {}}
        for name in (*_BODIES, "atlas_doc_format" if self._cloud else "anonymous_export_view"):
            if name not in expand:
                found["_expandable"][name] = ""
                continue
            if name == "storage" and content.storage_fails:
                raise Refused(404, NOT_THE_STORAGE)
            link = {"content": f"/rest/api/content/{content.public_id}"}
            found[name] = {"value": version.body.rendered(name), "representation": name, "_expandable": link}
        return found

    def _metadata(self, content: Content, version: Version, expand: Expansions) -> Json:
        found: Json = {"_expandable": {"currentuser": "", "properties": "", "frontend": "", "editorHtml": ""}}
        if content.type == "attachment":
            found |= {"mediaType": version.media_type, "comment": version.message}
        if "labels" in expand:
            labels = [self.label(label) for label in content.labels]
            found["labels"] = {"results": labels, "start": 0, "limit": 200, "size": len(labels)}
        return found

    def _children(self, content: Content, expand: Expansions) -> Json:
        found: Json = {"_expandable": {}}
        for kind in ("page", "comment", "attachment"):
            if kind not in expand:
                found["_expandable"][kind] = f"/rest/api/content/{content.public_id}/child/{kind}"
                continue
            rows = [
                child
                for child in self._state.below(content, kind)
                if child.status == "current" and self._server.reads(self._request, child)
            ]
            shown = [self.content(child, expand.below(kind)) for child in rows[:_EMBEDDED_ROWS]]
            found[kind] = {"results": shown, "start": 0, "limit": _EMBEDDED_ROWS, "size": len(shown)}
            if len(rows) > _EMBEDDED_ROWS:
                link = f"/rest/api/content/{content.public_id}/child/{kind}?start={_EMBEDDED_ROWS}"
                found[kind]["_links"] = {"next": f"{link}&limit={_EMBEDDED_ROWS}"}
        return found


NOT_THE_STORAGE: Json = {
    "message": "Cannot find content. Outdated version/old_draft/trashed? Please provide valid ContentId."
}


def unreadable_ancestor(number: int) -> Json:
    """The 404 for a whole batch in which one ancestor can't be read (fact 26)."""
    message = f"No content with id <ContentId{{id={number}}}> can be found"
    data = {
        "authorized": False,
        "valid": False,
        "errors": [{"message": {"translation": message}}],
        "successful": False,
    }
    return {"statusCode": 404, "data": data}
