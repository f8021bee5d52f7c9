"""What the commands of upkeep print as JSON: rebuild, reset, prune, adopt, quarantine, alerts, settings, schema."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict


class RebuiltSource(TypedDict):
    """A source whose points were written again."""

    # its name
    source: str
    # what was done, in numbers
    counts: dict[str, int]
    # documents that could not be written again and stay as they are
    kept_documents: int
    # texts that have no vector
    texts_without_vector: int
    # what went wrong, else empty
    error: str


class RebuildJson(TypedDict):
    """What a rebuild did."""

    # one per source
    sources: list[RebuiltSource]


class ResetSource(TypedDict):
    """A source that was forgotten."""

    # its name
    source: str
    # documents it held
    documents: int
    # points it had
    points: int
    # documents it had in quarantine
    quarantined: int
    # whether a mirror of it was removed
    mirror_removed: bool
    # whether documents and points went at once
    dropped: bool


class ResetJson(TypedDict):
    """What a reset did."""

    # one per source
    sources: list[ResetSource]


class PrunedKind(TypedDict):
    """What of one kind is no longer needed."""

    # its name
    kind: str
    # how many went, or could go
    number: int
    # their size, null where not known
    size: int | None
    # since when the oldest is no longer needed
    oldest: datetime | None
    # how many more wait for their time
    waiting: int
    # the names of few things
    names: list[str]
    # what kept the kind from being looked at or freed, else empty
    error: str


class PruneJson(TypedDict):
    """What is no longer needed."""

    # whether it was removed
    removed: bool
    # one per kind
    kinds: list[PrunedKind]
    # bytes of the state file that are free for what comes next
    free_bytes: int
    # bytes by which the state file has become smaller
    vacuumed_bytes: int


class AdoptedSource(TypedDict):
    """What a source has of an adoption, in chunks."""

    # its name
    partition: str
    # all of its chunks
    chunks: int
    # had a vector before
    embedded_before: int
    # of which the other collection holds the text
    found: int
    # whose vector was taken over
    adopted: int
    # left for the next sync to embed
    left: int
    # why the source could not be read, else empty
    error: str


class ForeignPoints(TypedDict):
    """The points of the other collection."""

    # all of them
    points: int
    # without text
    without_text: int
    # whose text is that of a chunk here
    matched: int
    # with another text
    unmatched: int
    # of these, of documents that are held here; null where no addresses were given
    of_changed: int | None
    # of these, of documents that no source has; null where no addresses were given
    of_unknown: int | None
    # some addresses of the latter
    unknown: list[str]


class Compared(TypedDict):
    """A sample of the other collection's vectors against the model's."""

    # texts compared
    compared: int
    # of which the vectors are the same
    same: int
    # the lowest cosine seen
    lowest: float


class AdoptJson(TypedDict):
    """What an adoption did."""

    # the other collection
    collection: str
    # the name of its vector, empty for the unnamed one
    vector: str
    # whether nothing was kept
    dry_run: bool
    # one per source
    sources: list[AdoptedSource]
    # what is there
    points: ForeignPoints
    # texts that need no embedding any more
    adopted_texts: int
    # texts whose vectors there contradict each other
    contradicted_texts: int
    # vectors not taken over, by reason
    refused_vectors: dict[str, int]
    # the comparison of samples, by kind of likeness
    compared: dict[str, Compared]
    # chunks that the next sync embeds
    left_chunks: int


class ImportedSetting(TypedDict):
    """What became of a part of the other file."""

    # its place there
    where: str
    # carried, changed, dropped, secret, …
    kind: str
    # its place here, empty where it has none
    target: str
    # why, or how
    note: str


class ImportJson(TypedDict):
    """What became of a configuration file."""

    # the file that was written
    written: str
    # whether all that decides what is indexed has a counterpart
    complete: bool
    # one per part
    outcomes: list[ImportedSetting]


class QuarantinedDocument(TypedDict):
    """A document that could not be brought in. Its last good version stays in the index."""

    # its source
    partition: str
    # its id, as hexadecimal digits
    document_id: str
    # what the source calls it
    native_id: str
    # its address
    uri: str
    # the stage that failed
    stage: str
    # the version that failed
    version: str
    # why
    reason: str
    # whether it is tried again only when it changes
    permanent: bool
    # how often it was tried
    attempts: int
    # when it failed first
    first_at: datetime
    # when it failed last
    last_at: datetime
    # when it is tried again, null where only after a change
    retry_at: datetime | None


class QuarantineJson(TypedDict):
    """What is in quarantine."""

    # the latest first
    quarantined: list[QuarantinedDocument]


class TriedChannel(TypedDict):
    """The trial of one channel."""

    # its name
    channel: str
    # sent or failed
    result: str
    # why it failed, else empty
    error: str


class AlertsTestJson(TypedDict):
    """The trial of the channels."""

    # one per channel
    channels: list[TriedChannel]


class OpenTrouble(TypedDict):
    """A trouble that is not over."""

    # error or warning
    severity: str
    # run failed, check failed, source behind, …
    kind: str
    # the source it is of, empty for none
    source: str
    # it in a line
    title: str
    # numbers and names
    facts: dict[str, str]
    # when it began
    since: datetime
    # the channels that were told
    told: list[str]


class AlertsJson(TypedDict):
    """The troubles of the last tick."""

    # errors first, the oldest first
    troubles: list[OpenTrouble]
    # how many messages in a row did not get through, by channel
    failing_channels: dict[str, int]


class ConfigJson(TypedDict):
    """The settings in force, secrets masked; the sections of the settings file stand beside these fields."""

    # the file
    settings_file: str
    # the folder of all data
    data_dir: str


class SchemaJson(TypedDict):
    """The schema of the state store."""

    # its revision, empty where there is no store
    current: str | None
    # the revision of this program
    head: str
    # the migrations between them
    pending: list[str]
    # copies made before migrations
    backups: list[str]
