"""What every converter answers with, and the error it raises.

Apart from `convert`, so that the converters need not import their caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vector_pipeline.errors import PipelineError

FEW_ATTEMPTS = 5
"""How often a file is tried that took too long, needed too much memory, or ended the converter."""


class ConversionError(PipelineError):
    """The bytes can't be read as what the file's name says. The message is the reason, in words for people.

    A `permanent` one comes again with the same bytes: only another version of the file, another converter or other
    settings can help. Others may be gone at another time: those that the file has its part in (too slow, too much
    memory, a crash) are worth a few `attempts`, those of this machine any number (0).
    """

    def __init__(self, message: str, *, hint: str = "", permanent: bool = True, attempts: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.permanent, self.attempts = permanent, attempts


@dataclass(frozen=True, slots=True)
class Converted:
    """Normalized text with what the content says about itself.

    `kind` ("markdown", "code" or "text") chooses the chunker. `title` is the content's own ("" if it has none),
    `context` what is embedded in front of every chunk: the title, where the text does not begin with it. `metadata`
    holds JSON values only: tags, aliases, links, author, created_at, properties, pages and the like. Some keys have a
    meaning for payloads, all offsets being code points of the text in ascending order: `page_starts` and
    `slide_starts` [offset, ...], `sheet_starts` [[offset, name], ...], `anchors` [[offset, id], ...].
    """

    text: str
    kind: str
    language: str = ""
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    context: str = ""
