"""Bodies of pages and comments: read in bulk in the form wanted, or in another one where the service fails at that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vector_pipeline.conversion.atlassian import Markdown, References, adf_to_markdown, storage_to_markdown
from vector_pipeline.sources.confluence.answers import Json, value_at
from vector_pipeline.sources.confluence.search import Search, Unanswered

_VIEW = "view"


@dataclass(frozen=True, slots=True)
class Body:
    """A record of version 1 with its body: `text` in the form `form` ("storage", "atlas_doc_format" or "view")."""

    record: Json
    form: str
    text: str

    def markdown(self, references: References) -> Markdown:
        """The body as markdown. Never fails."""
        if self.form == "atlas_doc_format":
            return adf_to_markdown(self.text, references)
        # What a reader sees is plain XHTML: storage format without macros.
        return storage_to_markdown(self.text, references)


def read_with_bodies(
    search: Search, ids: Sequence[str], expand: Sequence[str], form: str
) -> dict[str, Body | Unanswered | None]:
    """Records by id with their bodies; None for what is not to be seen.

    A page whose body the service refuses in the form asked is read as its readers see it (fact twenty-six). One at
    which it merely fails is not: it may work the next time, and what readers see says less. Raises SourceError when
    the site itself fails.
    """
    found: dict[str, Body | Unanswered | None] = {}
    records = search.records(ids, (f"body.{form}", *expand)) if ids else {}
    for number, record in records.items():
        body = body_or_unanswered(record, form)
        if isinstance(body, Unanswered) and body.refused:
            seen = body_or_unanswered(search.record(number, (f"body.{_VIEW}", *expand)), _VIEW)
            body = body if isinstance(seen, Unanswered) else seen
        found[number] = body
    return found


def body_of(record: Json, form: str) -> Body | None:
    """The body a record holds in a form; None where it holds none."""
    text = value_at(record, "body", form, "value")
    return Body(record, form, text) if isinstance(text, str) else None


def body_or_unanswered(record: Json | Unanswered | None, form: str) -> Body | Unanswered | None:
    """The body of a record that was asked for with it; None for what is not to be seen."""
    if record is None or isinstance(record, Unanswered):
        return record
    return body_of(record, form) or Unanswered("the answer holds no body")
