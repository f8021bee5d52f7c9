"""The converter: text in this process, other files by workers and once only, and what a result depends on named."""

from __future__ import annotations

import sys
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.conversion.ahead import work_ahead
from vector_pipeline.conversion.content import ConversionError
from vector_pipeline.conversion.converter import Converter
from vector_pipeline.settings import ConversionSettings
from vector_pipeline_tests.conversion.pdf_files import make_pdf
from vector_pipeline_tests.conversion.unruly_worker import COMMAND


def unruly(folder: Path, **settings: Any) -> Converter:
    """A converter whose workers do what files say."""
    return Converter(ConversionSettings.model_validate(settings), folder, command=COMMAND)


@pytest.fixture
def converter(tmp_path: Path) -> Iterator[Converter]:
    """The same, closed at the end."""
    converter = unruly(tmp_path)
    yield converter
    converter.close()


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the office extra were not installed."""
    monkeypatch.setitem(sys.modules, "xberg", None)


def pid(converter: Converter, data: bytes, path: str = "a.docx") -> int:
    """The process that converted the file, now or at first."""
    return int(converter.convert(path, data).metadata["pid"])


def test_text_is_read_in_this_process_and_leaves_nothing_behind(converter: Converter, tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    assert converter.convert("a.md", b"# Title\n\nWords.\n").title == "Title"
    assert converter.convert(b"\xff.py", b"x = 1\n").kind == "code"
    with pytest.raises(ConversionError, match="unknown kind"):
        converter.convert("a.bin", b"")
    assert set(psutil.Process().children()) <= before
    assert list(tmp_path.iterdir()) == []


def test_a_pdf_file_is_read_by_a_worker(tmp_path: Path) -> None:
    converter = Converter(ConversionSettings(), tmp_path)
    try:
        converted = converter.convert("a.pdf", make_pdf(["Words of a page", "of another"]))
        assert "Words of a page" in converted.text
        assert converted.metadata["pages"] == 2
        with pytest.raises(ConversionError) as caught:
            converter.convert("a.pdf", b"no PDF")
        assert caught.value.permanent
    finally:
        converter.close()


def test_the_same_bytes_are_converted_once(tmp_path: Path) -> None:
    first, second = unruly(tmp_path), unruly(tmp_path)
    try:
        before = pid(first, b"say hello")
        assert pid(first, b"say hello", "other/name.docx") == before
        assert pid(second, b"say hello") == before, "another process, or another day"
        assert pid(second, b"say other words") != before
        assert pid(second, b"say hello", "a.pptx") != before, "the name tells another kind"
    finally:
        first.close()
        second.close()


def test_threads_that_ask_for_the_same_at_once_are_answered_by_one_conversion(converter: Converter) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda _: pid(converter, b"say hello"), range(16)))) == 1


def test_what_will_fail_again_is_remembered_and_what_may_not_is_tried_again(tmp_path: Path) -> None:
    patient, hurried = unruly(tmp_path), unruly(tmp_path, timeout=0.2)
    try:
        for words, kept in (
            ("refuse", 1),
            ("hang", 1),
            ("crash", 1),
            ("fail_at_the_system 24", 1),
            ("grow 10000000000", 1),
            ("talk 1", 2),
        ):
            converter = hurried if words == "hang" else patient
            for _ in range(2):
                if words == "talk 1":
                    converter.convert("a.docx", words.encode())
                    continue
                with pytest.raises(ConversionError):
                    converter.convert("a.docx", words.encode())
            assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == kept, words
    finally:
        patient.close()
        hurried.close()


def test_a_pdf_is_converted_anew_with_more_memory_since_headings_may_have_been_left_out_for_it(tmp_path: Path) -> None:
    files = []
    for max_memory in ("200MB", "300MB", "300MB"):
        converter = unruly(tmp_path, max_memory=max_memory)
        converter.convert("a.pdf", b"say hello")
        converter.convert("a.docx", b"say hello")
        converter.close()
        files.append(sum(path.is_file() for path in tmp_path.rglob("*")))
    assert files == [2, 3, 3]


def test_an_entry_in_a_form_of_another_version_is_converted_anew(converter: Converter, tmp_path: Path) -> None:
    first = converter.convert("a.docx", b"say hello").text
    (entry,) = (path for path in tmp_path.rglob("*") if path.is_file())
    entry.write_bytes(zlib.compress(b'{"words":"hello"}'))
    assert converter.convert("a.docx", b"say hello").text == first
    assert b"words" not in zlib.decompress(entry.read_bytes())


def test_a_conversion_that_is_remembered_fails_without_a_worker(tmp_path: Path) -> None:
    first = unruly(tmp_path)
    with pytest.raises(ConversionError, match="is refused"):
        first.convert("a.docx", b"refuse")
    first.close()
    before = set(psutil.Process().children())
    with pytest.raises(ConversionError, match="is refused; ask again"):
        unruly(tmp_path).convert("a.docx", b"refuse")
    assert set(psutil.Process().children()) <= before


def test_without_the_extra_its_files_say_what_they_need_and_pdf_is_read(tmp_path: Path, without_extra: None) -> None:
    converter = Converter(ConversionSettings(), tmp_path)
    try:
        for name in ("a.docx", "a.XLSX", "a.pptx", "a.odt", "a.epub", "a.eml"):
            assert converter.reason_to_skip(name) == "", "worth a word in quarantine"
            with pytest.raises(ConversionError) as caught:
                converter.convert(name, b"PK")
            assert str(caught.value) == 'needs the office extra; pip install "vector-pipeline[office]"'
        assert converter.reason_to_skip(b"photo.png") == "image: needs the office extra"
        assert "Words" in converter.convert("a.pdf", make_pdf(["Words"])).text
    finally:
        converter.close()


def test_what_is_left_out_for_its_kind_says_why(converter: Converter) -> None:
    assert converter.reason_to_skip("a/photo.png") == ""
    assert converter.reason_to_skip("a/b.md") == ""
    assert converter.reason_to_skip(b"a/b.bin") == "binary or unknown kind"
    for name in ("a.zip", "a.tar.gz", b"A.7Z"):
        assert converter.reason_to_skip(name) == "archive, not entered"


def test_installing_the_extra_changes_the_identity_of_its_files_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("a.md", "a.html", "a.py", "a.ipynb", "a.pdf", "a.docx", "a.png")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "xberg", None)
        bare = Converter(ConversionSettings(), tmp_path)
        before, all_before = [bare.identity(name) for name in names], bare.files_identity
    full = Converter(ConversionSettings(), tmp_path)
    after = [full.identity(name) for name in names]
    assert before[:4] == after[:4] == [""] * 4
    assert all(one != other for one, other in zip(before[4:], after[4:], strict=True))
    assert "xberg" in after[5]
    assert full.files_identity != all_before


@pytest.mark.parametrize(
    "change", [{"timeout": "61s"}, {"max_memory": "2GB"}, {"max_text": 5000}, {"passwords": ["open sesame"]}]
)
def test_a_limit_and_a_password_are_part_of_the_identity(tmp_path: Path, change: dict[str, Any]) -> None:
    before, after = unruly(tmp_path), unruly(tmp_path, **change)
    for name in ("a.pdf", "a.docx"):
        assert before.identity(name) != after.identity(name)
        assert "sesame" not in after.identity(name)
    assert before.files_identity != after.files_identity
    assert before.identity("a.md") == after.identity("a.md") == ""


def test_how_many_workers_and_how_much_is_kept_is_not(tmp_path: Path) -> None:
    before, after = unruly(tmp_path), unruly(tmp_path, workers=7, cache_size="1MB", passwords=["", ""])
    assert before.identity("a.docx") == after.identity("a.docx") == before.identity(b"\xff/b.DOCX")


def test_files_for_workers_are_converted_ahead_so_that_all_workers_are_busy(tmp_path: Path) -> None:
    converter = unruly(tmp_path, workers=2)
    try:
        names = [b"%d.docx" % number if number % 3 else b"%d.md" % number for number in range(60)]
        at_once, most = [0], [0]
        lock = threading.Lock()
        both = threading.Barrier(2, timeout=60)

        def work(name: bytes) -> str:
            with lock:
                at_once[0] += 1
                most[0] = max(most[0], at_once[0])
            if name in names[1:3]:
                both.wait()
            try:
                return converter.convert(name, b"say " + name).text
            finally:
                with lock:
                    at_once[0] -= 1

        found = list(converter.ahead(work, ((name, name) for name in names)))
        assert found == [("say " if name.endswith(b".md") else "") + name.decode() for name in names]
        assert 2 <= most[0] <= 5
    finally:
        converter.close()


def test_ending_early_stops_what_is_under_way(converter: Converter) -> None:
    files = [b"say hello", *[b"hang %d" % number for number in range(20)]]
    converter.convert("a.docx", files[0])  # kept, so that it waits for no worker that hangs
    results = converter.ahead(
        lambda data: converter.convert("a.docx", data).text, ((b"a.docx", data) for data in files)
    )
    assert next(results) == "hello"
    started = time.monotonic()
    results.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 30
    assert converter.convert("a.docx", b"say more").text == "more"


@given(slow=st.lists(st.booleans(), max_size=40), at_once=st.integers(1, 4), read=st.integers(0, 40))
def test_work_ahead_keeps_the_order_and_runs_only_a_little_ahead(slow: list[bool], at_once: int, read: int) -> None:
    taken = [0]
    stopped: list[bool] = []

    def items() -> Iterator[tuple[bool, int]]:
        for number, is_slow in enumerate(slow):
            taken[0] += 1
            yield is_slow, number

    results = work_ahead(
        lambda number: number, items(), at_once, on_thread=lambda number: number, stop=lambda: stopped.append(True)
    )
    for expected in range(min(read, len(slow))):
        assert next(results) == expected
        assert taken[0] <= expected + 1 + 4 * at_once
    results.close()  # type: ignore[attr-defined]
    assert len(stopped) <= 1


@pytest.mark.parametrize("slow", [(True, True, False), (False, False, False), (True, False, True)])
def test_a_failure_is_raised_in_its_place(slow: tuple[bool, ...]) -> None:
    def work(number: int) -> int:
        return 1 // (1 - number)

    results = work_ahead(work, enumerate_with(slow), 2, on_thread=work, stop=lambda: None)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def enumerate_with(slow: tuple[bool, ...]) -> Iterator[tuple[bool, int]]:
    return ((is_slow, number) for number, is_slow in enumerate(slow))
