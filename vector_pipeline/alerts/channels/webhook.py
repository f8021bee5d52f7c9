"""Our own JSON, posted to a webhook with a secret header. docs/alerts.md describes its fields."""

from __future__ import annotations

from vector_pipeline.alerts.channels.http_post import post_json
from vector_pipeline.alerts.messages import Message
from vector_pipeline.settings_alerts import WebhookSettings


def send_webhook(name: str, settings: WebhookSettings, message: Message) -> None:
    """Sends a message. Raises DeliveryFailed."""
    headers = {settings.header: settings.secret.get_secret_value()} if settings.header else {}
    post_json(name, settings.url.get_secret_value(), message.to_json(), headers, settings.timeout.total_seconds())
