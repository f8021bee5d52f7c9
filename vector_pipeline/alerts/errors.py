"""The error of this part: a notice that a channel did not take."""

from __future__ import annotations

from vector_pipeline.errors import PipelineError


class DeliveryFailed(PipelineError):
    """A channel did not take a notice. The message names the channel, never its address, secret or answer.

    `wait` is the number of seconds that the receiver asked to be left alone, 0 where it did not say.
    """

    def __init__(self, message: str, *, hint: str = "", wait: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.wait = wait
