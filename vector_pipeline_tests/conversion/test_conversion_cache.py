"""Kept conversions: found again, damaged ones as good as none, and never more of them than the disk space given."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.conversion.content import FEW_ATTEMPTS, ConversionError, Converted
from vector_pipeline.conversion.conversion_cache import ConversionCache
from vector_pipeline.conversion.wire import (
    Request,
    answer_of,
    answer_of_error,
    converted_from,
    request_body,
    request_from,
)

LONGEST = 10_000_000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ANY_TEXT = st.text(st.characters())  # half characters too
CONVERTED = st.builds(
    Converted,
    text=ANY_TEXT,
    kind=st.sampled_from(["markdown", "text", "code"]),
    language=ANY_TEXT,
    title=ANY_TEXT,
    metadata=st.dictionaries(st.text(), JSON, max_size=4),
    context=ANY_TEXT,
)


def key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@given(converted=CONVERTED)
def test_a_result_goes_over_the_wire_and_to_disk_as_it_is(converted: Converted) -> None:
    answer = answer_of(converted, 1000)
    with tempfile.TemporaryDirectory() as folder:
        cache = ConversionCache(Path(folder), 1_000_000)
        cache.put(key("a"), answer)
        kept = cache.get(key("a"), LONGEST)
    assert kept is not None
    assert converted_from(kept) == converted


@given(data=st.binary(), passwords=st.lists(ANY_TEXT, max_size=3), name=ANY_TEXT)
def test_a_request_goes_over_the_wire_as_it_is(data: bytes, passwords: list[str], name: str) -> None:
    request = Request("docx", name, data, office=True, passwords=passwords, max_text=7)
    assert request_from(request_body(request)) == request


@given(message=ANY_TEXT, hint=ANY_TEXT, permanent=st.booleans(), attempts=st.integers(0, FEW_ATTEMPTS))
def test_a_failure_goes_over_the_wire_as_it_is(message: str, hint: str, permanent: bool, attempts: int) -> None:
    with pytest.raises(ConversionError) as caught:
        converted_from(answer_of_error(ConversionError(message, hint=hint, permanent=permanent, attempts=attempts)))
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert (caught.value.permanent, caught.value.attempts) == (permanent, attempts)


@given(answer=st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_a_worker_answers_is_a_result_or_a_failure(answer: bytes) -> None:
    with contextlib.suppress(ConversionError):
        assert converted_from(answer).kind in ("markdown", "text", "code")


def test_an_entry_is_private_and_nothing_partial_is_left(tmp_path: Path) -> None:
    ConversionCache(tmp_path / "kept", 1_000_000).put(key("a"), b"words")
    [file] = files(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"words" not in file.read_bytes() or len(file.read_bytes()) > 5


def test_a_damaged_entry_is_none_and_is_written_anew(tmp_path: Path) -> None:
    cache = ConversionCache(tmp_path, 1_000_000)
    answer = os.urandom(500)
    cache.put(key("a"), answer)
    [file] = files(tmp_path)
    whole = file.read_bytes()
    damaged = [whole[:length] for length in range(0, len(whole), 50)]
    damaged += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 50)]
    for data in [*damaged, whole + b"more"]:
        file.write_bytes(data)
        assert cache.get(key("a"), LONGEST) is None
    cache.put(key("a"), answer)
    assert cache.get(key("a"), LONGEST) == answer


def test_an_entry_longer_than_expected_is_none(tmp_path: Path) -> None:
    cache = ConversionCache(tmp_path, 1_000_000)
    cache.put(key("a"), bytes(100_000))
    assert cache.get(key("a"), 99_999) is None
    assert cache.get(key("a"), 100_001) == bytes(100_000)


def test_what_was_used_longest_ago_goes_first_and_the_space_is_kept_to(tmp_path: Path) -> None:
    cache = ConversionCache(tmp_path, 20 * 4096)
    for number in range(30):
        cache.put(key(str(number)), os.urandom(3000))
        for path in files(tmp_path):
            os.utime(path, (path.stat().st_atime - 10, path.stat().st_mtime - 10))
        assert cache.get(key("0"), LONGEST) is not None
        assert len(files(tmp_path)) <= 20
    there = {number for number in range(30) if cache.get(key(str(number)), LONGEST) is not None}
    assert there >= {0, 29}
    assert there - {0} == set(range(30 - len(there) + 1, 30)), "the newest, and the one that is used"


def test_what_another_process_kept_counts_too(tmp_path: Path) -> None:
    for number in range(10):
        ConversionCache(tmp_path, 100 * 4096).put(key(str(number)), os.urandom(3000))
    ConversionCache(tmp_path, 5 * 4096).put(key("new"), os.urandom(3000))
    assert len(files(tmp_path)) <= 5


def test_an_entry_larger_than_all_the_space_is_not_kept(tmp_path: Path) -> None:
    cache = ConversionCache(tmp_path, 100_000)
    cache.put(key("small"), b"words")
    cache.put(key("large"), os.urandom(200_000))
    assert cache.get(key("large"), LONGEST) is None
    assert cache.get(key("small"), LONGEST) == b"words"


def test_a_folder_that_can_not_be_written_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = ConversionCache(tmp_path / "file", 1_000_000)
    for name in "abc":
        cache.put(key(name), b"words")
        assert cache.get(key(name), LONGEST) is None
    assert len(caplog.records) == 1


def test_threads_may_share_a_cache(tmp_path: Path) -> None:
    cache = ConversionCache(tmp_path, 10 * 4096)
    wrong: list[str] = []

    def work(thread: int) -> None:
        for number in range(100):
            name = key(str(number % 20))
            cache.put(name, name.encode())
            if cache.get(name, LONGEST) not in (None, name.encode()):
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(files(tmp_path)) <= 10
