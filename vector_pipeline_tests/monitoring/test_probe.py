"""Several parts are asked at once, each within its own time, and none hides the others."""

from __future__ import annotations

import threading
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline.errors import PipelineError
from vector_pipeline.monitoring.probe import Finding, Question, run_probes


def ok(name: str) -> Question:
    return Question(name, lambda: Finding("ok", name), 120)


def test_a_part_that_hangs_is_left_behind_and_the_others_are_heard() -> None:
    never = threading.Event()

    def hang() -> Finding:
        never.wait(120)
        return Finding("ok", "too late")

    began = time.monotonic()
    hung, quick = run_probes([Question("hung", hang, 0.1), ok("quick")])
    assert time.monotonic() - began < 60
    assert (hung.state, hung.message) == ("failed", "no answer within 0.1 s")
    assert (quick.state, quick.message) == ("ok", "quick")
    never.set()


def test_errors_of_ours_are_told_with_their_hint_and_others_by_their_class_alone() -> None:
    def ours() -> Finding:
        raise PipelineError("the index is gone", hint="run repair")

    def other() -> Finding:
        raise ValueError("text of a document")

    first, second = run_probes([Question("a", ours, 120), Question("b", other, 120)])
    assert (first.state, first.message, first.hint) == ("failed", "the index is gone", "run repair")
    assert (second.state, second.message) == ("failed", "the probe failed with ValueError")


@settings(max_examples=20)
@given(st.lists(st.text(max_size=5), max_size=20), st.integers(1, 4))
def test_every_question_is_answered_once_in_its_place(names: list[str], at_once: int) -> None:
    assert [probe.name for probe in run_probes([ok(name) for name in names], at_once)] == names
