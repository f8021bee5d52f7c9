"""What is remembered of ended runs: which sources and jobs failed, and which checks last said no.

Plain values that go through the cursor of the alert sensor.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from typing import Any

MOST_KEPT = 1_000
"""Failed runs and failed checks that are remembered, each."""


@dataclass(frozen=True, slots=True)
class FailedRun:
    """The last run of a source, or of a job without one, that failed. `ended` is in seconds since 1970.

    `said` is the error in the history of the source, `held_back` the number of deletions that the brake held back.
    """

    subject: str
    source: str
    run_id: str
    ended: float
    said: str = ""
    held_back: int = 0


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check whose last answer for a source, or as a whole, was no."""

    asset: str
    check: str
    source: str
    error: bool
    blocking: bool
    offenders: int
    run_id: str
    everywhere: bool
    """Whether the check speaks of all sources at once, those that are gone included."""


@dataclass
class RunsSeen:
    """What is remembered of runs: the time of the newest, those read around it, and what failed."""

    until: float = 0.0
    read: list[str] = field(default_factory=list)
    failed: dict[str, FailedRun] = field(default_factory=dict)
    checks: dict[str, FailedCheck] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "until": self.until,
            "read": self.read,
            "failed": [asdict(run) for run in list(self.failed.values())[:MOST_KEPT]],
            "checks": [asdict(check) for check in list(self.checks.values())[:MOST_KEPT]],
        }

    def keep(
        self, sources: Collection[str], *, has_job: Callable[[str], bool], has_check: Callable[[str, str], bool]
    ) -> None:
        """Forgets what failed for sources, jobs and checks (asset, name) that are no more: nothing would end it."""
        self.failed = {
            key: run
            for key, run in self.failed.items()
            if (run.source in sources if run.source else has_job(run.subject.partition(" ")[0]))
        }
        self.checks = {
            key: one
            for key, one in self.checks.items()
            if has_check(one.asset, one.check) and (one.everywhere or not one.source or one.source in sources)
        }

    @classmethod
    def from_json(cls, found: Any) -> RunsSeen:
        """What `to_json` wrote; nothing remembered where it is something else."""
        try:
            failed = [FailedRun(**one) for one in found["failed"]]
            checks = [FailedCheck(**one) for one in found["checks"]]
            seen = cls(float(found["until"]), [str(one) for one in found["read"]])
        except (KeyError, TypeError, ValueError):
            return cls()
        seen.failed = {one.subject: one for one in failed}
        seen.checks = {check_key(one.asset, one.check, one.source): one for one in checks}
        return seen


def check_key(asset: str, check: str, source: str) -> str:
    """Names a check of an asset for a source."""
    return f"{asset} {check} {source}"
