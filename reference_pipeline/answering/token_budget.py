"""How many tokens an answer may have so that it is whole within what remains of the deadline.

Learns the provider's pace from its calls; knows neither transport nor provider.
"""

import latency_kit
from latency_kit.units import NS_PER_S

__all__ = ["TokenBudget"]

FEWEST_TOKENS = 24
"""A sentence; a shorter answer helps nobody, so it is better late than less."""

MOST_TOKENS = 120
"""Some ninety words: more than two to four spoken sentences."""

TAIL_TOKENS = 60
"""For the terms after the answer; they come when the answer is on the screen already."""

_WEIGHT = 0.2
"""Of the newest call in the moving averages: some ten calls are remembered."""


class TokenBudget:
    """Caps answers by time.

    * The cap is what fits between the expected first token and the deadline at the expected rate, from
      `FEWEST_TOKENS` to `MOST_TOKENS`; without a deadline it is `MOST_TOKENS`.
    * What is expected is a moving average of the calls so far, the first token's with as much on top as it
      varies by.

    Args:
        first_token_s: Time to first token that is expected at the beginning, in seconds.
        tokens_per_s: Rate that is expected at the beginning.
        margin_s: How long before the deadline an answer should be whole, in seconds.
    """

    def __init__(
        self, *, first_token_s: float = 0.8, tokens_per_s: float = 50.0, margin_s: float = 0.0
    ) -> None:
        self._margin_s = margin_s
        self._first_token_s = first_token_s
        self._deviation_s = 0.0
        self._tokens_per_s = tokens_per_s

    @property
    def tokens_per_s(self) -> float:
        """The rate that is expected."""
        return self._tokens_per_s

    @property
    def first_token_s(self) -> float:
        """The time to first token that is expected, its variation included."""
        return self._first_token_s + self._deviation_s

    def cap(self) -> int:
        """Return how many tokens an answer that is asked for now may have, under the current deadline."""
        deadline = latency_kit.current_deadline()
        if deadline is None:
            return MOST_TOKENS
        left_s = deadline.remaining_ns() / NS_PER_S - self._margin_s - self.first_token_s
        return min(MOST_TOKENS, max(FEWEST_TOKENS, round(left_s * self._tokens_per_s)))

    def learn(self, *, first_token_s: float, streaming_s: float, tokens: int) -> None:
        """Take a call that came to its end: its first token, and the time that `tokens` took after it."""
        self._deviation_s += _WEIGHT * (abs(first_token_s - self._first_token_s) - self._deviation_s)
        self._first_token_s += _WEIGHT * (first_token_s - self._first_token_s)
        if tokens > FEWEST_TOKENS // 2 and streaming_s > 0:
            self._tokens_per_s += _WEIGHT * (tokens / streaming_s - self._tokens_per_s)
