"""Reads issues in batches, in ever smaller ones where an answer is too much for the site or for the way.

Very large bulk answers arrive cut off or undecodable; a site that answers others but fails at one issue must
not keep the rest from being read.
"""

from __future__ import annotations

from collections.abc import Sequence

from vector_pipeline.sources.atlassian.errors import SiteUnreachable, TooLarge
from vector_pipeline.sources.base import SourceError
from vector_pipeline.sources.jira.api import Read
from vector_pipeline.sources.jira.context import Context

UNREADABLE = "the site can't give out this issue"


def read_in_pieces(context: Context, ids: Sequence[str], fields: Sequence[str], *, changelog: bool = False) -> Read:
    """The issues, and why the others are absent; one that fails by itself is in neither. Raises SourceError."""
    try:
        read = context.api.read(ids, fields, changelog=changelog)
    except (SiteUnreachable, TooLarge) as error:
        if not fails_alone(error):
            raise
        if len(ids) == 1:
            ensure_site_answers(context, error)
            return Read()
        read = Read()
    unread = [each for each in ids if each not in read.found and each not in read.absent]
    if not unread or len(ids) == 1:
        return read
    # Some that an answer could not hold may fit into the next; where it held none, each half is asked for by itself.
    middle = len(unread) // 2 if len(unread) == len(ids) else 0
    for piece in (unread[:middle], unread[middle:]):
        if piece:
            more = read_in_pieces(context, piece, fields, changelog=changelog)
            read = Read(read.found | more.found, read.absent | more.absent)
    return read


def fails_alone(error: SourceError) -> bool:
    """Whether a question for less may be answered though this one was not."""
    return isinstance(error, TooLarge) or (isinstance(error, SiteUnreachable) and error.smaller_may_work)


def ensure_site_answers(context: Context, error: SourceError) -> None:
    """Raises SourceError where the failure is not that of one issue: the site answers nothing, or hides the project."""
    if context.api.project(context.project.id) is None:
        raise error
