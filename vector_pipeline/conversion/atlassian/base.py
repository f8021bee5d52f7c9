"""What the three converters take and give: references to be resolved, and markdown with what it points at.

The converters never ask the network; what a page link or an account id means is asked of the caller's functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

MAX_LENGTH = 64_000_000
"""Characters of one body that are read as markup; a longer one stays plain text."""
MAX_PIECES = 250_000
"""Elements, nodes or marks of one body that are read as markup; one with more stays plain text, to bound the time."""


@dataclass(frozen=True, slots=True)
class References:
    """What links and mentions mean. All are optional; "" as answer means not known.

    `page_url(space_key, title)`: the address of a page; the space key is "" for the page's own space.
    `user_name(account_id)`: the name of a user by account id, user key or user name.
    `attachment_url(filename)`: the address of an attachment of this document.
    `include(space_key, title, excerpt_name)`: the storage format of the page that is included, None to link to it
    instead. An excerpt is picked out of it here.
    """

    page_url: Callable[[str, str], str] | None = None
    user_name: Callable[[str], str] | None = None
    attachment_url: Callable[[str], str] | None = None
    include: Callable[[str, str, str], str | None] | None = None

    def page(self, space_key: str, title: str) -> str:
        """The address of a page, "" where it is not known."""
        return self.page_url(space_key, title) if self.page_url and title else ""

    def user(self, account_id: str) -> str:
        """The name of a user, "" where it is not known."""
        return self.user_name(account_id) if self.user_name and account_id else ""

    def attachment(self, filename: str) -> str:
        """The address of an attachment, "" where it is not known."""
        return self.attachment_url(filename) if self.attachment_url and filename else ""


@dataclass(frozen=True, slots=True)
class Markdown:
    """Normalized text with the addresses it links to and the account ids (or user names) it mentions, in order.

    `degraded` is "" for markdown; otherwise it says why `text` is only the words of the body, to be cut as plain
    text. It never holds text of the document.
    """

    text: str
    links: list[str] = field(default_factory=list)
    mentions: list[str] = field(default_factory=list)
    degraded: str = ""
