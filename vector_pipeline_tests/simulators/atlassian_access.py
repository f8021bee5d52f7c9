"""What the settings of a source need to reach a simulated site."""

from __future__ import annotations

from typing import Any

from vector_pipeline_tests.simulators.atlassian_conditions import API_TOKEN, EMAIL, PERSONAL_ACCESS_TOKEN, Flavour
from vector_pipeline_tests.simulators.atlassian_http import AtlassianServer


def site_settings(server: AtlassianServer) -> dict[str, Any]:
    """Address and secrets of the site's own account, and no patience beyond what tests have."""
    patience = {"timeout": "60s", "max_wait": "10s", "observe_every": "1s", "discover_every": "1s"}
    if server.flavour is Flavour.CLOUD:
        return {"url": server.url, "deployment": "cloud", "email": EMAIL, "token": API_TOKEN, **patience}
    return {"url": server.url, "deployment": "data_center", "token": PERSONAL_ACCESS_TOKEN, **patience}
