"""The shape of what `logs --json` prints.

Annotations are not put off here: as mere text they would not say which keys may be missing.
"""

from typing import NotRequired, TypedDict


class LogLineJson(TypedDict):
    """A line of the log."""

    # When it was written
    time: str
    # debug, info, warning, error or critical
    level: str
    # The part of the pipeline that wrote it; empty where the file is kept as text
    logger: str
    # The source it is about, empty where it is about none
    source: str
    # Id of the run, only its beginning where the file is kept as text
    run: str
    # What it says
    message: str
    # The stage of the run
    stage: NotRequired[str]
    # Id of the document it is about
    document: NotRequired[str]
    # How a run ended: success, partial or failed
    status: NotRequired[str]
    # Seconds that something took
    seconds: NotRequired[float]
    # What was counted, by name
    counts: NotRequired[dict[str, float]]
    # What to do about it
    hint: NotRequired[str]
    # An error that nobody foresaw: its kind and place
    error: NotRequired[str]


class LogsJson(TypedDict):
    """The last lines of the log; with `--follow` each line is an object of its own."""

    # The lines, oldest first
    lines: list[LogLineJson]
