"""Backups as a Dagster job: with a form for those who start one by hand, and every night where the settings say so."""

from pathlib import Path

import dagster as dg
from pydantic import Field

from vector_pipeline.consistency.backup.keeping import prune_backups
from vector_pipeline.consistency.backup.making import Wishes, make_backup
from vector_pipeline.consistency.backup.shelf import default_folder
from vector_pipeline.orchestration.resources import settings_in_force
from vector_pipeline.settings_backup import BackupSettings
from vector_pipeline.settings_file import find_settings_file
from vector_pipeline.sync.pipeline import Pipeline

BACKUP_JOB = "backup"
BACKUP_SCHEDULE = "backup_nightly"


class BackupConfig(dg.Config):
    """What the form of the job asks."""

    folder: str = Field("", description="Folder of the backups; empty is the one the settings name.")
    verify: bool = Field(True, description="Open and count what was written.")
    prune: bool = Field(True, description="Then remove backups that are beyond the limits of the settings.")


@dg.op(
    name="make_backup",
    required_resource_keys={"pipeline"},
    description="Copies the state store and the collections as they are now, while runs may go on.",
    out=dg.Out(dg.Nothing),
)
def backup_op(context: dg.OpExecutionContext, config: BackupConfig) -> None:
    """Makes a backup and removes those that are beyond the limits."""
    pipeline: Pipeline = context.resources.pipeline
    folder = Path(config.folder).expanduser().absolute() if config.folder.strip() else default_folder(pipeline)
    made = make_backup(pipeline, folder, Wishes(verify=config.verify, settings_file=find_settings_file(None)))
    removed = prune_backups(pipeline, folder).backups if config.prune else []
    manifest = made.manifest
    assert manifest is not None, "a backup just made has its manifest"
    context.add_output_metadata(
        {
            "path": dg.MetadataValue.path(str(made.path)),
            "seconds": manifest.seconds,
            "bytes": manifest.bytes,
            "verified": manifest.verified,
            "sources": len(manifest.partitions),
            "documents": manifest.total("documents"),
            "points": sum(facts.points for facts in manifest.index.collections.values()),
            "written_meanwhile": len(manifest.written_meanwhile),
            "removed": len(removed),
        }
    )
    context.log.info(f"{made.path}: {manifest.bytes:,} bytes in {manifest.seconds:.1f} s; {len(removed)} removed")


def build_backup_job() -> dg.JobDefinition:
    """The job that makes a backup."""

    @dg.job(name=BACKUP_JOB, description="Backs up the state store and the collections, and removes old backups.")
    def backup() -> None:
        backup_op()

    return backup


def build_backup_schedule() -> dg.ScheduleDefinition:
    """The job at the times the settings name; running from the start only where they say so."""
    settings = settings_in_force()
    wanted = settings.backup if settings else BackupSettings()
    return dg.ScheduleDefinition(
        name=BACKUP_SCHEDULE,
        job_name=BACKUP_JOB,
        cron_schedule=wanted.schedule,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if wanted.enabled else dg.DefaultScheduleStatus.STOPPED,
        description="Backups at the times that backup.schedule names (UTC).",
    )
