"""The governor measures this process, waits where it must, and names the setting where it gives up."""

from __future__ import annotations

import threading
import time

import psutil
import pytest

from vector_pipeline.capacity.decision import Ceilings
from vector_pipeline.capacity.governor import Governor, MemoryCeilingReached
from vector_pipeline.capacity.meter import Meter, give_back_memory, machine_memory
from vector_pipeline.settings_limits import LimitSettings

MB = 1_000_000


def test_the_meter_sees_memory_that_is_taken_and_given_back() -> None:
    meter = Meter()
    before = meter.measure(fresh=True).memory
    ballast = bytearray(b"x" * (80 * MB))
    taken = meter.measure(fresh=True).memory
    del ballast
    assert taken - before > 60 * MB
    assert taken - meter.measure(fresh=True).memory > 60 * MB


def test_asking_for_the_measure_costs_next_to_nothing() -> None:
    meter = Meter()
    started = time.thread_time()
    for _ in range(1_000):
        meter.measure(fresh=True)
    looked = time.thread_time()
    for _ in range(10_000):
        meter.measure()
    assert time.thread_time() - looked < looked - started


PATIENCE = "vector_pipeline.capacity.governor._PATIENCE"


def test_the_default_is_half_of_the_machine_and_never_fails_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PATIENCE, 0.1)
    governor = Governor.from_settings(LimitSettings())
    assert governor.has_room()
    assert governor.allowed(200, 1000) == 200
    assert machine_memory() <= psutil.virtual_memory().total
    # A machine that is already full: the smallest batches, and no error.
    tight = Governor(Ceilings(memory=1, reserve=0))
    assert tight.allowed(200, 1000) == 1
    assert not tight.has_room()


def test_a_ceiling_that_was_asked_for_and_can_not_be_kept_is_an_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PATIENCE, 0.1)
    governor = Governor(Ceilings(memory=1, reserve=0, is_strict=True))
    with pytest.raises(MemoryCeilingReached, match=r"limits\.max_memory"):
        governor.allowed(200, 1000)


def test_it_waits_for_memory_that_another_thread_gives_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PATIENCE, 60.0)
    meter = Meter()
    give_back_memory()  # what other tests left must not make the room that is waited for
    base = meter.measure(fresh=True).memory
    ballast = [bytearray(b"x" * (100 * MB))]
    meter.measure(fresh=True)
    governor = Governor(Ceilings(memory=base + 60 * MB, reserve=0, is_strict=True), meter)
    threading.Timer(0.3, ballast.clear).start()
    assert governor.allowed(4, 1) >= 1
    assert not ballast


def test_fewer_items_come_at_once_where_the_room_is_small() -> None:
    meter = Meter()
    ceiling = int(meter.measure(fresh=True).memory * 1.5) + 200 * MB
    room = ceiling - meter.measure().memory
    governor = Governor(Ceilings(memory=ceiling, reserve=0), meter)
    windows = list(governor.windows(range(100), most=100, each=room // 40))
    assert [number for window in windows for number in window] == list(range(100))
    assert max(map(len, windows)) <= 15


def test_a_processor_ceiling_makes_work_take_longer_than_it_must() -> None:
    cores = psutil.cpu_count() or 1
    governor = Governor.from_settings(LimitSettings(max_cpu=0.1 / cores if 0.1 / cores >= 0.05 else 0.05))
    started = time.monotonic()
    governor.allowed(1, 1)
    before = time.process_time()
    while time.process_time() - before < 0.15:
        pass
    used = time.process_time() - before
    governor.allowed(1, 1)
    elapsed = time.monotonic() - started
    # Processor time is told in ticks of a hundredth of a second.
    assert elapsed >= 0.8 * used / max(0.1, 0.05 * cores)
