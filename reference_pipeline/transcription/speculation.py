"""Text that was decoded in a pause, before it is known whether the utterance ends there.

It has a trace of its own, since no turn may want it; the turn that adopts it is linked.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

from opentelemetry import trace

import latency_kit
from reference_pipeline.events import Transcript
from reference_pipeline.ports import Transcriber

__all__ = ["Speculation"]


class Speculation:
    """One decoding on speculation, from its begin to its fate.

    * It is measured once, over the time of its decoding: as `transcription.speculate` where it came true, as
      `transcription.speculate_in_vain` where it did not. Their counts are the rate of adoption, the sum of
      the second is what speculation costs.
    * Where it came true, `transcription.speculation_head_start` tells how much of that time lay before the
      decision that the utterance is over, and so cost nobody anything.
    """

    __slots__ = ("_finished_ns", "_operation", "started_ns", "transcript")

    def __init__(
        self,
        transcriber: Transcriber,
        wanted: Callable[[], bool],
        *,
        whole: bool,
        within: AbstractContextManager[object],
    ) -> None:
        """Decode, within the deadline of the turn that this may become; `whole` as the port has it."""
        self.started_ns = latency_kit.now_ns()
        self._operation = latency_kit.begin(
            "transcription", "speculate", start_ns=self.started_ns, context=latency_kit.new_trace()
        )
        self.transcript: Transcript | None = None
        """None where it was given up, or failed: then the final text will tell."""
        try:
            with latency_kit.use_context(self._operation.context), within:
                self.transcript = transcriber.speculate(wanted, whole=whole)
        finally:
            self._finished_ns = latency_kit.now_ns()
            if self.transcript is None:
                self.give_up()

    @property
    def is_final(self) -> bool:
        """Whether the final text is this one, if nothing more is fed."""
        return self.transcript is not None and self.transcript.final

    def came_true(self, context: latency_kit.Context, *, decided_ns: int) -> None:
        """Note that the utterance ended with this text, in the turn of `context`."""
        turn, own = trace.get_current_span(context), self._operation.span
        if own is not None:
            turn.add_link(own.get_span_context())
            own.add_link(turn.get_span_context())
        self._operation.end(at_ns=self._finished_ns)
        latency_kit.record(
            "transcription",
            "speculation_head_start",
            start_ns=self.started_ns,
            end_ns=max(self.started_ns, min(self._finished_ns, decided_ns)),
            span=False,
        )

    def give_up(self) -> None:
        """Note that it did not come true."""
        self._operation.rename("speculate_in_vain")
        self._operation.end(at_ns=self._finished_ns)
