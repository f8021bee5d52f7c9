"""Asking parts of the system how they are: several at once, each within its own time, none hides the others.

A probe answers with a finding or raises our own error; one that takes too long is left behind and said to fail.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from vector_pipeline.errors import PipelineError

State = Literal["ok", "degraded", "failed"]
"""`degraded`: it works, or is switched off, and somebody should know."""

AT_ONCE = 8
"""Probes under way at the same time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe found out: a state, what is so in a few words, and what a person can do ("" for nothing)."""

    state: State
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """Something to ask: how it is called, who answers, and how many seconds the answer may take."""

    name: str
    ask: Callable[[], Finding]
    patience: float


@dataclass(frozen=True, slots=True)
class Probe:
    """An answered question; `seconds` is how long the answer took."""

    name: str
    state: State
    seconds: float
    message: str
    hint: str = ""


def run_probes(questions: Sequence[Question], at_once: int = AT_ONCE) -> list[Probe]:
    """The answers, in the order of the questions."""
    waiting = deque(enumerate(questions))
    under_way: dict[int, float] = {}
    arrived: queue.SimpleQueue[tuple[int, Finding]] = queue.SimpleQueue()
    answers: dict[int, Probe] = {}
    while waiting or under_way:
        while waiting and len(under_way) < at_once:
            place, question = waiting.popleft()
            under_way[place] = time.monotonic()
            # Daemon threads: neither Ctrl-C nor the end of the process waits for a probe that hangs.
            threading.Thread(
                target=_answer, args=(place, question, arrived), name=f"probe {question.name}", daemon=True
            ).start()
        next_deadline = min(began + questions[place].patience for place, began in under_way.items())
        try:
            found = [arrived.get(timeout=max(0.0, next_deadline - time.monotonic()))]
        except queue.Empty:
            found = [
                (place, _too_late(questions[place]))
                for place, began in under_way.items()
                if began + questions[place].patience <= time.monotonic()
            ]
        for place, finding in found:
            began_at = under_way.pop(place, None)
            if began_at is not None:
                seconds = time.monotonic() - began_at
                name = questions[place].name
                answers[place] = Probe(name, finding.state, seconds, finding.message, finding.hint)
    return [answers[place] for place in range(len(questions))]


def finding_of(error: PipelineError) -> Finding:
    """What an error of ours means for the part that was asked."""
    return Finding("failed", error.message, error.hint)


def _answer(place: int, question: Question, arrived: queue.SimpleQueue[tuple[int, Finding]]) -> None:
    try:
        finding = question.ask()
    except PipelineError as error:
        finding = finding_of(error)
    except Exception as error:  # noqa: BLE001  # whatever a part raises, the others must still be heard
        finding = Finding("failed", f"the probe failed with {type(error).__name__}")
    arrived.put((place, finding))


def _too_late(question: Question) -> Finding:
    return Finding("failed", f"no answer within {question.patience:g} s", "is it reachable, and not overloaded?")
