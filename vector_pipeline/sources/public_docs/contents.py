"""What one address of a site holds, as the mirror keeps it: a page, a file, a redirect, or nothing.

Values only. The one idea: a content is what a good answer said; what went wrong stands beside it and never in its
place.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vector_pipeline.sources.public_docs.answers import Validators

PAGE, FILE, ALIAS, GONE, LEFT = "page", "file", "alias", "gone", "left"
"""A web page or text; a file to be converted; a redirect; not there any more (404); there, but no document."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a good answer to one URL said.

    `note` is the reason of GONE and LEFT, `target` where an ALIAS leads. `version` changes with the main content only.
    `shape` names the words without what varies from request to request, `sketch` is a sample of them that two pages
    can be compared by. `canonical` and `links` are in normal form; links that the settings leave out are missing.
    """

    state: str
    note: str = ""
    target: str = ""
    media_type: str = ""
    charset: str = ""
    validators: Validators = field(default_factory=Validators)
    version: str = ""
    shape: bytes = b""
    sketch: bytes = b""
    words: int = 0
    canonical: str = ""
    noindex: bool = False
    language: str = ""
    alternates: tuple[tuple[str, str], ...] = ()
    links: tuple[str, ...] = ()
    asks_password: bool = False
    read_as: str = ""
    body: bytes = b""

    @property
    def is_text(self) -> bool:
        """Whether it has a body that can become a document."""
        return self.state in (PAGE, FILE)


@dataclass(frozen=True, slots=True)
class Row:
    """One URL of the mirror: when it was asked, and what troubles it.

    `answered` is the number of the last visit that got an answer, 0 for none. `lastmod` is what the sitemap says,
    `lastmod_seen` what it said when the page was last asked for. `wanted` marks a page to be asked out of turn.
    """

    id: int
    url: str
    answered: int = 0
    lastmod: str = ""
    lastmod_seen: str = ""
    wanted: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class KeptSitemap:
    """A sitemap as it was last read. `trouble` says why it can't be read now, since `failing_since` (Unix time).

    `digest` names its entries and children.
    """

    url: str
    validators: Validators = field(default_factory=Validators)
    children: tuple[str, ...] = ()
    trouble: str = ""
    failing_since: float = 0.0
    asked_at: float = 0.0
    digest: str = ""
