"""Outlook messages (msg): the same as other mail, kept as properties in a compound file.

A message whose body is kept in Outlook's own rich text alone is left to the library. Layout: [MS-OXMSG].
"""

from __future__ import annotations

import codecs
import struct
from datetime import UTC, datetime, timedelta

from vector_pipeline.conversion.content import Converted
from vector_pipeline.conversion.decoding import decode
from vector_pipeline.conversion.kinds import FileKind
from vector_pipeline.conversion.office.extraction import extract
from vector_pipeline.conversion.office.mail import MAX_NAMES, Mail, converted_mail
from vector_pipeline.conversion.office.ole import BrokenCompoundFile, CompoundFile
from vector_pipeline.conversion.office.tidy import tidy
from vector_pipeline.conversion.office.troubles import damaged

_PROPERTIES = "__properties_version1.0"
_SUBJECT, _BODY, _HTML, _RICH_TEXT = 0x0037, 0x1000, 0x1013, 0x1009
_SENDER_NAME, _SENDER_ADDRESS, _SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
_SENT, _DELIVERED, _CODEPAGE = 0x0039, 0x0E06, 0x3FFD
_NAME, _ADDRESS, _SMTP, _ROLE = 0x3001, 0x3003, 0x39FE, 0x0C15
_LONG_FILE_NAME, _FILE_NAME = 0x3707, 0x3704
_TO, _CC = 1, 2
_UNICODE, _ANSI, _BINARY = "001F", "001E", "0102"
_HEAD_OF_MESSAGE, _HEAD_OF_PART = 32, 8
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def convert_outlook(data: bytes, file: CompoundFile) -> Converted:
    """A message in Outlook's format. Raises ConversionError."""
    try:
        message = _Message(file)
        if not message.is_one():
            raise damaged("msg", "holds no message")
        mail = message.mail()
    except BrokenCompoundFile as error:
        raise damaged("msg", "its streams are cut off") from error
    if not mail.text.strip() and not mail.html.strip() and message.has_rich_text():
        return Converted(tidy(extract("msg", data).text), "markdown", title=mail.subject)
    return converted_mail(mail)


class _Message:
    def __init__(self, file: CompoundFile) -> None:
        self._file = file
        self._numbers = self._fixed("", _HEAD_OF_MESSAGE)
        self._encoding = _codec(self._numbers.get(_CODEPAGE, 0))

    def is_one(self) -> bool:
        return self._file.has(_PROPERTIES)

    def has_rich_text(self) -> bool:
        return self._file.has(_path("", _RICH_TEXT, _BINARY))

    def mail(self) -> Mail:
        address = self._text("", _SENDER_SMTP) or self._text("", _SENDER_ADDRESS)
        people = [self._person(part) for part in self._parts("__recip")]
        html = self._file.read(_path("", _HTML, _BINARY))
        return Mail(
            subject=self._text("", _SUBJECT),
            # Addresses inside of an organization are no addresses elsewhere.
            senders=[(self._text("", _SENDER_NAME), address if "@" in address else "")],
            to=[(name, address) for role, name, address in people if role == _TO],
            copied=[(name, address) for role, name, address in people if role == _CC],
            sent=_time(self._numbers.get(_SENT) or self._numbers.get(_DELIVERED)),
            text=self._text("", _BODY),
            html=decode(html, FileKind("html")) if html else self._text("", _HTML),
            attached=[
                name
                for part in self._parts("__attach")
                if (
                    name := self._text(part, _LONG_FILE_NAME) or self._text(part, _FILE_NAME) or self._text(part, _NAME)
                )
            ],
        )

    def _parts(self, prefix: str) -> list[str]:
        return sorted(name for name in self._file.names() if name.startswith(prefix))[:MAX_NAMES]

    def _person(self, part: str) -> tuple[int, str, str]:
        address = self._text(part, _SMTP) or self._text(part, _ADDRESS)
        role = self._fixed(part, _HEAD_OF_PART).get(_ROLE, _TO)
        return role & 0xF, self._text(part, _NAME), address if "@" in address else ""

    def _text(self, part: str, tag: int) -> str:
        wide = self._file.read(_path(part, tag, _UNICODE))
        if wide:
            return wide.decode("utf-16-le", "replace").rstrip("\0")
        return self._file.read(_path(part, tag, _ANSI)).decode(self._encoding, "replace").rstrip("\0")

    def _fixed(self, part: str, head: int) -> dict[int, int]:
        """Values of up to eight bytes by their tags."""
        data = self._file.read(f"{part}/{_PROPERTIES}" if part else _PROPERTIES)
        entries = (data[place : place + 16] for place in range(head, len(data) - 15, 16))
        return {tag >> 16: value for tag, _, value in (struct.unpack("<IIQ", entry) for entry in entries)}


def _path(part: str, tag: int, kind: str) -> str:
    name = f"__substg1.0_{tag:04X}{kind}"
    return f"{part}/{name}" if part else name


def _codec(codepage: int) -> str:
    name = "utf-8" if codepage & 0xFFFFFFFF == 65001 else f"cp{codepage & 0xFFFFFFFF}"
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "cp1252"


def _time(value: int | None) -> datetime | None:
    """A moment that counts tenths of microseconds since 1601."""
    try:
        return _EPOCH + timedelta(microseconds=value // 10) if value else None
    except OverflowError:
        return None
