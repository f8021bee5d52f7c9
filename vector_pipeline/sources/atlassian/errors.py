"""How an Atlassian site can fail to answer, told apart as far as a source must act differently.

All are errors of a source: whoever does not care catches those of `sources/base.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from vector_pipeline.sources.base import SourceDenied, SourceError, SourceMisconfigured, SourceUnreachable


class AnswerRefused(SourceError):
    """The site answered a question with a 4xx that is neither about credentials nor about its limits.

    `status` is the HTTP status, `messages` are the error texts of the body, shortened.
    """

    def __init__(self, message: str, *, hint: str = "", status: int = 0, messages: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.messages = list(messages)


class NotThere(AnswerRefused):
    """404 (or 410) of the REST interface itself: what was asked for does not exist, or this account may not see it."""


class NoApiHere(AnswerRefused, SourceMisconfigured):
    """404 or 410 of something that is not the wanted REST interface. Never proof that a page or issue is gone."""


class AccessDenied(SourceDenied):
    """401, 403 or a page to sign in at; `status` is the HTTP status."""

    def __init__(self, message: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class TooLarge(SourceError):
    """An answer or a file is longer than its limit."""


class SiteUnreachable(SourceUnreachable):
    """No usable answer after several tries. `status` is the last HTTP status, 0 where there was none.

    `smaller_may_work` says that the site is there and fails at this question (500, 504, an answer that breaks off,
    can't be decoded or takes too long): one that asks for less may be answered.
    """

    def __init__(self, message: str, *, hint: str = "", status: int = 0, smaller_may_work: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.smaller_may_work = smaller_may_work


class SiteThrottled(SourceUnreachable):
    """The site limits requests, and the settings allow no more waiting."""


class Abandoned(SourceError):
    """The work was given up before the site answered: nobody waits for it any more."""
