"""A visit: asks the site's pages in an order that tells most soonest, and records each answer as it comes.

The one idea: threads ask and read, the calling thread alone records. Which pages were answered stands in the mirror,
so a visit that ends anywhere goes on with exactly the others. Answers that change a page wait in the mirror until the
end shows that they are believable (`settling`).
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from vector_pipeline.sources.base import SourceMisconfigured, SourceUnreachable
from vector_pipeline.sources.public_docs.answers import SiteSilent, Validators
from vector_pipeline.sources.public_docs.asking import Asker, Look, Task
from vector_pipeline.sources.public_docs.contents import GONE, LEFT, Content, Row
from vector_pipeline.sources.public_docs.mirror import PENDING
from vector_pipeline.sources.public_docs.site import Site, Walk
from vector_pipeline.sources.public_docs.trouble import (
    ALIKE,
    ASKS_PASSWORD,
    LEAST_GROUP,
    LIKE_MISSING,
    reason_to_distrust,
)
from vector_pipeline.sources.public_docs.words import likeness, sketch_of, sketched_likeness

_log = logging.getLogger(__name__)

SILENT_PAGES = 10
"""Pages in a row without an answer after which the site counts as down."""
LIES_FROM, LIES_SHARE = 20, 0.1
"""Announced changes (lastmod) from which on they are judged, and the share that must be true to be believed."""
DOUBTED_PAGES = 25
"""Pages in a row that are not believed, before any that is, after which the same holds."""
_LOG_SECONDS = 30.0
_AHEAD = 2
_MOST_SKIPPED = 100_000


@dataclass(slots=True)
class Visited:
    """What came of a visit: the ids asked, and "" or why it ended early. An unfinished one goes on next time.

    `incomplete` says that a part of the sitemaps could not be read.
    """

    asked: set[int] = field(default_factory=set)
    cut: str = ""
    finished: bool = True
    incomplete: bool = False
    walk: Walk = field(default_factory=Walk)


class Visit:
    """One run of a visit. `whole` asks every page; else those that are new, marked, announced or in `due`.

    `held` are the URLs of the documents that the pipeline holds: where the mirror was lost, they were pages before.
    """

    def __init__(
        self, site: Site, number: int, *, whole: bool, unconditional: bool, due: Set[str], held: Set[str]
    ) -> None:
        self._site, self._number = site, number
        self._whole, self._unconditional, self._due, self._held = whole, unconditional, due, held
        self._mirror, self._settings = site.mirror, site.settings
        self._started = self._logged = time.monotonic()
        self._ends = self._started + site.settings.max_visit.total_seconds()
        self._bytes = int(site.mirror.meta("visit_bytes", "0"))
        self._pages = int(site.mirror.meta("visit_pages", "0"))
        self._documents = site.mirror.count_documents()
        self._believes_lastmod = not site.mirror.meta("lastmod_lies")
        self._announced = self._announced_truly = 0
        self._good = 0
        self._good_task: Task | None = None
        self._asker = Asker(site)
        self._doubtful: list[Look] = []
        self._missing: frozenset[str] | None = None
        self._turned: dict[bytes, list[Row]] = {}
        self._reasons: Counter[str] = Counter()
        self._skipped: set[tuple[str, str]] = set()
        self._result = Visited()

    def run(self) -> Visited:
        """Asks what is to be asked. Raises SourceUnreachable where the site as a whole does not answer, and
        SourceMisconfigured where it has no sitemap but must; the client is closed then.
        """
        self._read_sitemaps()
        with ThreadPoolExecutor(self._settings.concurrency, thread_name_prefix="site") as pool:
            try:
                self._result.walk = self._site.walk(lambda ids, listed: self._ask(pool, ids, listed))
                # What nothing leads to any more may be gone, and was seen to have changed.
                self._ask(pool, self._mirror.wanted(), frozenset())
                self._conclude()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self._site.client.close()  # or the threads would wait for answers that nobody reads
                raise
            finally:
                self._mirror.remember(visit_bytes=str(self._bytes), visit_pages=str(self._pages))
        if self._whole:
            self._mirror.remember(**{f"skipped:{reason}": str(n) for reason, n in self._count_skipped().items()})
        if self._reasons:
            counts = ", ".join(f"{number} × {reason}" for reason, number in self._reasons.most_common(10))
            _log.warning("%s: pages that could not be read or believed: %s", self._site.label, counts)
        _log.info("%s: visit %s asked for %s pages", self._site.label, self._number, len(self._result.asked))
        return self._result

    def _read_sitemaps(self) -> None:
        site = self._site
        try:
            robots = site.client.robots(site.start)
        except SiteSilent as silent:
            raise self._down(f"robots.txt: {silent.reason}") from silent
        if self._settings.discover != "crawl":
            try:
                read = site.sitemaps.read(robots.sitemaps, unconditional=self._unconditional)
            except SiteSilent as silent:
                raise self._down(f"the sitemap: {silent.reason}") from silent
            self._result.incomplete = read.incomplete
            if self._settings.discover == "sitemap" and not read.found:
                raise SourceMisconfigured(
                    f"{site.label}: {self._settings.url} has no sitemap at the usual places",
                    hint="name it in `sitemaps`, or set discover: crawl",
                )
        site.decide_mode()

    # ---- asking

    def _ask(self, pool: ThreadPoolExecutor, ids: Sequence[int], listed: Set[int]) -> None:
        """Asks for those of a level that need it, the likeliest to have changed first."""
        rows = [row for row in self._mirror.rows(ids) if self._needs(row)]
        rows.sort(key=lambda row: (bool(row.answered) and row.lastmod == row.lastmod_seen, row.url))
        tasks = self._tasks(rows, listed)
        under_way: set[Future[Look]] = set()
        more = True
        while more or under_way:
            while more and len(under_way) < self._settings.concurrency * _AHEAD:
                task = next(tasks, None)
                if task is None:
                    more = False
                    break
                under_way.add(pool.submit(self._asker.look, task))
            if not under_way:
                break
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                self._take(future.result())

    def _needs(self, row: Row) -> bool:
        if row.answered >= self._number:
            return False
        if self._whole or not row.answered or row.wanted or row.url in self._due:
            return True
        return self._believes_lastmod and row.lastmod != row.lastmod_seen and not row.trouble

    def _tasks(self, rows: Sequence[Row], listed: Set[int]) -> Iterator[Task]:
        """What is asked next, until a limit of the visit is reached."""
        for row in rows:
            if time.monotonic() > self._ends and self._result.asked:  # each run gets on, however short its time
                self._result.cut, self._result.finished = "max_visit", False
            elif self._pages >= self._settings.max_pages:
                self._result.cut = "max_pages"
            elif not row.answered and self._documents >= self._settings.max_pages:
                self._result.cut = "max_pages"
                continue
            elif self._bytes >= self._settings.max_site_size:
                self._result.cut = "max_site_size"
            else:
                self._pages += 1
                yield self._task(row, row.id in listed)
                continue
            return

    def _task(self, row: Row, listed: bool = False) -> Task:
        before = self._mirror.content(row.id)
        usable = before is not None and (before.is_text or before.read_as == self._site.reader.identity)
        known = before.validators if before is not None and usable and not self._unconditional else Validators()
        return Task(row, before, known, listed)

    # ---- recording

    def _take(self, look: Look) -> None:
        """Records an answer, or keeps it back while it may be the site that is down."""
        self._bytes += look.size
        self._result.asked.add(look.task.row.id)
        reason = look.reason
        if look.reading is not None:
            reason = reason_to_distrust(look.task.before, look.reading, self._words_of_missing(look))
        if not reason and self._turned_into_missing(look):
            reason = LIKE_MISSING
        if note := self._why_none_of_ours(look, reason):
            content = look.reading.content if look.reading else Content(read_as=self._site.reader.identity, state=LEFT)
            self._record(look, replace(content, state=LEFT, note=note), "")
            return
        if reason:
            self._doubtful.append(replace(look, reason=reason))
            self._stop_if_down()
            return
        self._good, self._good_task = self._good + 1, look.task
        row, before = look.task.row, look.task.before
        if row.answered and row.lastmod != row.lastmod_seen and before is not None:
            self._announced += 1
            self._announced_truly += look.reading is not None and look.reading.content.version != before.version
        self._flush()
        self._record(look, look.reading.content if look.reading else None, "")
        self._report()

    def _record(self, look: Look, content: Content | None, reason: str) -> None:
        row, before = look.task.row, look.task.before
        if content is None:
            if reason:
                self._reasons[reason] += 1
            self._mirror.note(row, self._number, reason)
            return
        if look.reading is not None and len(self._skipped) < _MOST_SKIPPED:
            self._skipped.update(look.reading.skipped)
        differs = before is not None and before.version != content.version
        waits = before is not None and before.is_text and content.state not in (GONE, LEFT) and differs
        self._mirror.accept(row, content, self._number, PENDING if waits else 0)
        self._documents += content.is_text and before is None

    def _flush(self) -> None:
        """Records what was kept back: the site answers, so it is the pages that are in trouble."""
        doubtful, self._doubtful = self._doubtful, []
        for look in doubtful:
            self._record(look, None, look.reason)

    def _stop_if_down(self) -> None:
        """Raises where so many pages in a row are in doubt that it is the site: its good page is in doubt, too."""
        last = self._doubtful[-SILENT_PAGES:]
        silent = len(last) == SILENT_PAGES and all(look.silent for look in last)
        if silent or (not self._good and len(self._doubtful) >= DOUBTED_PAGES):
            if not self._is_well(believed=not silent):
                raise self._down(Counter(look.reason for look in self._doubtful).most_common(1)[0][0])
            self._flush()
        elif self._good and not last[-1].silent:
            self._flush()

    def _is_well(self, *, believed: bool) -> bool:
        """Whether the page that was good last, or else the start page, still is (see `Asker.is_well`)."""
        task = self._good_task
        if task is None and (row := self._mirror.row_of(self._site.start)) is not None:
            task = self._task(row)
        return task is not None and self._asker.is_well(task, believed=believed)

    def _conclude(self) -> None:
        """At the end: where nothing but silence came, the start page tells whether the site is down."""
        nothing_came = self._doubtful and not self._good and all(look.silent for look in self._doubtful)
        if nothing_came and not self._is_well(believed=False):
            raise self._down(self._doubtful[-1].reason)
        self._flush()
        if self._announced >= LIES_FROM:
            lies = self._announced_truly < LIES_SHARE * self._announced
            self._mirror.remember(lastmod_lies="1" if lies else "")
        if self._missing and (row := self._mirror.row_of(self._site.start)):
            start = self._mirror.content(row.id)
            alike = start is not None and sketched_likeness(start.sketch, sketch_of(self._missing)) >= ALIKE
            self._mirror.remember(start_for_missing="1" if alike else "0")

    def _down(self, reason: str) -> SourceUnreachable:
        return SourceUnreachable(
            f"{self._site.label}: the site {self._settings.url} does not answer as it should: {reason}",
            hint="nothing is changed or deleted meanwhile; the next run goes on with the pages not yet asked for",
        )

    def _was_text(self, task: Task) -> bool:
        before = task.before
        return task.row.url in self._held if before is None else before.is_text and before.words > 0

    def _turned_into_missing(self, look: Look) -> bool:
        """Whether pages that now say the same, one after another, say what the site says of everything for the moment.

        Too few for `settling` to notice, as where a site was down for a part of the visit.
        """
        reading, before = look.reading, look.task.before
        if reading is None or not reading.words or before is None or not before.is_text:
            return False
        if reading.content.version == before.version:
            return False
        alike = self._turned.setdefault(reading.content.shape, [])
        alike.append(look.task.row)
        if len(alike) != LEAST_GROUP:
            return False
        words = self._asker.ask_for_nonsense().words
        if not words or likeness(reading.words, words) < ALIKE:
            return False
        self._missing = words
        for row in alike[:-1]:
            self._reasons[LIKE_MISSING] += 1
            self._mirror.note(row, self._number, LIKE_MISSING)
        return True

    def _why_none_of_ours(self, look: Look, reason: str) -> str:
        """In short why a link leads to no page of this site: what was never held and no sitemap names is left out,
        where a page that was there before would be in trouble.
        """
        if reason == LIKE_MISSING:
            return "" if self._was_text(look.task) else reason
        task, before = look.task, look.task.before
        was_there = task.row.url in self._held or (before is not None and before.state not in (GONE, LEFT))
        if was_there or task.listed or task.row.url in self._site.starts:
            return ""
        note = look.foreign or ("asks for a password" if reason == ASKS_PASSWORD else "")
        # Where the mirror was lost, nobody knows what the page led to.
        self._result.incomplete |= bool(note and self._held and not self._mirror.meta("whole_at"))
        return note

    def _words_of_missing(self, look: Look) -> frozenset[str] | None:
        """The words of what the site sends for a page it can't have; asked for once, when a page is new or changed."""
        reading, before = look.reading, look.task.before
        if reading is None or not reading.words or (before is not None and before.version == reading.content.version):
            return None
        if self._missing is None:
            nonsense = self._asker.ask_for_nonsense()
            self._missing = nonsense.words
            if nonsense.content.state == GONE:
                self._mirror.remember(start_for_missing="0")
        if look.task.row.url in self._site.starts and (
            not self._was_text(look.task) or self._mirror.meta("start_for_missing") == "1"
        ):
            return None  # a single-page application answers any address with its start page
        return self._missing

    def _count_skipped(self) -> Counter[str]:
        return Counter(reason for reason, _ in self._skipped)

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._logged >= _LOG_SECONDS:
            self._logged = now
            asked = len(self._result.asked)
            _log.info(
                "%s: visit %s: %s pages asked, %.1f a second, %s in trouble",
                *(self._site.label, self._number, asked, asked / (now - self._started), sum(self._reasons.values())),
            )
