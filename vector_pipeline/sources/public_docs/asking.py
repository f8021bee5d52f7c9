"""One page asked for: what came, before anybody decides whether it is believed.

The one idea: asking runs on any thread and records nothing; it gives a `Look`, and what is recorded of it is the
visit's decision.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from vector_pipeline.sources.public_docs.answers import Answer, ClientClosed, PageRefused, SiteSilent, Validators
from vector_pipeline.sources.public_docs.contents import ALIAS, GONE, LEFT, Content, Row
from vector_pipeline.sources.public_docs.reading import Reading
from vector_pipeline.sources.public_docs.site import Site
from vector_pipeline.sources.public_docs.trouble import reason_to_distrust
from vector_pipeline.sources.public_docs.urls import normal_url


@dataclass(frozen=True, slots=True)
class Task:
    """A page to ask for, with what it held last. `listed` says that a sitemap names it."""

    row: Row
    before: Content | None
    validators: Validators
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What asking for a page gave: a reading, "unchanged", or the reason why neither.

    `silent` concerns the site. `foreign` names in short a trouble that makes it no page of this site for a link that
    never led to one: it is not ours, or not for us.
    """

    task: Task
    reading: Reading | None = None
    reason: str = ""
    silent: SiteSilent | None = None
    foreign: str = ""
    size: int = 0


class Asker:
    """Asks for pages of a site; safe for threads."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def look(self, task: Task) -> Look:
        """Asks for a page and reads it. Raises ClientClosed."""
        url = task.row.url
        if self._site.allows(url) is None:
            return Look(task, reason="robots.txt of its host can't be read")
        reader = self._site.reader
        try:
            answer = self._site.client.get(
                url, task.validators, wanted=lambda media_type: reader.takes(url, media_type)
            )
        except ClientClosed:
            raise
        except SiteSilent as silent:
            return Look(task, reason=silent.reason, silent=silent)
        except PageRefused as refused:
            return Look(task, reason=refused.reason)
        return self._understood(task, answer)

    def is_well(self, task: Task, *, believed: bool) -> bool:
        """Whether a page is answered, or even (`believed`) answered as a page of the site. Raises ClientClosed."""
        look = self.look(task)
        if look.silent is not None or not believed:
            return look.silent is None
        return not look.reason and (look.reading is None or not reason_to_distrust(task.before, look.reading, None))

    def ask_for_nonsense(self) -> Reading:
        """What the site sends for a page that it can't have: GONE where it says so, no words where nothing came."""
        folder = self._site.start[: self._site.start.rfind("/") + 1]
        url = f"{folder}{secrets.token_hex(8)}-{secrets.token_hex(4)}"
        if self._site.allows(url) is False:
            return Reading(Content(LEFT))
        try:
            answer = self._site.client.get(url, wanted=lambda media_type: self._site.reader.takes(url, media_type))
        except (SiteSilent, PageRefused):
            return Reading(Content(LEFT))
        return self._site.reader.read(url, answer) if answer.status == 200 else Reading(Content(GONE))

    def _understood(self, task: Task, answer: Answer) -> Look:
        """What an answer means, by its status."""
        url, identity = task.row.url, self._site.reader.identity
        if answer.status == 304:
            return Look(task)
        if answer.status == 200:
            return Look(task, self._site.reader.read(url, answer), size=len(answer.body))
        if answer.status in (404, 410):
            return Look(task, Reading(Content(GONE, note=f"{answer.status}: not found", read_as=identity)))
        if 300 <= answer.status < 400 and answer.location:
            target = normal_url(answer.location)
            if not target:
                reason = "redirects to what is no web address"
                return Look(task, reason=reason, foreign=reason)
            if self._site.scope.reason_to_skip(target, listed=True) == "other host":
                reason = f"redirects to another host, {_host(target)}, which `hosts` does not name"
                return Look(task, reason=reason, foreign="redirects to another host")
            return Look(task, Reading(Content(ALIAS, target=target, read_as=identity)))
        reason = f"it answers {answer.status}"
        return Look(task, reason=reason, foreign=reason)


def _host(url: str) -> str:
    return "".join(one for one in url.partition("://")[2].partition("/")[0] if one.isprintable())[:100]
