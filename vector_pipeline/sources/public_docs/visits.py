"""When the site is visited, whole or in part, and what of a visit is remembered from run to run.

The one idea: a visit has a number, and stays open until all of its pages were asked for; so a run that was killed is
continued and never begun again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from vector_pipeline.documents import hash16
from vector_pipeline.settings_public_docs import PublicDocsSettings
from vector_pipeline.sources.base import Known
from vector_pipeline.sources.public_docs.mirror import UNLINKED, Mirror

_DISCOVERY = {
    *("url", "start_urls", "discover", "sitemaps", "hosts", "include", "exclude", "query_parameters", "versions"),
    *("languages", "files", "robots", "max_depth", "max_pages", "max_file_size", "max_site_size"),
}
"""Settings that decide which pages are asked for."""


@dataclass(frozen=True, slots=True)
class OpenVisit:
    """A visit under way: `whole` asks for every page, `full` believes no validator. `began` is Unix time."""

    number: int
    whole: bool
    full: bool
    began: float


class Visits:
    """The visits of one site, remembered in its mirror."""

    def __init__(self, settings: PublicDocsSettings, mirror: Mirror) -> None:
        self._settings, self._mirror = settings, mirror
        self._discovery = hash16(settings.model_dump_json(include=_DISCOVERY).encode()).hex()

    @property
    def unfinished(self) -> bool:
        """Whether a visit is to be continued, or none was ever finished."""
        return bool(self._mirror.meta("open")) or not self._mirror.meta("whole_at")

    @property
    def progress(self) -> str:
        """The visit under way and how far it has come, for people and as a version that no finished visit has."""
        return f"visit {self._mirror.meta('open', '1')} at page {self._mirror.meta('visit_pages', '0')}"

    @property
    def cut(self) -> str:
        """Which limit ended the last whole visit, "" for none."""
        return self._mirror.meta("cut")

    @property
    def skipped(self) -> dict[str, int]:
        """What links led to and rules left out in the last whole visit."""
        return {key.partition(":")[2]: int(value) for key, value in self._mirror.metas("skipped:").items()}

    @property
    def news(self) -> str:
        """What a probe has found and no scan has seen yet, as the end of a version; "" for nothing."""
        wanted = len(self._mirror.wanted())
        marks = [f"{wanted} pages" if wanted else "", "sitemap" if self._mirror.meta("sitemap_news") else ""]
        if self._mirror.meta("visited_as") != self._discovery:
            marks.append("settings")
        if self._mirror.meta("evidence") and self._age() >= self._settings.revisit_soonest.total_seconds():
            marks.append("more")
        told = ", ".join(filter(None, marks))
        return f"+{told}" if told else ""

    def begin(self, known: Known) -> OpenVisit:
        """The visit to make now: the one under way, which may become a whole one, or a new one."""
        same = self._mirror.meta("visited_as") == self._discovery
        full = known.full and bool(known.cursor)
        whole = full or not same or self._is_due(known)
        full_before = bool(self._mirror.meta("open_full"))
        if (number := self._mirror.meta("open")) and same and (full_before or not full):
            whole |= bool(self._mirror.meta("open_whole"))
            visit = OpenVisit(int(number), whole, full_before, float(self._mirror.meta("open_at", "0")))
            self._mirror.remember(open_whole="1" if whole else "")
            return visit
        visit = OpenVisit(int(self._mirror.meta("last", "0")) + 1, whole, full, time.time())
        self._mirror.remember(
            open=str(visit.number),
            last=str(visit.number),
            open_whole="1" if whole else "",
            open_full="1" if full else "",
            open_at=str(visit.began),
            visited_as=self._discovery,
            visit_bytes="0",
            visit_pages="0",
        )
        return visit

    def end(self, visit: OpenVisit, cut: str) -> None:
        """Notes that all pages of the visit were asked for, but for those that a limit left out."""
        values = {"open": "", "sitemap_news": ""}
        if visit.whole:
            values |= {"whole_at": str(visit.began), "cut": cut, "evidence": "", UNLINKED: ""}
        self._mirror.remember(**values)
        self._mirror.want_none()

    def _is_due(self, known: Known) -> bool:
        if not self._mirror.meta("whole_at"):
            return True
        age, settings = self._age(), self._settings
        # A run that failed after its visit asks for a census again at once: that needs no second visit.
        soonest = min(settings.revisit_soonest, settings.census_every / 2).total_seconds()
        if known.census and age >= soonest:
            return True
        return bool(self._mirror.meta("evidence")) and age >= settings.revisit_soonest.total_seconds()

    def _age(self) -> float:
        """Seconds since the last finished whole visit began; a clock that was set back counts as long ago."""
        age = time.time() - float(self._mirror.meta("whole_at", "0"))
        return age if age >= 0 else float("inf")
