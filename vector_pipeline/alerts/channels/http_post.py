"""One POST of JSON: no redirects, no body of the answer is kept, and no error names the address."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from vector_pipeline.alerts.errors import DeliveryFailed

LONGEST_WAIT = 3600.0
"""Longest Retry-After that is heeded, in seconds."""


def post_json(channel: str, url: str, body: Mapping[str, Any], headers: Mapping[str, str], timeout: float) -> None:
    """Posts the body. Raises DeliveryFailed unless the answer's status is 2xx; `timeout` is for each wait, in seconds.

    Certificates are checked against those of the system, or of SSL_CERT_FILE and SSL_CERT_DIR where they are set.
    """
    import httpx2  # takes a while to load, and most ticks send nothing

    try:
        trusted = ssl.create_default_context()
        with (
            httpx2.Client(timeout=timeout, follow_redirects=False, verify=trusted) as client,
            client.stream("POST", url, json=dict(body), headers=dict(headers)) as answer,
        ):
            status, wait = answer.status_code, _seconds(answer.headers.get("Retry-After", ""))
    except httpx2.TimeoutException:
        raise DeliveryFailed(f"channel {channel}: no answer within {timeout:g} s", hint="is it up?") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        # The error's own words may hold the address, which is a secret.
        raise DeliveryFailed(
            f"channel {channel}: can't be reached ({type(error).__name__})", hint="check its address in the settings"
        ) from None
    if not 200 <= status < 300:
        raise DeliveryFailed(f"channel {channel}: answered with status {status}", hint=_hint(status), wait=wait)


def _hint(status: int) -> str:
    if 300 <= status < 400:
        return "it sends on to another address, which is not followed: name that one in the settings"
    return "check its address and secret in the settings" if status < 500 else "it is tried again"


def _seconds(text: str) -> float:
    return min(float(text), LONGEST_WAIT) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0
