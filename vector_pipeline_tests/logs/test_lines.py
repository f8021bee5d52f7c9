"""A record becomes one line that can be read back, whatever is in it."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.errors import PipelineError
from vector_pipeline.logs.about import Marking, about
from vector_pipeline.logs.lines import Entry, bare_run, hide, json_line, read_line, short_run, text_line
from vector_pipeline.logs.reading import Wanted

NOTHING_HIDDEN = hide(frozenset())


def record(message: str, *arguments: object, **facts: Any) -> logging.LogRecord:
    made = logging.LogRecord("vector_pipeline.test", logging.WARNING, __file__, 1, message, arguments, None)
    vars(made).update(facts)
    return made


@given(st.text(), st.text())
def test_any_message_is_one_line_that_is_read_back(message: str, reason: str) -> None:
    line = json_line(record("%s", message, source="git/a", hint=reason), NOTHING_HIDDEN)
    assert line.isascii()
    assert line.isprintable()
    entry = read_line(line)
    assert entry is not None
    assert (entry.message, entry.source, entry.level) == (message, "git/a", "warning")
    text = text_line(record("%s", message, source="git/a", run="0123456789"), NOTHING_HIDDEN)
    assert text.isprintable()
    entry = read_line(text)
    assert entry is not None
    assert (entry.source, entry.run, entry.level) == ("git/a", "01234567", "warning")


def test_a_line_for_people_holds_what_the_record_knows() -> None:
    line = text_line(
        record("chunks: done", source="git/a", run="0123456789abc", stage="chunks", seconds=1.23456, counts={"new": 2}),
        NOTHING_HIDDEN,
    )
    time, _, rest = line.partition(" ")
    assert time.endswith("Z")
    assert rest == "WARNING git/a 01234567 chunks: done stage=chunks seconds=1.235 counts=new:2"


@given(st.text())
def test_anything_may_stand_in_a_file_that_is_read(line: str) -> None:
    read_line(line)


@pytest.mark.parametrize(
    "line", ["", "{}", "[]", '{"time": 1}', '{"time": "x", "level": "a", "message": "b"}', "a b c"]
)
def test_what_is_no_line_of_a_log_is_passed_over(line: str) -> None:
    assert read_line(line) is None


def test_secrets_are_taken_out_of_every_part_of_a_line() -> None:
    mask = hide(frozenset({"s3cret-token", "s3cret-token-longer"}))
    made = record("got %s", "s3cret-token-longer", hint="use s3cret-token", counts={"s3cret-token": 1})
    for line in (json_line(made, mask), text_line(made, mask)):
        assert "s3cret" not in line
        assert "longer" not in line
        assert "got ***" in line


def test_an_unforeseen_error_is_told_by_kind_and_place_but_not_in_its_own_words() -> None:
    try:
        raise ValueError("text of a document")
    except ValueError:
        made = logging.LogRecord("a", logging.ERROR, __file__, 1, "it failed", (), sys.exc_info())
    told = json.loads(json_line(made, NOTHING_HIDDEN))
    assert told["error"].startswith("ValueError at logs/test_lines.py:")
    assert "text of a document" not in text_line(made, NOTHING_HIDDEN)
    try:
        raise PipelineError("a/b: 403", hint="renew it")
    except PipelineError:
        made = logging.LogRecord("a", logging.ERROR, __file__, 1, "it failed", (), sys.exc_info())
    assert "PipelineError: a/b: 403; renew it at " in text_line(made, NOTHING_HIDDEN)


def test_records_bear_what_is_being_worked_on_unless_they_say_it_themselves() -> None:
    marking = Marking()
    with about(run="r1", source="git/a"), about(stage="chunks"):
        inner = record("x", source="git/own")
        marking.filter(inner)
    outer = record("x")
    marking.filter(outer)
    assert vars(inner) | {"run": "r1", "source": "git/own", "stage": "chunks"} == vars(inner)
    assert not hasattr(outer, "run")


def test_the_short_id_of_a_run_for_one_document_tells_it_from_others() -> None:
    number = "88364cb7-91d7-4bda-b33d-015ec66f5eb0"
    assert short_run(number) == short_run(f"documents-{number}") == "88364cb7"
    assert bare_run("abcdefab-91d7-4bda-b33d-015ec66f5eb0").startswith("abcdefab")
    for shown in (f"documents-{number}", "88364cb7"):  # as either form of a line has it
        entry = Entry(datetime.now(UTC), "info", "done", run=shown)
        for asked in (f"documents-{number}", "88364cb7", "8836", number):
            assert Wanted(run=asked).takes(entry)
        assert not Wanted(run="88364cb8").takes(entry)
