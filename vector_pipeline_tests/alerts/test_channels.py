"""Channels against real servers and programs that take messages, fail, hang and come back."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vector_pipeline.alerts.delivery import deliver, send
from vector_pipeline.alerts.errors import DeliveryFailed
from vector_pipeline.alerts.planning import Case, Notice
from vector_pipeline.settings_alerts import (
    AlertsSettings,
    CommandSettings,
    EmailSettings,
    SlackSettings,
    WebhookSettings,
)
from vector_pipeline_tests.alerts.receivers import (
    Fault,
    HttpReceiver,
    SmtpReceiver,
    http_receiver,
    make_certificate,
    smtp_receiver,
)
from vector_pipeline_tests.alerts.troubles import NOW, message, trouble
from vector_pipeline_tests.listening import closed_port

SHORT, LONG = "0.5s", "60s"
"""Timeouts: of what is to expire, and of what is to be answered."""


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as opened:
        yield opened


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def webhook(receiver: HttpReceiver, **changes: Any) -> WebhookSettings:
    values = {"url": receiver.url, "header": "X-Secret", "secret": "s3cr3t-value", "timeout": LONG, **changes}
    return WebhookSettings.model_validate(values)


def email(receiver: SmtpReceiver, **changes: Any) -> EmailSettings:
    values = {"host": "127.0.0.1", "port": receiver.port, "tls": "none", "sender": "pipeline@example.org"}
    values |= {"to": ["ada@example.org", "bob@example.org"], "timeout": LONG}
    return EmailSettings.model_validate({**values, **changes})


def refusal(settings: Any) -> str:
    """What is said of a message that a channel does not take; never a secret, never what the receiver said."""
    with pytest.raises(DeliveryFailed) as caught:
        send("ops", settings, message())
    said = str(caught.value)
    assert said.startswith("channel ops: ")
    for hidden in ("s3cr3t", "words of a document", "right", "/hook/"):
        assert hidden not in said
    return said


def test_a_webhook_gets_the_json_with_the_secret_header(receiver: HttpReceiver) -> None:
    send("ops", webhook(receiver), message())
    [(path, headers, body)] = receiver.requests
    assert path == "/hook/s3cr3t-path"
    assert headers["X-Secret"] == "s3cr3t-value"
    assert body == message().to_json()


def test_slack_gets_text_and_blocks(receiver: HttpReceiver) -> None:
    send("ops", SlackSettings.model_validate({"url": receiver.url, "timeout": LONG}), message())
    [body] = receiver.bodies
    assert body["text"].startswith("*ERROR git/handbook: the run failed*")
    assert body["blocks"][0]["type"] == "section"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("refuse", "answered with status 500"),
        ("close", "can't be reached"),
        ("hang", "no answer within 0.5 s"),
        ("redirect", "answered with status 307"),
    ],
)
def test_a_webhook_that_fails_is_named_without_its_address(receiver: HttpReceiver, fault: Fault, said: str) -> None:
    receiver.fault = fault
    assert said in refusal(webhook(receiver, timeout=SHORT if fault == "hang" else LONG))
    assert fault != "hang" or receiver.hung.wait(60)
    assert receiver.asked == 1, "a redirect is not followed"
    receiver.fault = ""
    send("ops", webhook(receiver), message())
    assert len(receiver.requests) == 1


def test_a_port_where_nothing_listens_is_a_failure() -> None:
    with closed_port() as port:
        assert "can't be reached" in refusal(webhook(HttpReceiver(port)))


def test_a_receiver_may_ask_for_time(receiver: HttpReceiver) -> None:
    receiver.fault, receiver.status = "refuse", 429
    with pytest.raises(DeliveryFailed) as caught:
        send("ops", webhook(receiver), message())
    assert caught.value.wait == 120


def test_a_mail_reaches_all_recipients() -> None:
    with smtp_receiver() as receiver:
        send("ops", email(receiver), message())
    [mail] = receiver.mails
    assert receiver.recipients == [["ada@example.org", "bob@example.org"]]
    assert mail["Subject"] == "[vector-pipeline] ERROR git/handbook: the run failed"
    assert mail.get_content_type() == "text/plain"
    assert "http://127.0.0.1:3000/runs/1234" in mail.get_content()


@pytest.mark.parametrize("tls", ["starttls", "ssl"])
def test_user_and_password_go_encrypted_to_a_server_that_is_trusted(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    with smtp_receiver(certificate, encrypted=tls == "ssl") as receiver:
        settings = email(receiver, tls=tls, user="ada", password="right")
        assert "SSLCertVerificationError" in refusal(settings)
        assert receiver.logins == [], "nothing is said to a server that is not trusted"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        send("ops", settings, message())
        assert "535" in refusal(email(receiver, tls=tls, user="ada", password="s3cr3t-wrong"))
    assert len(receiver.mails) == 1
    assert receiver.logins[0] == ("ada", "right", True)


def test_starttls_is_not_given_up_where_the_server_does_not_offer_it() -> None:
    with smtp_receiver() as receiver:
        assert "SMTPNotSupportedError" in refusal(email(receiver, tls="starttls", user="ada", password="right"))
    assert receiver.logins == []


@pytest.mark.parametrize(
    ("fault", "said"), [("refuse", "answered with 451"), ("close", "can't be used"), ("hang", "no answer within 0.5 s")]
)
def test_a_mail_server_that_fails_and_comes_back(fault: Fault, said: str) -> None:
    with smtp_receiver() as receiver:
        receiver.fault = fault
        assert said in refusal(email(receiver, timeout=SHORT if fault == "hang" else LONG))
        receiver.fault = ""
        send("ops", email(receiver), message())
        assert len(receiver.mails) == 1


def test_recipients_that_the_server_refuses_are_counted() -> None:
    with smtp_receiver() as receiver:
        receiver.refused = frozenset({"bob@example.org"})
        assert "refused 1 of 2 recipients" in refusal(email(receiver))
        receiver.refused = frozenset({"ada@example.org", "bob@example.org"})
        assert "takes no mail for the recipients" in refusal(email(receiver))


def program(folder: Path, script: str) -> str:
    path = folder / "page"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_program_gets_the_json_its_words_and_few_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QDRANT_API_KEY", "not for programs")
    path = program(tmp_path, f'cat > {tmp_path}/json; env > {tmp_path}/env; printf "%s|" "$@" > {tmp_path}/words')
    settings = CommandSettings.model_validate(
        {"command": [path, "{severity}", "$(touch x) {source}"], "environment": {"PAGER_KEY": "k3y"}}
    )
    send("ops", settings, message())
    assert json.loads((tmp_path / "json").read_text()) == message().to_json()
    assert (tmp_path / "words").read_text() == "error|$(touch x) git/handbook|"
    variables = (tmp_path / "env").read_text()
    assert "PAGER_KEY=k3y" in variables
    assert "not for programs" not in variables


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo first >&2; echo the pager is full >&2; exit 3", "ended with 3: the pager is full"),
        ("exec 2>&-; exit 4", "ended with 4"),
        ("yes 2>/dev/null | head -c 3000000 >&2; echo last >&2; exit 1", "ended with 1: last"),
    ],
)
def test_a_program_that_fails_is_told_with_its_last_line(tmp_path: Path, script: str, said: str) -> None:
    assert refusal(CommandSettings(command=(program(tmp_path, script),))).endswith(said)


def test_a_program_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    path = program(tmp_path, f"sleep 60 3> {held} & wait")
    settings = CommandSettings.model_validate({"command": [path], "timeout": SHORT})
    assert "was killed" in refusal(settings)
    deadline = time.monotonic() + 30
    while not is_at_its_end(reader):
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.01)
    os.close(reader)


def is_at_its_end(pipe: int) -> bool:
    """Whether nobody has the pipe open for writing."""
    try:
        return os.read(pipe, 1) == b""
    except BlockingIOError:
        return False


def test_a_program_need_not_read(tmp_path: Path) -> None:
    send("ops", CommandSettings(command=(program(tmp_path, "exit 0"),)), message())


def test_a_program_that_is_not_there_is_named_as_such(tmp_path: Path) -> None:
    assert "can't be started: No such file" in refusal(CommandSettings(command=(str(tmp_path / "none"),)))


def test_channels_do_not_wait_for_each_other(receiver: HttpReceiver, tmp_path: Path) -> None:
    def let_go() -> None:
        """Once the other has all."""
        while len(receiver.requests) < 3 and not stuck.released.wait(0.01):
            pass
        stuck.released.set()

    with http_receiver() as stuck:
        stuck.fault = "hang"
        rules = AlertsSettings.model_validate(
            {
                "webhook": {
                    "stuck": {"url": stuck.url, "timeout": "300s"},
                    "well": {"url": receiver.url, "timeout": LONG},
                },
                "command": {"late": {"command": [program(tmp_path, "exit 1")]}},
            }
        )
        threading.Thread(target=let_go).start()
        done = deliver(due_thrice(rules), rules, NOW)
    outcomes = {one.channel: one for one in done.delivered}
    assert len(outcomes["well"].taken) == 3
    assert (outcomes["late"].taken, len(outcomes["late"].refused)) == ((), 1), "what failed is not tried further"
    assert (outcomes["stuck"].taken, len(outcomes["stuck"].refused)) == ((), 1)
    assert set(done.errors) == {"late", "stuck"}


def test_a_channel_that_does_not_answer_in_time_is_left_behind() -> None:
    with http_receiver() as stuck:
        stuck.fault = "hang"
        rules = AlertsSettings.model_validate({"webhook": {"stuck": {"url": stuck.url, "timeout": "300s"}}})
        started = time.monotonic()
        done = deliver(due_thrice(rules), rules, NOW, longest=0.2)
        assert time.monotonic() - started < 30, "a tick must end"
    assert [(one.taken, len(one.refused)) for one in done.delivered] == [((), 1)]
    assert "not done within 0.2 s" in str(done.errors["stuck"])


def due_thrice(rules: AlertsSettings) -> dict[str, list[Notice]]:
    """Three messages for each channel."""
    cases = [Case(trouble(f"run git/{number}"), NOW) for number in range(3)]
    return {name: [Notice(name, "opened", case) for case in cases] for name in rules.channels}


def test_more_than_a_few_notices_come_as_one_message(receiver: HttpReceiver) -> None:
    rules = AlertsSettings.model_validate(
        {"most_at_once": 2, "webhook": {"hook": {"url": receiver.url, "timeout": LONG}}}
    )
    done = deliver(due_thrice(rules), rules, NOW)
    assert len(done.delivered[0].taken) == 3
    assert receiver.events == ["several: 3 troubles: 3 new"]
