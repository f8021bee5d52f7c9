"""Our numbers in the form Prometheus reads, collected when they are asked for.

Names and units follow the conventions of Prometheus: base units (seconds, bytes), `_total` for what only grows,
`_info` for labels without a number. METRICS names all of them; a test compares it with the documentation. Counters
count from the start of the endpoint. What is dear is read as often as its cost allows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from vector_pipeline.monitoring.automation import Automation
from vector_pipeline.monitoring.paced import Paced
from vector_pipeline.monitoring.snapshot import ORDER, Snapshot
from vector_pipeline.monitoring.stats import Stats, collect
from vector_pipeline.monitoring.tally import Tally
from vector_pipeline.monitoring.watch import Watch
from vector_pipeline.sync.pipeline import Pipeline
from vector_pipeline.sync.stages import STAGES

RECENT_RUNS = 1_000
"""Rows of the history that one look reads."""

STATUSES = ("success", "partial", "failed")


@dataclass(frozen=True, slots=True)
class Described:
    """A metric: what it says, its kind, its labels."""

    text: str
    kind: str = "gauge"
    labels: tuple[str, ...] = ("source",)


METRICS: Mapping[str, Described] = {
    "build": Described(
        "Version of vector-pipeline and the collection of its settings", "info", ("version", "collection")
    ),
    "documents": Described("Documents held"),
    "chunks": Described("Chunks of the documents held"),
    "points": Described("Points in the collection of the settings, as the state store knows"),
    "texts": Described("Different texts of chunks of a source; each is embedded once"),
    "vectors": Described("Vectors of the model in use", labels=()),
    "quarantined_documents": Described("Documents that could not be brought in"),
    "storage_bytes": Described("Bytes on disk by what they are for", labels=("place",)),
    "source_status": Described("1 for the state the source is in, 0 for all others", labels=("source", "status")),
    "behind_seconds": Described("Seconds since the source is known not to be in step, 0 where it is"),
    "last_success_timestamp_seconds": Described("When the last good run of the source ended, Unix time"),
    "stage_done": Described("What the run under way has done in its stage", labels=("source", "stage", "unit")),
    "sync_runs": Described("Runs that ended", "counter", ("source", "status")),
    "stage_seconds": Described("Seconds that runs spent in a stage", "counter", ("source", "stage")),
    "embedded_texts": Described("Texts embedded", "counter"),
    "embedded_tokens": Described("Tokens embedded", "counter"),
    "embedding_cost": Described(
        "What embedding cost at the configured price, in the currency named", "counter", ("source", "currency")
    ),
    "check_passed": Described("1 where a check of the collection last passed, 0 where not", labels=("check",)),
    "queued_runs": Described("Runs that wait in the queue", labels=()),
    "unfinished_runs": Described("Runs by what they are doing, of the first 100", labels=("status",)),
    "queue_paused": Described("1 while the queue is paused", labels=()),
    "pool_limit": Described("Places of a pool", labels=("pool",)),
    "pool_used": Described("Places of a pool that are taken", labels=("pool",)),
    "pool_waiting": Described("Steps that wait for a place in a pool", labels=("pool",)),
    "daemon_up": Described("1 while the daemon is heard of", labels=()),
    "ticker_failures": Described("Failed ticks in a row of a sensor or schedule that is on", labels=("name", "kind")),
    "budget_wait_seconds": Described("Seconds until the next request to a site may leave", labels=("site",)),
    "budget_blocked_seconds": Described("Seconds for which a site wants no request", labels=("site",)),
    "process_cpu_cores": Described("CPU of our processes, in cores", labels=("pid", "process")),
    "process_memory_bytes": Described("Memory of our processes", labels=("pid", "process")),
}
"""Every metric by its name without the prefix `vector_pipeline_`; counters get `_total`, infos `_info`."""

PREFIX = "vector_pipeline_"

_Samples = Sequence[tuple[tuple[str, ...], float]]


def exposed_name(name: str) -> str:
    """The name as it is served."""
    return PREFIX + name + {"counter": "_total", "info": "_info"}.get(METRICS[name].kind, "")


class Numbers(Collector):
    """Collects all metrics of a project at each scrape."""

    def __init__(self, pipeline: Pipeline, automation: Callable[[], Automation], settings_file: str = "") -> None:
        self._pipeline = pipeline
        self._watch = Watch(pipeline, automation, settings_file)
        self._lock = threading.Lock()
        self._stats = Paced(lambda: collect(pipeline), least=15.0)
        self._snapshot = Paced(self._watch.snapshot, least=2.0, share=0.2, most=15.0)
        self._tally: Tally | None = None

    def describe(self) -> Iterable[Metric]:
        """Nothing: who registers this must not wait for a look at everything."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics as they are now; scrapes at the same time wait for each other. Raises PipelineError."""
        with self._lock:
            recent = self._pipeline.store.ingestions(limit=RECENT_RUNS)
            if self._tally is None:
                self._tally = Tally(recent)
            self._tally.take(recent)
            rows = {**self._amounts(self._stats()), **self._states(self._snapshot()), **self._counted(self._tally)}
        for name, samples in rows.items():
            yield _family(name, samples)

    def _amounts(self, stats: Stats) -> dict[str, _Samples]:
        sources = stats.sources
        return {
            "build": [((version("vector-pipeline"), self._pipeline.collection), 1.0)],
            "documents": [((one.source,), one.documents) for one in sources],
            "chunks": [((one.source,), one.chunks) for one in sources],
            "points": [((one.source,), one.points) for one in sources],
            "texts": [((one.source,), one.texts) for one in sources],
            "vectors": [((), stats.vectors)],
            "storage_bytes": [((place,), size) for place, size in stats.sizes.items()],
        }

    def _states(self, one: Snapshot) -> dict[str, _Samples]:
        queue = one.automation
        under_way = [run.status for run in queue.runs]
        found: dict[str, _Samples] = {
            "quarantined_documents": [((line.source,), line.quarantined) for line in one.sources],
            "source_status": [
                ((line.source, status), float(line.status == status)) for line in one.sources for status in ORDER
            ],
            "behind_seconds": [((line.source,), line.behind_seconds) for line in one.sources],
            "last_success_timestamp_seconds": [
                ((line.source,), line.in_step_at.timestamp()) for line in one.sources if line.in_step_at
            ],
            "stage_done": [((line.source, line.stage, line.unit), line.done) for line in one.sources if line.stage],
            "budget_wait_seconds": [((line.site,), line.wait_seconds) for line in one.budgets],
            "budget_blocked_seconds": [((line.site,), line.blocked_seconds) for line in one.budgets],
            "process_cpu_cores": [((str(line.pid), line.what), line.cpu) for line in one.processes],
            "process_memory_bytes": [((str(line.pid), line.what), line.memory) for line in one.processes],
        }
        if not queue.is_used:
            return found
        return found | {
            "check_passed": [((check.name,), float(check.passed)) for check in queue.checks],
            "queued_runs": [((), queue.queued)],
            "unfinished_runs": [
                ((status,), under_way.count(status)) for status in ("queued", "starting", "running", "stopping")
            ],
            "queue_paused": [((), float(queue.paused_since is not None))],
            "pool_limit": [((pool.name,), pool.limit) for pool in queue.pools if pool.limit is not None],
            "pool_used": [((pool.name,), pool.used) for pool in queue.pools],
            "pool_waiting": [((pool.name,), pool.waiting) for pool in queue.pools],
            "daemon_up": [((), float(queue.is_alive(one.at)))],
            "ticker_failures": [((tick.name, tick.kind), tick.failures) for tick in queue.tickers if tick.is_on],
        }

    def _counted(self, tally: Tally) -> dict[str, _Samples]:
        """What only grows. Every source is there from the start, at 0: a rate needs a number to start from."""
        names = self._pipeline.partitions()
        currency = self._pipeline.settings.embedding.currency
        runs = dict.fromkeys(((name, status) for name in names for status in STATUSES), 0) | dict(tally.runs)
        zeros = dict.fromkeys(names, 0.0)
        seconds: _Samples = [
            ((source, stage), number)
            for stage in STAGES
            for source, number in (zeros | tally.of(f"{stage}: seconds")).items()
        ]
        cost = zeros | tally.of("embeddings: cost")
        return {
            "sync_runs": list(runs.items()),
            "stage_seconds": seconds,
            "embedded_texts": [
                ((name,), number) for name, number in (zeros | tally.of("embeddings: embedded")).items()
            ],
            "embedded_tokens": [((name,), number) for name, number in (zeros | tally.of("embeddings: tokens")).items()],
            "embedding_cost": [((name, currency), number) for name, number in cost.items()],
        }


def _family(name: str, samples: _Samples) -> Metric:
    """One metric with its samples."""
    described, full = METRICS[name], PREFIX + name
    family: GaugeMetricFamily | CounterMetricFamily | InfoMetricFamily
    if described.kind == "info":
        family = InfoMetricFamily(full, described.text)
        for labels, _ in samples:
            family.add_metric([], dict(zip(described.labels, map(_clean, labels), strict=True)))
        return family
    kind = CounterMetricFamily if described.kind == "counter" else GaugeMetricFamily
    family = kind(full, described.text, labels=described.labels)
    for labels, number in samples:
        family.add_metric([_clean(label) for label in labels], float(number))
    return family


def _clean(label: str) -> str:
    """A label as UTF-8 can hold it; quotes and line ends are escaped where it is written."""
    return label.encode("utf-8", "replace").decode()
