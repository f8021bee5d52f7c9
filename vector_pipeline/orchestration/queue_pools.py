"""The limits of pools that the settings name: put into Dagster's database, where its web interface shows them."""

from __future__ import annotations

import dagster as dg

from vector_pipeline.settings_queue import QueueSettings


def apply_pools(instance: dg.DagsterInstance, settings: QueueSettings) -> dict[str, int]:
    """Gives the pools that the settings name their limits, others keep theirs; the limits the settings name."""
    storage = instance.event_log_storage
    wanted = {str(name): limit for name, limit in settings.pools.items()}
    there = {pool.name: pool.limit for pool in storage.get_pool_limits() if not pool.from_default} if wanted else {}
    for name, limit in wanted.items():
        if there.get(name) != limit:
            storage.set_concurrency_slots(name, limit)
    return wanted
