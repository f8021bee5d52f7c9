"""Records as version 2 of the Confluence Cloud API writes them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from vector_pipeline_tests.simulators.atlassian_conditions import Flavour, Refused
from vector_pipeline_tests.simulators.confluence_content import Content, Label, Space, Version
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


def v2_error(status: int, title: str, code: str = "") -> Refused:
    """An error as version 2 writes it."""
    name = HTTPStatus(status).name if status != 400 else "INVALID_REQUEST_PARAMETER"
    return Refused(status, {"errors": [{"status": status, "code": code or name, "title": title, "detail": None}]})


class CloudRecords:
    """Makes JSON of the state's records."""

    def __init__(self, server: ConfluenceServer) -> None:
        self._server = server
        self._state = server.state

    def links(self, content: Content) -> Json:
        """The links of a page or blog post."""
        return {
            "webui": web_link(self._state, content, Flavour.CLOUD),
            "editui": f"/pages/resumedraft.action?draftId={content.id}",
            "tinyui": tiny_link(content),
        }

    def space(self, space: Space) -> Json:
        """A space."""
        return {
            "id": str(space.id),
            "key": space.key,
            "name": space.name,
            "type": space.type,
            "status": space.status,
            "authorId": space.author_id,
            "createdAt": timestamp(space.created_at),
            "homepageId": str(space.homepage_id) if space.homepage_id is not None else None,
            "description": None,
            "icon": None,
            "_links": {"webui": space_link(space, Flavour.CLOUD)},
        }

    def version(self, version: Version) -> Json:
        """A version."""
        return {
            "number": version.number,
            "message": version.message,
            "minorEdit": version.minor,
            "authorId": version.author_id,
            "createdAt": timestamp(version.when),
        }

    def _body(self, content: Content, version: Version, body_format: str) -> Json:
        if body_format == "none":
            return {}
        if content.storage_fails and body_format == "storage":
            raise v2_error(500, "Internal Server Error")
        value = version.body.rendered(body_format)
        return {body_format: {"representation": body_format, "value": value}}

    def content(
        self, content: Content, body_format: str, version: Version | None = None, status: str | None = None
    ) -> Json:
        """A page or blog post, as it is or in another version."""
        shown = version or content.current
        found: Json = {
            "id": str(content.id),
            "status": status or content.status,
            "title": shown.title,
            "spaceId": str(content.space_id),
            "authorId": content.author_id,
            "createdAt": timestamp(content.created_at),
            "version": self.version(shown),
            "body": self._body(content, shown, body_format),
            "_links": self.links(content),
        }
        if content.type == "page":
            found["parentId"] = str(content.parent_id) if content.parent_id is not None else None
            parent = self._state.contents.get(content.parent_id or 0)
            found["parentType"] = parent.type if parent is not None else None
            found |= {"position": content.position, "ownerId": content.author_id, "lastOwnerId": None}
        return found

    def folder(self, content: Content) -> Json:
        """A folder."""
        found = self.content(content, "none")
        parent = self._state.contents.get(content.parent_id or 0)
        del found["body"], found["spaceId"]
        return found | {
            "type": "folder",
            "parentId": str(content.parent_id) if parent is not None else None,
            "parentType": parent.type if parent is not None else None,
        }

    def child(self, content: Content) -> Json:
        """A row of a page's children."""
        return {
            "id": str(content.id),
            "status": content.status,
            "title": content.title,
            "spaceId": str(content.space_id),
            "childPosition": content.position,
        }

    def label(self, label: Label) -> Json:
        """A label."""
        return {"id": str(label.id), "name": label.name, "prefix": label.prefix}

    def _container(self, content: Content) -> Json:
        container = self._state.contents[content.container_id or 0]
        name = {"page": "pageId", "blogpost": "blogPostId", "attachment": "attachmentId"}[container.type]
        return {name: container.public_id}

    def attachment(self, content: Content, version: Version) -> Json:
        """A version of an attachment."""
        download, web = download_link(content, version), web_link(self._state, content, Flavour.CLOUD)
        return {
            "id": content.public_id,
            "status": content.status,
            "title": version.title,
            "createdAt": timestamp(content.created_at),
            **self._container(content),
            "mediaType": version.media_type,
            "mediaTypeDescription": version.media_type,
            "comment": version.message,
            "fileId": self._server.file_id(content),
            "fileSize": len(version.data),
            "webuiLink": web,
            "downloadLink": download,
            "version": self.version(version),
            "_links": {"webui": web, "download": download},
        }

    def comment(self, content: Content, body_format: str, *, answer: bool = False) -> Json:
        """A comment; an answer doesn't name the page."""
        found = {
            "id": str(content.id),
            "status": content.status,
            "title": content.title,
            "version": self.version(content.current),
            "body": self._body(content, content.current, body_format),
            "_links": {"webui": web_link(self._state, content, Flavour.CLOUD)},
        }
        found |= {"parentCommentId": str(content.parent_id)} if content.parent_id is not None else {}
        if not answer:
            found |= self._container(content)
        if content.location == "inline":
            found["resolutionStatus"] = content.resolution
            found["properties"] = {
                "inlineMarkerRef": f"marker-{content.id}",
                "inlineOriginalSelection": content.selection,
                "inline-marker-ref": f"marker-{content.id}",
                "inline-original-selection": content.selection,
            }
        return found
