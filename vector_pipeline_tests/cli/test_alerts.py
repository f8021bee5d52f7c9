"""`alerts test` and `alerts list`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vector_pipeline_tests.alerts.receivers import HttpReceiver, http_receiver
from vector_pipeline_tests.cli.command import Command
from vector_pipeline_tests.project import Project


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as opened:
        yield opened


@pytest.fixture
def command(tmp_path: Path, receiver: HttpReceiver) -> Command:
    """A project with two channels, of which one can't work."""
    channels = {
        "slack": {"ops": {"url": receiver.url}},
        "command": {"pager": {"command": [str(tmp_path / "no such program")]}},
    }
    return Command(Project(tmp_path / "project", {"alerts": channels}))


def test_a_test_says_which_channels_work(command: Command, receiver: HttpReceiver) -> None:
    answer = command.inside("alerts", "test")
    assert answer.code == 1
    assert "channel ops: sent" in answer.out
    assert "channel pager: the program can't be started" in answer.err
    assert receiver.url not in answer.out + answer.err
    [body] = receiver.bodies
    assert "this is a test" in body["text"]


def test_one_channel_can_be_tried_alone(command: Command, receiver: HttpReceiver) -> None:
    answer = command.inside("alerts", "test", "--channel", "ops", "--json")
    assert answer.code == 0
    assert answer.json() == {"channels": [{"channel": "ops", "result": "sent", "error": ""}]}
    receiver.fault = "refuse"
    answer = command.inside("alerts", "test", "--channel", "ops", "--json")
    assert answer.code == 1
    assert "status 500" in answer.json()["channels"][0]["error"]


def test_a_channel_that_is_not_there_is_wrong_use(command: Command) -> None:
    answer = command.inside("alerts", "test", "--channel", "opps")
    assert answer.code == 2
    assert "there are: ops, pager" in answer.err
    command.project.settings["alerts"] = {}
    command.project.write()
    assert command.inside("alerts", "test").code == 2


def test_the_list_is_empty_before_the_first_tick(command: Command) -> None:
    assert command.inside("alerts", "list", "--json").json() == {"troubles": [], "failing_channels": {}}
    assert "no troubles are open" in command.inside("alerts", "list").out
