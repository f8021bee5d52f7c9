"""The root of every error this package raises on purpose.

An error says what is wrong, naming the source and the document, and what the user can do about it.
Imports nothing, so that every module may use it.
"""

from __future__ import annotations


class PipelineError(Exception):
    """An expected failure: `message` is one line a user understands, `hint` the next step to take.

    Neither may carry document text or secrets: both end up in logs, run metadata and the terminal.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message
