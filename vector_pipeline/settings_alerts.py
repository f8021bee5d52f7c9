"""What `pipeline.yaml` may say of alerts: when troubles are told, and the channels they are told through.

Models only. Channels stand by type and name, as sources do. Addresses of webhooks are secrets: whoever knows one may
write to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from vector_pipeline.settings_values import Duration, Section, SourceName, WebAddress, matching, parse_duration

PLACEHOLDERS = ("severity", "event", "kind", "source")
"""What the arguments of a command may name in braces."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PRINTABLE = re.compile(r"[\x21-\x7e][\x20-\x7e]*")

Pause = Annotated[timedelta, BeforeValidator(parse_duration)]
"""A duration that may be 0."""

Severity = Literal["warning", "error"]


def _secret_address(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"https?://[^\s/@]+(/[!-~]*)?", value.get_secret_value()):
        raise ValueError("must start with http:// or https:// and name a host, without a user name")
    return value


def _header_value(value: SecretStr) -> SecretStr:
    if value.get_secret_value() and not _PRINTABLE.fullmatch(value.get_secret_value()):
        raise ValueError("holds a character that no header may hold")
    return value


def _source_pattern(value: str) -> str:
    if value != "*" and "/" not in value:
        raise ValueError('write type and name of the sources, as in "git/handbook" or "confluence/*"')
    return value


def _placeholders_are_known(value: str) -> str:
    if set(re.findall(r"\{(\w*)\}", value)) - set(PLACEHOLDERS):
        raise ValueError(f"may hold only {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)} in braces")
    if "\0" in value:
        raise ValueError("must not hold a NUL character")
    return value


def _some(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value or not value[0]:
        raise ValueError("must not be empty")
    return value


SecretAddress = Annotated[SecretStr, AfterValidator(_secret_address)]
MailAddress = Annotated[
    str, matching(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\\]+", "must be a mail address, such as ops@example.org")
]
Argument = Annotated[str, AfterValidator(_placeholders_are_known)]


class ChannelSettings(Section):
    """What every channel has."""

    severity: Severity = Field("warning", description='Least severity that is sent: "warning" or "error".')
    sources: tuple[Annotated[str, AfterValidator(_source_pattern)], ...] = Field(
        (), description='Sources whose troubles are sent, such as "git/*"; empty sends all, and troubles of none.'
    )
    timeout: Duration = Field(timedelta(seconds=10), description="Longest wait for one answer.")


class SlackSettings(ChannelSettings):
    """A webhook that takes what Slack's incoming webhooks take."""

    url: SecretAddress = Field(description="Address of the webhook, as ${VARIABLE}.")


class WebhookSettings(ChannelSettings):
    """A webhook that takes our own JSON."""

    url: SecretAddress = Field(description="Address that the JSON is posted to.")
    header: Annotated[str, matching(r"[A-Za-z0-9-]*", 'holds only letters, digits and "-"')] = Field(
        "", description="Name of the header that carries the secret, such as X-Secret."
    )
    secret: Annotated[SecretStr, AfterValidator(_header_value)] = Field(
        SecretStr(""), description="Value of that header, as ${VARIABLE}."
    )

    @model_validator(mode="after")
    def _secret_has_header(self) -> WebhookSettings:
        if bool(self.header) != bool(self.secret.get_secret_value()):
            raise ValueError("header and secret are needed both or not at all")
        return self


class EmailSettings(ChannelSettings):
    """Mail through an SMTP server."""

    host: Annotated[str, matching(r"[^\s/@]+", "must be the name of a host")] = Field(
        description="Name of the SMTP server."
    )
    port: int = Field(587, ge=1, le=65_535, description="Port of the SMTP server.")
    tls: Literal["starttls", "ssl", "none"] = Field(
        "starttls", description='"starttls", "ssl" (from the first byte, usually port 465) or "none".'
    )
    user: str = Field("", description="User name, where the server wants one.")
    password: SecretStr = Field(SecretStr(""), description="Password, as ${VARIABLE}.")
    sender: MailAddress = Field(description="Address that the mails come from.")
    to: Annotated[tuple[MailAddress, ...], AfterValidator(_some)] = Field(description="Addresses of the recipients.")

    @model_validator(mode="after")
    def _password_is_protected(self) -> EmailSettings:
        if self.password.get_secret_value() and self.tls == "none" and self.host not in _LOOPBACK:
            raise ValueError("a password needs tls: starttls or ssl")
        return self


class CommandSettings(ChannelSettings):
    """A program of yours, which gets the JSON on its standard input."""

    command: Annotated[tuple[Argument, ...], AfterValidator(_some)] = Field(
        description="Program and arguments, without a shell; {severity}, {event}, {kind} and {source} are filled in."
    )
    environment: dict[str, SecretStr] = Field(
        default_factory=dict, description="Variables the program gets besides PATH, HOME and the language."
    )
    timeout: Duration = Field(timedelta(seconds=30), description="After this long the program is killed.")


AnyChannel = SlackSettings | WebhookSettings | EmailSettings | CommandSettings


class AlertsSettings(Section):
    """Who is told of troubles, and when. Without a channel nobody is."""

    ui: WebAddress = Field("http://127.0.0.1:3000", description="Address of the Dagster UI, for links.")
    after: Pause = Field(timedelta(0), description="How long a trouble must last before it is told.")
    remind_every: Pause = Field(timedelta(days=1), description="How often a lasting trouble is told again; 0 is never.")
    most_at_once: int = Field(
        5, ge=1, le=100, description="Notices to a channel at once; where there are more, one message lists them."
    )
    slack: dict[SourceName, SlackSettings] = Field(
        default_factory=dict, description="Webhooks that take what Slack's take, by name."
    )
    webhook: dict[SourceName, WebhookSettings] = Field(
        default_factory=dict, description="Webhooks that take JSON, by name."
    )
    email: dict[SourceName, EmailSettings] = Field(default_factory=dict, description="Mail by SMTP, by name.")
    command: dict[SourceName, CommandSettings] = Field(default_factory=dict, description="Programs, by name.")

    @property
    def channels(self) -> Mapping[str, AnyChannel]:
        """Every channel by its name."""
        return dict(self._named())

    def _named(self) -> Iterator[tuple[str, AnyChannel]]:
        for channels in (self.slack, self.webhook, self.email, self.command):
            yield from channels.items()

    @model_validator(mode="after")
    def _names_differ(self) -> AlertsSettings:
        seen: set[str] = set()
        for name, _ in self._named():
            if name in seen:
                raise ValueError(f"two channels are named {name}; give each a name of its own")
            seen.add(name)
        return self
