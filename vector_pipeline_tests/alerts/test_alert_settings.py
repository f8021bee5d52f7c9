"""What the settings of alerts accept, and what they say of what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from vector_pipeline.settings_file import SettingsError, load_settings, resolved

FULL = """
alerts:
  ui: https://dagster.example.org
  after: 0
  remind_every: 0
  slack:
    ops: {url: "${HOOK}", severity: warning, sources: ["git/*", "confluence/*"]}
  webhook:
    hook: {url: "https://hooks.example.org/x", header: X-Secret, secret: "${SECRET}"}
  email:
    mail: {host: mail.example.org, user: ada, password: "${SECRET}", sender: a@example.org, to: [b@example.org]}
  command:
    pager: {command: [/usr/local/bin/page, "{severity}"], environment: {KEY: "${SECRET}"}}
"""


def load(folder: Path, text: str) -> object:
    path = folder / "pipeline.yaml"
    path.write_text(text)
    environment = {"HOOK": "https://hooks.example.org/T0/B0/s3cr3t", "SECRET": "s3cr3t-value"}
    return load_settings(path, environment).settings


def test_all_kinds_of_channels_are_read_by_name_and_their_secrets_masked(tmp_path: Path) -> None:
    settings = load(tmp_path, FULL)
    assert list(settings.alerts.channels) == ["ops", "hook", "mail", "pager"]  # type: ignore[attr-defined]
    shown = yaml.safe_dump(resolved(settings))  # type: ignore[arg-type]
    assert "s3cr3t" not in shown + repr(settings)
    assert "mail.example.org" in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("slack: {ops: {url: ftp://h/x}}", "alerts.slack.ops.url: must start with http:// or https://"),
        ("slack: {ops: {}}", "alerts.slack.ops.url: is required: Address of the webhook"),
        ("slack: {ops: {url: 'https://h/x', chanel: x}}", "alerts.slack.ops.chanel: unknown setting"),
        ("slak: {}", "alerts.slak: unknown setting; did you mean slack?"),
        ("slack: {ops: {url: 'https://h', severity: bad}}", "severity: must be 'warning' or 'error'"),
        ("slack: {ops: {url: 'https://h', sources: [handbook]}}", "sources[0]: write type and name of the sources"),
        ("webhook: {hook: {url: 'https://h', secret: s3cr3t}}", "header and secret are needed both"),
        ("webhook: {hook: {url: 'https://h', header: X, secret: \"a\\nb\"}}", "secret: holds a character"),
        ("webhook: {hook: {url: 'https://h', header: 'X: y', secret: a}}", "header: holds only letters"),
        ("email: {m: {host: h, tls: none, password: x, sender: a@b, to: [c@d]}}", "a password needs tls"),
        ('email: {m: {host: h, sender: "a@b\\nBcc: x@y", to: [c@d]}}', "sender: must be a mail address"),
        ("email: {m: {host: h, sender: a@b, to: []}}", "to: must not be empty"),
        ("command: {p: {command: ['x', '{title}']}}", "command[1]: may hold only {severity}"),
        ("command: {p: {command: []}}", "command: must not be empty"),
        ("{slack: {a: {url: 'https://h'}}, webhook: {a: {url: 'https://h'}}}", "two channels are named a"),
        ("remind_every: often", "remind_every: write a duration"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, f"alerts:\n  {text}\n")
    assert expected in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
