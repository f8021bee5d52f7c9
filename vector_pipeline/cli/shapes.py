"""The shape of what each command prints with `--json`: one typed dictionary per command, the top of its document.

Shapes are stable: fields may be added in a new version, none is renamed or taken away without a word in the notes of
that version. The reference in the documentation is made from them. Loaded by that and by tests only: commands that
print nothing in JSON must not wait for it.
"""

from __future__ import annotations

from vector_pipeline.cli.backup_json import BackupJson, BackupsJson, PrunedBackupsJson, RestoredJson, VerifiedJson
from vector_pipeline.cli.check_json import CheckJson, CheckListJson, RepairJson
from vector_pipeline.cli.collections_json import CollectionsJson, SwitchJson
from vector_pipeline.cli.documents_json import (
    AllowedJson,
    ChangedDocumentJson,
    DocumentHistoryJson,
    DocumentListJson,
    KeptOutJson,
    ShownDocumentJson,
)
from vector_pipeline.cli.health import HealthJson
from vector_pipeline.cli.logs_json import LogsJson
from vector_pipeline.cli.monitor_json import MonitorJson
from vector_pipeline.cli.performance import PerformanceJson
from vector_pipeline.cli.plan_json import PlanJson
from vector_pipeline.cli.queue_json import CanceledJson, DetachedJson, PausedJson, QueueJson, RetriedJson, WatchJson
from vector_pipeline.cli.report_json import ReportJson
from vector_pipeline.cli.search_json import SearchHit, SearchJson
from vector_pipeline.cli.stats import StatsJson
from vector_pipeline.cli.status_json import StatusJson
from vector_pipeline.cli.sync_json import SyncJson
from vector_pipeline.cli.upkeep_json import (
    AdoptJson,
    AlertsJson,
    AlertsTestJson,
    ConfigJson,
    ImportJson,
    PruneJson,
    QuarantineJson,
    RebuildJson,
    ResetJson,
    SchemaJson,
)

SHAPES: dict[str, type] = {
    "adopt": AdoptJson,
    "alerts list": AlertsJson,
    "alerts test": AlertsTestJson,
    "backup": BackupJson,
    "backups list": BackupsJson,
    "backups prune": PrunedBackupsJson,
    "backups verify": VerifiedJson,
    "check": CheckJson,
    "check --list": CheckListJson,
    "collections": CollectionsJson,
    "config": ConfigJson,
    "documents add": ChangedDocumentJson,
    "documents history": DocumentHistoryJson,
    "documents keep-out allow": AllowedJson,
    "documents keep-out list": KeptOutJson,
    "documents list": DocumentListJson,
    "documents remove": ChangedDocumentJson,
    "documents show": ShownDocumentJson,
    "documents update": ChangedDocumentJson,
    "health": HealthJson,
    "import-config": ImportJson,
    "logs": LogsJson,
    "monitor": MonitorJson,
    "performance": PerformanceJson,
    "prune": PruneJson,
    "quarantine list": QuarantineJson,
    "queue cancel": CanceledJson,
    "queue pause": PausedJson,
    "queue resume": PausedJson,
    "queue retry": RetriedJson,
    "queue status": QueueJson,
    "rebuild": RebuildJson,
    "repair": RepairJson,
    "report": ReportJson,
    "reset": ResetJson,
    "restore": RestoredJson,
    "rollback": SwitchJson,
    "search": SearchJson,
    "state rollback": SchemaJson,
    "state status": SchemaJson,
    "state upgrade": SchemaJson,
    "stats": StatsJson,
    "status": StatusJson,
    "switch": SwitchJson,
    "sync": SyncJson,
    "sync --detach": DetachedJson,
    "sync --dry-run": PlanJson,
    "watch": WatchJson,
}
"""The words of a command ("queue status") to the shape of its document."""

OPEN = frozenset({ConfigJson, SearchHit})
"""Shapes that have other fields beside those they name."""
