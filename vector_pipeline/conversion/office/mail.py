"""E-mail as text: subject, who wrote to whom and when, the body, and the names of what is attached.

What is attached is named, not read. The plain text of a body is taken before its HTML, which says the same.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Any

from vector_pipeline.conversion.content import Converted
from vector_pipeline.conversion.decoding import decode, normalize
from vector_pipeline.conversion.html import convert_html
from vector_pipeline.conversion.kinds import FileKind
from vector_pipeline.conversion.office.tidy import heading
from vector_pipeline.conversion.office.troubles import something_else, too_deep
from vector_pipeline.conversion.stated import stated

MAX_NAMES = 50
"""Addresses of one line, and attached files, that are named."""
MAX_PARTS = 2_000
MAX_CONTAINERS = 200
"""Parts that hold parts. Each may be inside of the one before, and reading them takes the square of the time."""
_MULTIPART = re.compile(rb"^content-type:\s*multipart/", re.IGNORECASE | re.MULTILINE)
_HEADERS = frozenset({"from", "to", "subject", "date", "message-id", "received", "return-path", "sender"})


@dataclass(frozen=True, slots=True)
class Mail:
    """A message, whatever format it came in. Addresses are (name, address); `html` is only read without `text`."""

    subject: str
    senders: Sequence[tuple[str, str]]
    to: Sequence[tuple[str, str]]
    copied: Sequence[tuple[str, str]]
    sent: datetime | None
    text: str
    html: str
    attached: Sequence[str]


def converted_mail(mail: Mail) -> Converted:
    """The message as markdown under its subject."""
    subject = stated(mail.subject)
    lines = [
        ("From", _addresses(mail.senders)),
        ("To", _addresses(mail.to)),
        ("Cc", _addresses(mail.copied)),
        ("Date", mail.sent.isoformat() if mail.sent else ""),
        ("Subject", subject),
        ("Attachments", ", ".join(name for one in mail.attached[:MAX_NAMES] if (name := stated(one)))),
    ]
    head = "\n".join(f"**{name}:** {value}" for name, value in lines if value)
    body = normalize(mail.text).strip() or (convert_html(mail.html).text.strip() if mail.html.strip() else "")
    text = "\n\n".join(filter(None, (heading(1, subject) if subject else "", head, body)))
    metadata: dict[str, Any] = {}
    if author := ", ".join(filter(None, (stated(name or address) for name, address in mail.senders[:MAX_NAMES]))):
        metadata["author"] = author
    if mail.sent:
        metadata["created_at"] = mail.sent.isoformat()
    return Converted(f"{text}\n" if text else "", "markdown", title=subject, metadata=metadata)


def convert_mail(data: bytes) -> Converted:
    """A message in the format of the internet (eml). Raises ConversionError."""
    if len(_MULTIPART.findall(data)) > MAX_CONTAINERS:
        raise too_deep("eml")
    try:
        message = email.message_from_bytes(data, EmailMessage, policy=email.policy.default)
        if _HEADERS.isdisjoint(name.lower() for name in message.keys()):  # noqa: SIM118 - of a message, not a mapping
            raise something_else("eml", "")
        return converted_mail(_read(message))
    except RecursionError as error:
        raise too_deep("eml") from error


def _read(message: EmailMessage) -> Mail:
    plain, marked_up, attached = "", "", []
    for part in _parts(message):
        kind = part.get_content_type()
        name = part.get_filename()
        if name or part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
            if kind == "message/rfc822":
                attached.append(name or _attached_subject(part))
            elif name:
                attached.append(name)
        elif kind == "text/html":
            marked_up = marked_up or _content(part)
        elif kind == "text/plain":
            plain = f"{plain}\n\n{_content(part)}" if plain else _content(part)
    return Mail(
        subject=_header(message, "subject"),
        senders=_people(message, "from"),
        to=_people(message, "to"),
        copied=_people(message, "cc"),
        sent=_date(message),
        text=plain,
        html=marked_up,
        attached=attached,
    )


def _parts(message: EmailMessage) -> list[EmailMessage]:
    """The parts that are no containers, in order; what is inside an attached message is none of them."""
    found: list[EmailMessage] = []
    waiting = [message]
    for _ in range(MAX_PARTS):
        if not waiting:
            break
        part = waiting.pop()
        below = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(below, list):
            waiting += reversed([one for one in below if isinstance(one, EmailMessage)])
        else:
            found.append(part)
    return found


def _content(part: EmailMessage) -> str:
    """The text of a part, with the charset it names, or a guess where that is wrong."""
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return str(part.get_payload())
    charset = part.get_content_charset("")
    if charset and charset not in ("us-ascii", "ascii"):
        try:
            return data.decode(charset)
        except (LookupError, UnicodeError):
            pass  # a name nobody knows, or bytes of another charset
    return decode(data, FileKind("html" if part.get_content_type() == "text/html" else "text"))


def _header(message: EmailMessage, name: str) -> str:
    """A header as text; "" where it is missing, and as it was sent where the standard library can't read it."""
    try:
        return str(message.get(name, ""))
    except Exception:  # noqa: BLE001 - broken headers make it raise whatever they like
        return next((str(value) for key, value in message.raw_items() if key.lower() == name), "")


def _people(message: EmailMessage, name: str) -> list[tuple[str, str]]:
    return [(person, address) for person, address in getaddresses([_header(message, name)]) if person or address]


def _date(message: EmailMessage) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(_header(message, "date"))
        return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _attached_subject(part: EmailMessage) -> str:
    below = part.get_payload()
    inner = below[0] if isinstance(below, list) and below else None
    return _header(inner, "subject") if isinstance(inner, EmailMessage) else ""


def _addresses(people: Sequence[tuple[str, str]]) -> str:
    """The address first, since it is what people search by."""
    named = (
        f"{address} ({name})" if name and address and name != address else address or name
        for name, address in people[:MAX_NAMES]
    )
    return ", ".join(found for one in named if (found := stated(one)))
