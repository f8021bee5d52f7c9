"""What is sent: names, counts, times and links, safe in every form it takes."""

from __future__ import annotations

import json
from datetime import timedelta
from email import message_from_bytes, policy

from hypothesis import given
from hypothesis import strategies as st

from vector_pipeline.alerts.channels.command import arguments
from vector_pipeline.alerts.channels.email import mail
from vector_pipeline.alerts.channels.slack import slack_body
from vector_pipeline.alerts.messages import MOST_LISTED, plain_text
from vector_pipeline.alerts.trouble import MOST_CHARACTERS, one_line, ui_path
from vector_pipeline.settings_alerts import CommandSettings, EmailSettings
from vector_pipeline_tests.alerts.troubles import NOW, message, trouble

MAIL = EmailSettings(host="mail.example.org", sender="pipeline@example.org", to=("ada@example.org",))


def test_a_message_says_what_is_wrong_since_when_and_where_to_look() -> None:
    text = plain_text(message())
    assert text.splitlines() == [
        "ERROR git/handbook: the run failed",
        "",
        "offenders: 3",
        "seen since: 2026-03-01 11:55:00 UTC",
        "",
        "http://127.0.0.1:3000/runs/1234",
    ]
    assert message("resolved").title == "OVER git/handbook: the run failed, after 5 min"
    assert message("reminder").title == "STILL ERROR git/handbook: the run failed, for 5 min"


def test_the_json_is_as_documented() -> None:
    sent = message("resolved").to_json()
    assert sent == {
        "version": 1,
        "event": "resolved",
        "severity": "error",
        "title": "OVER git/handbook: the run failed, after 5 min",
        "sent_at": "2026-03-01T12:00:00+00:00",
        "count": 1,
        "link": "http://127.0.0.1:3000/runs/1234",
        "notices": [
            {
                "id": sent["notices"][0]["trouble"] + ".resolved",
                "event": "resolved",
                "trouble": sent["notices"][0]["trouble"],
                "key": "run git/handbook",
                "kind": "run",
                "severity": "error",
                "source": "git/handbook",
                "title": "git/handbook: the run failed",
                "facts": {"offenders": 3},
                "since": "2026-03-01T11:55:00+00:00",
                "seconds": 300,
                "link": "http://127.0.0.1:3000/runs/1234",
            }
        ],
    }


def test_many_troubles_are_listed_up_to_a_number_and_counted_beyond() -> None:
    many = message("opened", "ops", *(trouble(f"run git/{number}") for number in range(40)))
    assert (many.event, many.title) == ("several", "40 troubles: 40 new")
    assert many.lines[-1] == f"and {40 - MOST_LISTED} more"
    sent = many.to_json()
    assert (sent["count"], len(sent["notices"])) == (40, MOST_LISTED)
    assert len(json.dumps(sent)) < 60_000, "what a program may leave unread in a pipe"


def test_the_end_of_a_trouble_is_in_the_thread_of_its_beginning() -> None:
    opened = mail("ops", MAIL, message("opened"))
    resolved = mail("ops", MAIL, message("resolved", told={"ops": NOW}))
    assert resolved["References"] == resolved["In-Reply-To"] == opened["Message-ID"]
    assert resolved["Message-ID"] != opened["Message-ID"]
    assert opened["References"] is None
    assert mail("ops", MAIL, message("opened"))["Message-ID"] == opened["Message-ID"], "sent twice, it is one mail"
    reminders = {
        mail("ops", MAIL, message("reminder", told={"ops": NOW + timedelta(days=n)}))["Message-ID"] for n in (1, 2)
    }
    assert len(reminders) == 2


def test_slack_marks_and_mass_mentions_are_only_text() -> None:
    body = slack_body(message("opened", "ops", trouble(title="<!channel> & @here <https://evil|x>", path="/runs/1")))
    [block] = body["blocks"]
    for text in (body["text"], block["text"]["text"]):
        assert "<!" not in text
        assert "<https://evil" not in text
        assert "@here" not in text
        assert "&lt;!channel&gt; &amp;" in text
    assert block["text"]["text"].endswith("<http://127.0.0.1:3000/runs/1|open in Dagster>")


@given(st.text(), st.text(), st.text())
def test_whatever_a_name_holds_breaks_no_message(title: str, source: str, fact: str) -> None:
    hostile = trouble(f"run {source}", title=title, source=source, facts=((fact, fact),), path=ui_path("runs", source))
    sent = message("opened", "ops", hostile)
    written = mail("ops", MAIL, sent)
    read = message_from_bytes(written.as_bytes(policy=policy.SMTP), policy=policy.default)
    assert set(read.keys()) == set(written.keys()) | set(), "no header came in with a name"
    assert read["To"] == "ada@example.org"
    assert len(plain_text(sent).splitlines()) == 6
    assert len(slack_body(sent)["blocks"][0]["text"]["text"]) <= 3000
    json.dumps(sent.to_json()).encode("utf-8")
    settings = CommandSettings(command=("page", "{severity}", "--of={source}", "{kind}/{event}"))
    assert arguments(settings, sent) == ["page", "error", f"--of={one_line(source)}", "run/opened"]


@given(st.text())
def test_one_line_is_one_visible_line(text: str) -> None:
    shown = one_line(text)
    assert len(shown) <= MOST_CHARACTERS
    assert all(mark.isprintable() for mark in shown)


def test_links_are_encoded() -> None:
    path = ui_path("assets", "git", "a/b?c", view="partitions", partition="x&y z")
    assert path == "/assets/git/a%2Fb%3Fc?view=partitions&partition=x%26y%20z"
