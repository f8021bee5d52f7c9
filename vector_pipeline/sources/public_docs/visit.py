"""A visit: asks the site's pages in an order that tells most soonest, and records each answer as it comes.

The one idea: threads ask and read, the calling thread alone records. Which pages were answered stands in the mirror,
so a visit that ends anywhere goes on with exactly the others. Answers that change a page wait in the mirror until the
end shows that they are believable (`settling`).
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from vector_pipeline.sources.base import SourceMisconfigured, SourceUnreachable
from vector_pipeline.sources.public_docs.answers import Answer, ClientClosed, PageRefused, SiteSilent, Validators
from vector_pipeline.sources.public_docs.contents import ALIAS, GONE, LEFT, Content, Row
from vector_pipeline.sources.public_docs.mirror import PENDING
from vector_pipeline.sources.public_docs.reading import Reading
from vector_pipeline.sources.public_docs.site import Site, Walk
from vector_pipeline.sources.public_docs.trouble import ALIKE, LIKE_MISSING, reason_to_distrust
from vector_pipeline.sources.public_docs.urls import normal_url
from vector_pipeline.sources.public_docs.words import sketch_of, sketched_likeness

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


@dataclass(frozen=True, slots=True)
class _Task:
    row: Row
    before: Content | None
    validators: Validators


@dataclass(frozen=True, slots=True)
class _Look:
    """What asking for a page gave: a reading, "unchanged", or the reason why neither. `silent` concerns the site."""

    task: _Task
    reading: Reading | None = None
    reason: str = ""
    silent: SiteSilent | None = None
    size: int = 0


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
        self._believes_lastmod = not site.mirror.meta("lastmod_lies")
        self._announced = self._announced_truly = 0
        self._good = 0
        self._doubtful: list[_Look] = []
        self._missing: frozenset[str] | None = None
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
                self._result.walk = self._site.walk(lambda ids: self._ask(pool, ids))
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

    def _ask(self, pool: ThreadPoolExecutor, ids: Sequence[int]) -> None:
        """Asks for those of a level that need it, the likeliest to have changed first."""
        rows = [row for row in self._mirror.rows(ids) if self._needs(row)]
        rows.sort(key=lambda row: (bool(row.answered) and row.lastmod == row.lastmod_seen, row.url))
        tasks = self._tasks(rows)
        under_way: set[Future[_Look]] = set()
        more = True
        while more or under_way:
            while more and len(under_way) < self._settings.concurrency * _AHEAD:
                task = next(tasks, None)
                if task is None:
                    more = False
                    break
                under_way.add(pool.submit(self._look, task))
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

    def _tasks(self, rows: Sequence[Row]) -> Iterator[_Task]:
        """What is asked next, until a limit of the visit is reached."""
        for row in rows:
            if time.monotonic() > self._ends and self._result.asked:  # each run gets on, however short its time
                self._result.cut, self._result.finished = "max_visit", False
            elif self._pages >= self._settings.max_pages:
                self._result.cut = "max_pages"
            elif self._bytes >= self._settings.max_site_size:
                self._result.cut = "max_site_size"
            else:
                self._pages += 1
                before = self._mirror.content(row.id)
                usable = before is not None and not self._unconditional
                usable = (
                    usable and before is not None and (before.is_text or before.read_as == self._site.reader.identity)
                )
                yield _Task(row, before, before.validators if before and usable else Validators())
                continue
            return

    def _look(self, task: _Task) -> _Look:
        """Asks for a page and reads it; runs on a thread of the pool and records nothing."""
        url = task.row.url
        if self._site.allows(url) is None:
            return _Look(task, reason="robots.txt of its host can't be read")
        reader = self._site.reader
        try:
            answer = self._site.client.get(
                url, task.validators, wanted=lambda media_type: reader.takes(url, media_type)
            )
        except ClientClosed:
            raise
        except SiteSilent as silent:
            return _Look(task, reason=silent.reason, silent=silent)
        except PageRefused as refused:
            return _Look(task, reason=refused.reason)
        return self._understood(task, answer)

    def _understood(self, task: _Task, answer: Answer) -> _Look:
        """What an answer means, by its status."""
        url, identity = task.row.url, self._site.reader.identity
        if answer.status == 304:
            return _Look(task)
        if answer.status == 200:
            return _Look(task, self._site.reader.read(url, answer), size=len(answer.body))
        if answer.status in (404, 410):
            return _Look(task, Reading(Content(GONE, note=f"{answer.status}: not found", read_as=identity)))
        if 300 <= answer.status < 400 and answer.location:
            target = normal_url(answer.location)
            if not target:
                return _Look(task, reason="redirects to what is no web address")
            if self._site.scope.reason_to_skip(target, listed=True) == "other host":
                return _Look(task, reason=f"redirects to another host, {_host(target)}, which `hosts` does not name")
            return _Look(task, Reading(Content(ALIAS, target=target, read_as=identity)))
        return _Look(task, reason=f"answers {answer.status}")

    # ---- recording

    def _take(self, look: _Look) -> None:
        """Records an answer, or keeps it back while it may be the site that is down."""
        self._bytes += look.size
        self._result.asked.add(look.task.row.id)
        reason = look.reason
        if look.reading is not None:
            reason = reason_to_distrust(look.task.before, look.reading, self._words_of_missing(look))
        if reason == LIKE_MISSING and not self._was_text(look.task):
            self._record(look, replace(look.reading.content, state=LEFT, note=reason) if look.reading else None, "")
            return
        if reason:
            self._doubtful.append(replace(look, reason=reason))
            self._stop_if_down()
            return
        self._good += 1
        row, before = look.task.row, look.task.before
        if row.answered and row.lastmod != row.lastmod_seen and before is not None:
            self._announced += 1
            self._announced_truly += look.reading is not None and look.reading.content.version != before.version
        self._flush()
        self._record(look, look.reading.content if look.reading else None, "")
        self._report()

    def _record(self, look: _Look, content: Content | None, reason: str) -> None:
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

    def _flush(self) -> None:
        """Records what was kept back: the site answers, so it is the pages that are in trouble."""
        doubtful, self._doubtful = self._doubtful, []
        for look in doubtful:
            self._record(look, None, look.reason)

    def _stop_if_down(self) -> None:
        silent = [look for look in self._doubtful if look.silent]
        if len(silent) >= SILENT_PAGES and all(look.silent for look in self._doubtful[-SILENT_PAGES:]):
            raise self._down(silent[-1].reason)
        if not self._good and len(self._doubtful) >= DOUBTED_PAGES:
            raise self._down(Counter(look.reason for look in self._doubtful).most_common(1)[0][0])
        if self._good and not self._doubtful[-1].silent:
            self._flush()

    def _conclude(self) -> None:
        """At the end: where nothing but silence came, the start page tells whether the site is down."""
        silent = [look for look in self._doubtful if look.silent]
        if silent and len(silent) == len(self._doubtful) and not self._good:
            if not any(look.task.row.url == self._site.start for look in silent):
                try:
                    self._site.client.get(self._site.start, wanted=lambda _: False)
                except SiteSilent as error:
                    raise self._down(error.reason) from error
                except PageRefused:
                    pass  # it answers, in a way that is not for us
                else:
                    silent = []
            if silent and any(look.task.row.url == self._site.start for look in silent):
                raise self._down(silent[-1].reason)
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

    def _was_text(self, task: _Task) -> bool:
        before = task.before
        return task.row.url in self._held if before is None else before.is_text and before.words > 0

    def _words_of_missing(self, look: _Look) -> frozenset[str] | None:
        """The words of what the site sends for a page it can't have; asked for once, when a page is new or changed."""
        reading, before = look.reading, look.task.before
        if reading is None or not reading.words or (before is not None and before.version == reading.content.version):
            return None
        if self._missing is None:
            self._missing = self._ask_for_nonsense()
        if look.task.row.url in self._site.starts and (
            not self._was_text(look.task) or self._mirror.meta("start_for_missing") == "1"
        ):
            return None  # a single-page application answers any address with its start page
        return self._missing

    def _ask_for_nonsense(self) -> frozenset[str]:
        folder = self._site.start[: self._site.start.rfind("/") + 1]
        url = f"{folder}{secrets.token_hex(8)}-{secrets.token_hex(4)}"
        if self._site.allows(url) is False:
            return frozenset()
        try:
            answer = self._site.client.get(url, wanted=lambda media_type: self._site.reader.takes(url, media_type))
        except (SiteSilent, PageRefused):
            return frozenset()
        if answer.status != 200:
            self._mirror.remember(start_for_missing="0")
            return frozenset()
        reading = self._site.reader.read(url, answer)
        return reading.words

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


def _host(url: str) -> str:
    return "".join(one for one in url.partition("://")[2].partition("/")[0] if one.isprintable())[:100]
