"""Every operation by which a test changes a Confluence site.

Operations take content as an object or a number and are safe to call while the service answers: each holds the
lock that requests hold too. Every one raises `revision`, which is what makes remembered lists of the service stale.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from vector_pipeline_tests.simulators.atlassian_conditions import Clock, Faults
from vector_pipeline_tests.simulators.confluence_body import Body
from vector_pipeline_tests.simulators.confluence_content import (
    Content,
    ContentType,
    Label,
    Restriction,
    Space,
    SpaceType,
    Version,
)
from vector_pipeline_tests.simulators.confluence_index import SearchIndex
from vector_pipeline_tests.simulators.confluence_site import Site

AnyBody = Body | str | dict[str, Any]


class StateError(ValueError):
    """A test asked for what Confluence does not allow."""


@dataclass
class Bumps:
    """What an operation changes besides itself: the number of the version and the time of the last change.

    A move that leaves both as they were is what fact 29 warns of; each is switchable because it is not confirmed.
    """

    move_version: bool = False
    move_modified: bool = False
    rename_version: bool = True
    rename_modified: bool = True


class ConfluenceState(Site):
    """A site and what changes it. `author` is who operations are made by, `bumps` what they change besides."""

    def __init__(self, clock: Clock, faults: Faults, author: str) -> None:
        super().__init__()
        self.now = clock.stamp
        self.author = author
        self.lock = threading.RLock()
        self.revision = 0
        self.bumps = Bumps()
        self.index = SearchIndex(self, clock, faults)
        self._labels: dict[tuple[str, str], int] = {}
        self._next_id = 65_537

    # -- spaces

    def add_space(self, key: str, name: str = "", *, type: SpaceType = "global") -> Space:
        """Makes a space with its home page."""
        with self._changing():
            if self.has_space(key):
                raise StateError(f"there is a space {key} already")
            space = Space(self._number(), key, name or key, type, self.now(), self.author)
            self.spaces[space.id] = space
            self._keys[key.lower()] = space.id
            space.homepage_id = self.add_page(key, f"{space.name} Home", "<p />").id
            return space

    def rename_space(self, key: str, name: str) -> None:
        """Gives a space another name; its key stays."""
        with self._changing():
            self.space(key).name = name

    def archive_space(self, key: str, archived: bool = True) -> None:
        """Archives a space, or takes it back: search leaves archived ones out, links into them work."""
        with self._changing():
            self.space(key).status = "archived" if archived else "current"
            self.index.touch(c.id for c in self.of_space(self.space(key)))

    def delete_space(self, key: str) -> None:
        """Removes a space and all that is in it."""
        with self._changing():
            space = self.space(key)
            for content in self.of_space(space):
                self._forget(content)
            del self._keys[key.lower()], self.spaces[space.id]

    def withdraw_space(self, key: str, account_id: str) -> None:
        """Takes the permission to read a space from an account."""
        with self._changing():
            self.space(key).hidden_from.add(account_id)

    def grant_space(self, key: str, account_id: str) -> None:
        """Gives back what `withdraw_space` took."""
        with self._changing():
            self.space(key).hidden_from.discard(account_id)

    def limit_space(self, key: str, *, users: Iterable[str] = (), groups: Iterable[str] = ()) -> None:
        """Lets only these read a space; nobody named opens it to all."""
        with self._changing():
            self.space(key).readers = Restriction(set(users), set(groups))

    # -- pages and blog posts

    def add_page(
        self,
        space_key: str,
        title: str,
        body: AnyBody = "<p />",
        *,
        parent: Content | int | None = None,
        labels: Iterable[str] = (),
        draft: bool = False,
        created_at: datetime | None = None,
    ) -> Content:
        """Makes a page, below the home page of the space unless a parent is named."""
        with self._changing():
            space = self.space(space_key)
            parent_id = self.get(parent).id if parent is not None else self._top(space)
            return self._add("page", space, title, body, parent_id, labels, draft, created_at)

    def add_folder(self, space_key: str, title: str, *, parent: Content | int | None = None) -> Content:
        """Makes a folder (Cloud), which pages may lie in."""
        with self._changing():
            space = self.space(space_key)
            parent_id = self.get(parent).id if parent is not None else self._top(space)
            return self._add("folder", space, title, "", parent_id, (), False, None)

    def add_blogpost(
        self, space_key: str, title: str, body: AnyBody = "<p />", *, labels: Iterable[str] = (), draft: bool = False
    ) -> Content:
        """Makes a blog post."""
        with self._changing():
            return self._add("blogpost", self.space(space_key), title, body, None, labels, draft, None)

    def edit(
        self,
        content: Content | int,
        body: AnyBody | None = None,
        *,
        title: str | None = None,
        minor: bool = False,
        message: str = "",
    ) -> Version:
        """Makes a new version of a page, blog post or comment."""
        with self._changing():
            edited = self.get(content)
            last = edited.current
            new_body = last.body if body is None else Body.of(body)
            version = Version(last.number + 1, self.now(), self.author, title or last.title, new_body, message, minor)
            edited.versions.append(version)
            edited.modified_at = version.when
            self.index.touch([edited.id])
            return version

    def rename(self, content: Content | int, title: str) -> None:
        """Gives a page another title; `bumps` says what else that changes."""
        with self._changing():
            renamed = self.get(content)
            last = renamed.current
            if self.bumps.rename_version:
                renamed.versions.append(Version(last.number + 1, self.now(), self.author, title, last.body))
            else:
                last.title = title
            self._moved(renamed, modified=self.bumps.rename_modified)

    def move(self, page: Content | int, *, parent: Content | int | None = None, space: str | None = None) -> None:
        """Hangs a page, with all below it, under another parent or into another space (below its home page)."""
        with self._changing():
            moved = self.get(page)
            if parent is None:
                target_space = self.space(space) if space else self.spaces[moved.space_id]
                parent_id = self._top(target_space, moved) if moved.type == "page" else None
            else:
                target = self.get(parent)
                if target is moved or target in self.descendants(moved):
                    raise StateError("a page can't be moved below itself")
                target_space, parent_id = self.spaces[target.space_id], target.id
            self._hang(moved, parent_id)
            changed = [moved, *self.descendants(moved)]
            for content in changed:
                content.space_id = target_space.id
            if self.bumps.move_version:
                last = moved.current
                moved.versions.append(Version(last.number + 1, self.now(), self.author, last.title, last.body))
            self._moved(moved, modified=self.bumps.move_modified)
            self.index.touch(content.id for content in changed)

    def trash(self, content: Content | int, *, descendants: bool = False) -> None:
        """Puts content in the trash; child pages move up to the parent unless they go along."""
        with self._changing():
            trashed = self.get(content)
            for child in self.below(trashed, "page"):
                if descendants:
                    self.trash(child, descendants=True)
                else:
                    self._hang(child, trashed.parent_id)
                    self.index.touch([child.id, *(below.id for below in self.descendants(child))])
            trashed.status = "trashed"
            self.index.touch([trashed.id, *(below.id for below in self.descendants(trashed))])

    def restore(self, content: Content | int) -> None:
        """Takes content out of the trash or the archive, as a new version, to the top if its parent is gone."""
        with self._changing():
            restored = self.get(content)
            if restored.status not in ("trashed", "archived"):
                raise StateError(f"{restored.public_id} is {restored.status}, there is nothing to restore")
            parent = self.contents.get(restored.parent_id) if restored.parent_id is not None else None
            if restored.type == "page" and (parent is None or parent.status == "trashed"):
                self._hang(restored, self._top(self.spaces[restored.space_id], restored))
            restored.status = "current"
            last = restored.current
            restored.versions.append(
                Version(
                    last.number + 1,
                    self.now(),
                    self.author,
                    last.title,
                    last.body,
                    "",
                    False,
                    last.data,
                    last.media_type,
                )
            )
            restored.modified_at = self.now()
            self.index.touch([restored.id, *(below.id for below in self.descendants(restored))])

    def purge(self, content: Content | int) -> None:
        """Removes content for good, with its comments and attachments; child pages move up."""
        with self._changing():
            purged = self.get(content)
            for child in self.below(purged, "page"):
                self._hang(child, purged.parent_id)
                self.index.touch([child.id])
            for other in [*self.descendants(purged), purged]:
                self._forget(other)

    def archive(self, page: Content | int, *, descendants: bool = False) -> None:
        """Archives a page: it leaves the tree and the search but stays readable."""
        with self._changing():
            archived = self.get(page)
            for one in [archived, *(d for d in self.descendants(archived) if descendants and d.type == "page")]:
                one.status = "archived"
                self.index.touch([one.id, *(below.id for below in self.below(one))])

    def save_draft(self, content: Content | int, body: AnyBody, *, title: str | None = None) -> None:
        """Keeps unpublished changes of a page; readers see none of them."""
        with self._changing():
            edited = self.get(content)
            last = edited.current
            edited.draft = Version(last.number + 1, self.now(), self.author, title or last.title, Body.of(body))

    def publish(self, content: Content | int) -> None:
        """Makes a draft, or the unpublished changes of a page, what readers see."""
        with self._changing():
            published = self.get(content)
            draft, published.draft = published.draft, None
            if published.status == "draft":
                published.status = "current"
                published.versions[-1].when = self.now()
            elif draft is None:
                raise StateError(f"{published.public_id} has no unpublished changes")
            else:
                draft.number = published.current.number + 1  # others may have edited meanwhile
                published.versions.append(draft)
                draft.when = self.now()
            published.modified_at = self.now()
            self.index.touch([published.id])

    def restrict(
        self,
        content: Content | int,
        *,
        users: Iterable[str] = (),
        groups: Iterable[str] = (),
        operation: Literal["read", "update"] = "read",
    ) -> None:
        """Lets only these read (or change) a page and, for reading, all below it; nobody named lifts it."""
        with self._changing():
            restricted, restriction = self.get(content), Restriction(set(users), set(groups))
            if operation == "update":
                restricted.editors = restriction
                return
            restricted.readers = restriction
            if restriction:
                self._restricted.add(restricted.id)
            else:
                self._restricted.discard(restricted.id)

    def label(self, content: Content | int, *names: str, prefix: str = "global") -> None:
        """Adds labels."""
        with self._changing():
            labelled = self.get(content)
            have = {(label.prefix, label.name) for label in labelled.labels}
            labelled.labels += [self._label(name, prefix) for name in names if (prefix, name) not in have]
            self.index.touch([labelled.id])

    def unlabel(self, content: Content | int, *names: str) -> None:
        """Removes labels."""
        with self._changing():
            labelled = self.get(content)
            labelled.labels = [label for label in labelled.labels if label.name not in names]
            self.index.touch([labelled.id])

    # -- comments and attachments

    def comment(
        self,
        content: Content | int,
        body: AnyBody,
        *,
        answers: Content | int | None = None,
        selection: str = "",
    ) -> Content:
        """Comments on a page, blog post or attachment; with a selection of its text the comment is an inline one."""
        with self._changing():
            on = self.get(content)
            made = self._add("comment", self.spaces[on.space_id], f"Re: {on.title}", body, None, (), False, None)
            made.container_id = on.id
            if answers is not None:
                above = self.get(answers)
                made.parent_id, made.location, made.selection = above.id, above.location, above.selection
            elif selection:
                made.location, made.selection = "inline", selection
            self._below[above.id if answers is not None else on.id][made.id] = None
            self.index.touch([made.id])
            return made

    def resolve(
        self, comment: Content | int, status: Literal["open", "resolved", "reopened", "dangling"] = "resolved"
    ) -> None:
        """Resolves an inline comment, or opens it again."""
        with self._changing():
            self.get(comment).resolution = status

    def attach(
        self, content: Content | int, file_name: str, data: bytes, media_type: str = "application/octet-stream"
    ) -> Content:
        """Attaches a file; one with the name of an attachment there already becomes its new version."""
        with self._changing():
            on = self.get(content)
            for existing in self.below(on, "attachment"):
                if existing.title == file_name and existing.status == "current":
                    number = existing.current.number + 1
                    version = Version(number, self.now(), self.author, file_name, data=data, media_type=media_type)
                    existing.versions.append(version)
                    existing.modified_at = version.when
                    self.index.touch([existing.id])
                    return existing
            made = self._add("attachment", self.spaces[on.space_id], file_name, "", None, (), False, None)
            made.container_id = on.id
            made.current.data, made.current.media_type = data, media_type
            self._below[on.id][made.id] = None
            self.index.touch([made.id])
            return made

    # -- many at once

    def fill(self, space_key: str, pages: int, *, per_hour: int = 60, body: str = "<p>Page {number}.</p>") -> None:
        """Makes many pages with one version each, spread over the past, the newest an hour ago."""
        with self._changing():
            space, start = self.space(space_key), self.now() - timedelta(hours=1)
            top = self._top(space)
            for number in range(pages):
                when = start - timedelta(seconds=(pages - number) * 3600 // per_hour)
                text = body.format(number=number)
                self._add("page", space, f"Page {number}", text, top, (), False, when)

    # -- the inside

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self.lock:
            self.revision += 1
            yield

    def _top(self, space: Space, besides: Content | None = None) -> int | None:
        """What pages of a space hang below: its home page, while it is there and is not the page itself."""
        home = self.contents.get(space.homepage_id or 0)
        return home.id if home is not None and home is not besides and home.status == "current" else None

    def _number(self) -> int:
        self._next_id += 1
        return self._next_id

    def _label(self, name: str, prefix: str = "global") -> Label:
        if (prefix, name) not in self._labels:
            self._labels[prefix, name] = self._number()
        return Label(self._labels[prefix, name], name, prefix)

    def _add(
        self,
        type: ContentType,
        space: Space,
        title: str,
        body: AnyBody,
        parent_id: int | None,
        labels: Iterable[str],
        draft: bool,
        created_at: datetime | None,
    ) -> Content:
        when = created_at or self.now()
        version = Version(1, when, self.author, title, Body.of(body))
        number = self._number()
        status: Literal["draft", "current"] = "draft" if draft else "current"
        content = Content(number, type, space.id, status, when, self.author, [version], when)
        content.labels = [self._label(name) for name in labels]
        content.position = number
        self.contents[number] = content
        if parent_id is not None:
            self._hang(content, parent_id)
        if type in ("page", "blogpost"):  # the others are not complete yet
            self.index.touch([number])
        return content

    def _hang(self, content: Content, parent_id: int | None) -> None:
        if content.parent_id is not None:
            self._below[content.parent_id].pop(content.id, None)
        content.parent_id = parent_id
        if parent_id is not None:
            self._below[parent_id][content.id] = None

    def _moved(self, content: Content, *, modified: bool) -> None:
        if modified:
            content.modified_at = self.now()
        self.index.touch([content.id])

    def _forget(self, content: Content) -> None:
        for above in (content.parent_id, content.container_id):
            if above is not None:
                self._below[above].pop(content.id, None)
        space = self.spaces[content.space_id]
        if space.homepage_id == content.id:
            space.homepage_id = None
        self._below.pop(content.id, None)
        self._restricted.discard(content.id)
        self.contents.pop(content.id, None)
        self.index.touch([content.id])
