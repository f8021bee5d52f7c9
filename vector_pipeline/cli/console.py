"""What commands share: where they print, how they end, how they open the pipeline.

Exit codes: 0 all done, 1 something failed, 2 wrong use. Whatever comes from a source goes through `plain` or `text`
before it is printed: names and titles are untrusted, and a terminal obeys control characters.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from vector_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from rich.style import StyleType
    from rich.table import Table

    from vector_pipeline.settings_atlassian import SiteSettings
    from vector_pipeline.settings_file import Loaded
    from vector_pipeline.sync.builds import Progress
    from vector_pipeline.sync.pipeline import Pipeline

FAILED, WRONG_USE = 1, 2

PLAIN_WIDTH = 10_000
"""Width where the output is not a terminal: a row of a table is one line, for grep and for files."""

NARROW = 110
"""Terminals below this width get the tables without their least important columns."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
err = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PLAIN_WIDTH)

# Control characters, lone surrogates, and the marks that turn the direction of writing or hide text.
_HOSTILE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\U000e0000-\U000e007f]"
)


class State:
    """The options given before the command."""

    config: Path | None = None
    debug: bool = False


state = State()


def load() -> Loaded:
    """The settings in force. The file is named to child processes and to Dagster through the environment."""
    from vector_pipeline.logs.setup import configure, secrets_of
    from vector_pipeline.settings_file import VARIABLE, find_settings_file, load_settings

    loaded = load_settings(find_settings_file(state.config))
    os.environ[VARIABLE] = str(loaded.path)
    configure(loaded.settings.logs, secrets=secrets_of(loaded.settings), terminal=_warn)
    return loaded


def _warn(message: str) -> None:
    """Shows what the log warns of, above the progress display where there is one."""
    err.print(text(message, "yellow"), soft_wrap=True)


@contextmanager
def opened() -> Iterator[Pipeline]:
    """The pipeline of the settings in force."""
    from vector_pipeline.sync.pipeline import Pipeline

    loaded = load()
    with Pipeline(loaded.settings, loaded.data_dir) as pipeline:
        yield pipeline


def known_sources(
    pipeline: Pipeline, wanted: Sequence[str], *, configured_only: bool = False, with_sites: bool = False
) -> list[str]:
    """The partitions that were named, each once; `with_sites`, a site ("confluence/wiki") stands for all of its parts.

    A name that neither the settings nor the store know is wrong use.
    """
    from vector_pipeline.sync.errors import UnknownSource
    from vector_pipeline.sync.partitions import choose_partitions, site_sources

    known = dict.fromkeys(pipeline.partitions())
    sites = {site.label for site in site_sources(pipeline.settings)} if with_sites else set()
    if not configured_only:
        known |= dict.fromkeys(partition.name for partition in pipeline.store.partitions())
    try:
        return choose_partitions(wanted, known, sites)
    except UnknownSource as error:
        wrong_use(error.message)


def nothing_matches(settings: SiteSettings) -> str:
    """What to say of a site none of whose spaces or projects the settings take."""
    return f"nothing this account sees there matches {settings.keys_field}: {', '.join(settings.wanted_keys)}"


def plain(value: object, *, lines: bool = False) -> str:
    """The value as text that is safe on a terminal; on one line, unless `lines` keeps line ends and tabs."""
    shown = _HOSTILE.sub("\N{REPLACEMENT CHARACTER}", str(value))
    return shown if lines else shown.replace("\n", " ").replace("\t", " ")


def text(value: object, style: StyleType = "") -> Text:
    """The value for a table or a line, safe on a terminal, its brackets not read as markup."""
    return Text(plain(value), style=style)


def print_json(value: Any) -> None:
    """One JSON document on standard output: bytes as hex, times as ISO, nothing in it that a terminal obeys."""
    written = json.dumps(value, default=_plain, ensure_ascii=False, indent=2)
    sys.stdout.write(_HOSTILE.sub(lambda found: _escape(found[0]), written) + "\n")


def print_error(error: PipelineError) -> None:
    """What is wrong, and what to do on a line of its own, on standard error."""
    err.print(Text.assemble(("error: ", "red"), plain(error.message, lines=True)), soft_wrap=True)
    if error.hint:
        err.print(Text.assemble(("  → ", "dim"), plain(error.hint)), soft_wrap=True)


def print_progress(progress: Progress) -> None:
    """Says in a line that searches still use the collection of former settings, and how far the new one is."""
    if progress.rejected:
        line = "searches answer from the former collection: the one of the settings was taken back; `switch` goes to it"
    else:
        done = progress.partitions - len(progress.waiting)
        line = (
            f"searches answer from the former collection while the one of the settings is being built: "
            f"{progress.percent} %, {progress.points:,} of {progress.expected:,} points, {done:,} of "
            f"{progress.partitions:,} sources complete"
        )
        line += f"; missing: {', '.join(progress.waiting)}" if progress.waiting else ""
    err.print(text(line, "yellow"), soft_wrap=True)


def wrong_use(message: str) -> NoReturn:
    """Ends the command as wrongly used."""
    err.print(Text.assemble(("error: ", "red"), plain(message, lines=True)), soft_wrap=True)
    raise typer.Exit(WRONG_USE)


def age(moment: datetime | None) -> str:
    """How long ago, in words."""
    return "never" if moment is None else f"{duration(max(0.0, (datetime.now(UTC) - moment).total_seconds()))} ago"


def duration(seconds: float) -> str:
    """A time span in its largest unit."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def size(number: float) -> str:
    """A number of bytes in its largest unit up to GB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return f"{int(number)} B"


def counted(number: int, words: str) -> str:
    """A number with what it counts, given as a plural: "1 point written" or "2 points written" for "points written"."""
    things, _, rest = words.partition(" ")
    return f"{number:,} {things.removesuffix('s') if number == 1 else things} {rest}".rstrip()


def number_table(first: str, *titles: str, left: Sequence[str] = (), header_style: StyleType = "bold") -> Table:
    """A table of numbers behind a name; columns in `left` hold words and come last."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style=header_style)
    table.add_column(first, overflow="fold")
    for title in titles:
        table.add_column(title, justify="right", no_wrap=True)
    for title in left:
        table.add_column(title, no_wrap=True)
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def _escape(character: str) -> str:
    """The character as JSON writes it in ASCII; DEL, too."""
    return json.dumps(character)[1:-1] if character != "\x7f" else "\\u007f"
