"""How slow a chat stream may be: until its first text, between its pieces, at its worst rate, in all.

Arithmetic over the readings of a clock that others read.
"""

from dataclasses import dataclass, replace

__all__ = ["OllamaTimeouts", "StreamPace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OllamaTimeouts:
    """How long a call may take, in seconds.

    Attributes:
        first_token_s: From the request to the first text; thinking does not count as text.
        idle_s: Between two pieces after that.
        total_s: From the request to the end.
        tokens_per_s: The lowest rate after the first text, once `grace_s` have passed; 4 is about the pace
            of speech.
        grace_s: How long a stream may begin slowly.
        probe_s: For finding out whether a local Ollama is there.
        probe_token_s: For the token of a probe.
        load_s: For the token of a warm-up, which may wait for the model to be loaded.
    """

    first_token_s: float = 3.0
    idle_s: float = 2.0
    total_s: float = 20.0
    tokens_per_s: float = 4.0
    grace_s: float = 1.0
    probe_s: float = 0.8
    probe_token_s: float = 3.0
    load_s: float = 60.0

    def for_probe(self, *, patient: bool) -> "OllamaTimeouts":
        """Return the bounds of a probe, or where `patient` of a warm-up."""
        bound_s = self.load_s if patient else self.probe_token_s
        return replace(self, first_token_s=bound_s, total_s=bound_s)


class StreamPace:
    """The bounds of one stream while it runs, on the clock (seconds) that its readings come from."""

    def __init__(self, timeouts: OllamaTimeouts) -> None:
        self._timeouts = timeouts
        self._begun_s = 0.0
        self._first_text_s: float | None = None

    def begin(self, now_s: float) -> None:
        """The request is sent."""
        self._begun_s = now_s

    def bound(self, now_s: float, *, tokens: int) -> tuple[float, str]:
        """Return until when the next piece must come, and what is wrong if it does not.

        Args:
            now_s: Now.
            tokens: How many have come; 0 until the first text.
        """
        times = self._timeouts
        if not tokens:
            first = (self._begun_s + times.first_token_s, f"gave no text within {times.first_token_s:g} s")
            return min(first, self._end())
        if self._first_text_s is None:
            self._first_text_s = now_s
        idle = (now_s + times.idle_s, f"stalled for {times.idle_s:g} s in mid-answer")
        paced_s = self._first_text_s + times.grace_s + tokens / times.tokens_per_s
        trickle = (paced_s, f"gave fewer than {times.tokens_per_s:g} tokens a second")
        return min(idle, trickle, self._end())

    def _end(self) -> tuple[float, str]:
        return self._begun_s + self._timeouts.total_s, f"had not ended after {self._timeouts.total_s:g} s"
