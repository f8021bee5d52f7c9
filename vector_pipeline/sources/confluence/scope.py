"""What the settings take of a space, and the queries that follow from it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from vector_pipeline.conversion.convert import CONVERSION_IDENTITY
from vector_pipeline.conversion.converter import Converter
from vector_pipeline.settings_atlassian import ConfluenceSettings
from vector_pipeline.sources.confluence.rows import ATTACHMENT, BLOG_POST, COMMENT, PAGE
from vector_pipeline.sources.confluence.search import CURRENT, CURRENT_AND_ARCHIVED, quoted, values
from vector_pipeline.sources.confluence.space import Space
from vector_pipeline.sources.confluence.versions import short_hash
from vector_pipeline.sources.file_rules import FileRules

_FORMAT = "confluence-1"
"""Part of every version: another value means that every document has to be read again."""


@dataclass(frozen=True)
class Scope:
    """The settings of a source as questions and answers. A reason is "" where something is taken."""

    settings: ConfluenceSettings
    converter: Converter

    @property
    def statuses(self) -> Sequence[str]:
        """The statuses of content that is taken."""
        return CURRENT_AND_ARCHIVED if self.settings.archived_pages else CURRENT

    @property
    def filters_labels(self) -> bool:
        """Whether labels decide what is taken."""
        return bool(self.settings.labels or self.settings.exclude_labels)

    @property
    def comments_in_pages(self) -> bool:
        """Whether comments are part of their page's text."""
        return self.settings.comments == "page"

    @property
    def comment_documents(self) -> bool:
        """Whether comments are documents."""
        return self.settings.comments == "documents"

    @property
    def reads_all(self) -> bool:
        """Whether a full listing must read every page's labels and restrictions to know what is taken."""
        return self.filters_labels or not self.settings.restricted_pages

    def everything(self, space_key: str) -> str:
        """The CQL of all content of a space that matters."""
        types = [PAGE]
        types += [BLOG_POST] if self.settings.blog_posts else []
        types += [ATTACHMENT] if self.settings.attachments else []
        types += [COMMENT] if self.settings.comments != "none" else []
        return f"space = {quoted(space_key)} and type in ({', '.join(types)})"

    def labelled(self, space_key: str) -> str:
        """The CQL of pages with a label that decides."""
        names = sorted({*self.settings.labels, *self.settings.exclude_labels})
        return f"space = {quoted(space_key)} and type in (page, blogpost) and label in {values(names)}"

    def has_deciding_label(self, labels: Sequence[str]) -> bool:
        """Whether one of the labels is named in the settings."""
        names = {name.lower() for name in (*self.settings.labels, *self.settings.exclude_labels)}
        return any(label.lower() in names for label in labels)

    def page_reason(self, status: str, labels: Sequence[str] | None, restricted: bool) -> str:
        """Why a page is left out. Labels that were not read (None) leave nothing out."""
        if status not in self.statuses:
            return "archived" if status == "archived" else "not current"
        if restricted and not self.settings.restricted_pages:
            return "restricted"
        if labels is None or not self.filters_labels:
            return ""
        names = {label.lower() for label in labels}
        if not names.isdisjoint(name.lower() for name in self.settings.exclude_labels):
            return "label"
        wanted = {name.lower() for name in self.settings.labels}
        return "" if not wanted or not names.isdisjoint(wanted) else "label"

    def file_reason(self, name: str, size: int) -> str:
        """Why an attachment is left out."""
        return self._files.reason_to_skip(name.replace("/", "_"), size)

    def file_identity(self, name: str) -> str:
        """Names what the document of an attachment depends on besides its bytes and `identity`, "" for nothing."""
        identity = self.converter.identity(name)
        return short_hash(identity) if identity else ""

    @property
    def files_identity(self) -> str:
        """The same for all attachments together; "" where none are taken."""
        return short_hash(self.converter.files_identity) if self.settings.attachments else ""

    def identity(self, space: Space) -> str:
        """Names what every document of the space depends on besides its own parts."""
        return short_hash([_FORMAT, CONVERSION_IDENTITY, space.key, space.name, space.base, list(self.settings.tags)])

    @cached_property
    def _files(self) -> FileRules:
        return FileRules(self.settings, self.converter)
