"""Where records go: into the log file, and to standard error or the terminal of a command.

Only records of this package: libraries log requests and answers, which carry keys and text of documents.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator

from pydantic import BaseModel, SecretStr

from vector_pipeline.logs.about import PACKAGE, RUNS, Marking
from vector_pipeline.logs.file import LogFile
from vector_pipeline.logs.lines import hide, json_line, text_line
from vector_pipeline.settings_logs import LogSettings

Show = Callable[[str], None]

_SHORTEST_SECRET = 6
"""Characters: of anything shorter, taking it out of every line would make nonsense of them."""


class _Shown(logging.Handler):
    """Hands every record as a text to a function."""

    def __init__(self, form: Callable[[logging.LogRecord], str], show: Show) -> None:
        super().__init__()
        self._form, self._show = form, show

    def emit(self, record: logging.LogRecord) -> None:
        """Shows the record."""
        try:
            self._show(self._form(record))
        except Exception:  # noqa: BLE001  # a record that can't be shown must not end what it tells of
            self.handleError(record)


class _Installed:
    """What is in force in this process."""

    terminal: Show | None = None
    key: object = None
    handlers: tuple[logging.Handler, ...] = ()


def configure(settings: LogSettings, *, secrets: frozenset[str] = frozenset(), terminal: Show | None = None) -> None:
    """Has this package's records written as the settings say; cheap where that is so already.

    With `terminal`, warnings and errors that no command tells itself are shown by it, as plain text, rather than
    everything on standard error. A process that had a terminal once keeps it.
    """
    _Installed.terminal = terminal = terminal or _Installed.terminal
    key = (settings, secrets, terminal is not None)
    if key == _Installed.key:
        return
    mask = hide(secrets)
    write = json_line if settings.format == "json" else text_line
    handlers: list[logging.Handler] = []
    if settings.file is not None:
        handlers.append(LogFile(settings.file, lambda record: write(record, mask), settings.max_size, settings.keep))
    if terminal is not None:
        shown = _Shown(lambda record: mask(record.getMessage()), terminal)
        shown.setLevel(logging.WARNING)
        shown.addFilter(lambda record: record.name != RUNS.name)
        handlers.append(shown)
    else:
        handlers.append(_Shown(lambda record: write(record, mask), _to_standard_error))
    for handler in handlers:
        handler.addFilter(Marking())
    logger = logging.getLogger(PACKAGE)
    reset()
    for handler in handlers:
        logger.addHandler(handler)
    logger.setLevel(settings.level.upper())
    _Installed.key, _Installed.handlers, _Installed.terminal = key, tuple(handlers), terminal


def reset() -> None:
    """Takes away what `configure` has put in place, and closes the file."""
    logger = logging.getLogger(PACKAGE)
    for handler in _Installed.handlers:
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(logging.NOTSET)
    _Installed.handlers, _Installed.key, _Installed.terminal = (), None, None


def secrets_of(settings: BaseModel) -> frozenset[str]:
    """Every secret value in the settings: none of them may stand in a log, whoever let it slip into a message."""
    return frozenset(value for value in _secrets(settings) if len(value) >= _SHORTEST_SECRET)


def _secrets(value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, dict):
        for one in value.values():
            yield from _secrets(one)
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _secrets(one)


def _to_standard_error(line: str) -> None:
    # Looked up each time: whoever redirects standard error means these lines, too.
    sys.stderr.write(line + "\n")
