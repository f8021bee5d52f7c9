"""What a Confluence site holds, and the questions about it: what hangs where, and who may read it.

`confluence_state` adds the operations that change it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from vector_pipeline_tests.simulators.confluence_content import Content, ContentType, Space


class Site:
    """Spaces by id, and content of all types and statuses by id."""

    def __init__(self) -> None:
        self.spaces: dict[int, Space] = {}
        self.contents: dict[int, Content] = {}
        self._keys: dict[str, int] = {}
        self._below: defaultdict[int, dict[int, None]] = defaultdict(dict)
        self._restricted: set[int] = set()

    def space(self, key: str) -> Space:
        """The space with this key, in any case of letters; KeyError without one."""
        return self.spaces[self._keys[key.lower()]]

    def has_space(self, key: str) -> bool:
        """Whether there is a space with this key."""
        return key.lower() in self._keys

    def get(self, content: Content | int) -> Content:
        """The content; KeyError when it was purged."""
        return self.contents[content.id if isinstance(content, Content) else content]

    def below(self, content: Content | int, *types: ContentType) -> list[Content]:
        """What hangs on a content directly (child pages, comments, answers, attachments), by position and id."""
        ids = self._below.get(content.id if isinstance(content, Content) else content, {})
        found = [self.contents[number] for number in ids]
        return sorted((c for c in found if not types or c.type in types), key=lambda c: (c.position, c.id))

    def descendants(self, content: Content | int) -> Iterator[Content]:
        """All pages below a page, and the comments and attachments of them and of itself."""
        for child in self.below(content):
            yield child
            yield from self.descendants(child)

    def ancestors(self, content: Content) -> list[Content]:
        """The parent pages of a page from the top down; those of its container for a comment or an attachment."""
        page = self.page_of(content)
        found: list[Content] = [] if page is content else [page]
        while page.parent_id is not None:
            page = self.contents[page.parent_id]
            found.append(page)
        return found[::-1]

    def comments_above(self, comment: Content) -> list[Content]:
        """The comments that a comment answers, from the first of the thread down."""
        found: list[Content] = []
        while comment.parent_id is not None:
            comment = self.contents[comment.parent_id]
            found.append(comment)
        return found[::-1]

    def page_of(self, content: Content) -> Content:
        """The page or blog post a content is or hangs on."""
        while content.container_id is not None:
            content = self.contents[content.container_id]
        return content

    def of_space(self, space: Space, *types: ContentType) -> list[Content]:
        """The content of a space by id, whatever its status."""
        found = [c for c in self.contents.values() if c.space_id == space.id and (not types or c.type in types)]
        return sorted(found, key=lambda c: c.id)

    def may_see_space(self, space: Space, account_id: str, groups: frozenset[str]) -> bool:
        """Whether an account may read in a space."""
        return account_id not in space.hidden_from and space.readers.admits(account_id, groups)

    def may_read(self, content: Content, account_id: str, groups: frozenset[str]) -> bool:
        """Whether an account may read a content: its space, its own restrictions and those of all its ancestors."""
        if not self.may_see_space(self.spaces[content.space_id], account_id, groups):
            return False
        if not self._restricted:
            return True
        chain = [*self.ancestors(content), content]
        return all(c.readers.admits(account_id, groups) for c in chain if c.id in self._restricted)
