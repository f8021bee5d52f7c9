"""Mail through an SMTP server: plain text, with the end of a trouble in the thread of its beginning."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime

from vector_pipeline.alerts.errors import DeliveryFailed
from vector_pipeline.alerts.messages import Message, plain_text
from vector_pipeline.alerts.trouble import one_line
from vector_pipeline.settings_alerts import EmailSettings

SUBJECT_CHARACTERS = 150


def send_email(name: str, settings: EmailSettings, message: Message) -> None:
    """Sends a message to all recipients. Raises DeliveryFailed, also where the server refused a part of them."""
    timeout = settings.timeout.total_seconds()
    try:
        with _connected(settings, timeout) as server:
            if settings.user:
                server.login(settings.user, settings.password.get_secret_value())
            refused = server.send_message(mail(name, settings, message), settings.sender, list(settings.to))
    except smtplib.SMTPResponseException as error:
        # What the server says in words stays out: it may repeat what it was sent.
        raise DeliveryFailed(
            f"channel {name}: the mail server answered with {error.smtp_code} ({type(error).__name__})",
            hint="check user, password, sender and recipients in the settings",
        ) from None
    except smtplib.SMTPRecipientsRefused:
        raise DeliveryFailed(
            f"channel {name}: the mail server takes no mail for the recipients", hint="check `to` in the settings"
        ) from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        # smtplib calls a silent server a closed connection.
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            told = f"channel {name}: no answer within {timeout:g} s"
            raise DeliveryFailed(told, hint="is the mail server up?") from None
        raise DeliveryFailed(
            f"channel {name}: the mail server can't be used ({type(error).__name__})",
            hint="check host, port and tls in the settings",
        ) from None
    if refused:
        raise DeliveryFailed(
            f"channel {name}: the mail server refused {len(refused)} of {len(settings.to)} recipients",
            hint="check `to` in the settings",
        )


def mail(name: str, settings: EmailSettings, message: Message) -> EmailMessage:
    """The mail with its headers. Message-IDs follow from the trouble, so that what is sent twice is one mail."""
    written = EmailMessage()
    written["Subject"] = one_line(f"[vector-pipeline] {message.title}", SUBJECT_CHARACTERS)
    written["From"] = settings.sender
    written["To"] = ", ".join(settings.to)
    written["Date"] = format_datetime(message.now)
    written["Auto-Submitted"] = "auto-generated"
    place = settings.sender.rpartition("@")[2]
    if message.single and not message.test:
        case = message.single.case
        first = f"<{case.number}.{name}.opened@{place}>"
        told = case.told.get(name)
        own = first if message.event == "opened" else f"<{case.number}.{name}.{message.event}.{_stamp(told)}@{place}>"
        written["Message-ID"] = own
        if own != first:
            written["In-Reply-To"] = written["References"] = first
    else:
        written["Message-ID"] = f"<{message.event}.{name}.{_stamp(message.now)}@{place}>"
    written.set_content(plain_text(message))
    return written


def _stamp(moment: object) -> str:
    return "".join(mark for mark in str(moment) if mark.isdigit())


def _connected(settings: EmailSettings, timeout: float) -> smtplib.SMTP:
    """A connection, encrypted as the settings ask, its certificate checked."""
    trusted = ssl.create_default_context()
    if settings.tls == "ssl":
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=timeout, context=trusted)
    server = smtplib.SMTP(settings.host, settings.port, timeout=timeout)
    if settings.tls == "starttls":
        try:
            server.starttls(context=trusted)
        except BaseException:
            server.close()
            raise
    return server
