"""How long an answer may be, in tokens and in words, so that it is whole within what remains of the deadline.

Learns the provider's pace from its calls; knows neither transport nor provider.
"""

import latency_kit
from latency_kit.units import NS_PER_S

__all__ = ["TokenBudget"]

FEWEST_TOKENS = 24
"""A sentence; a shorter answer helps nobody, so it is better late than less."""

MOST_TOKENS = 120
"""Some ninety words: more than two to four spoken sentences."""

LEAST_TOKENS_PER_S = 10.0
"""At less, even `FEWEST_TOKENS` take more than the 2.4 s that a turn has from first token to deadline."""

THOUGHT_TOKENS = 64
"""For a model that cannot be told not to think: its thoughts count against the cap."""

TAIL_TOKENS = 60
"""For the terms after the answer; they come when the answer is on the screen already."""

FEWEST_WORDS = 15
MOST_WORDS = 50
"""What the prompt allows in any case."""

_TOKENS_PER_WORD = 1.4
"""Of English prose, its punctuation included: OpenAI and Meta both give some 0.75 words a token."""

_WEIGHT = 0.2
"""Of the newest call in the moving averages: some ten calls are remembered."""

_WEIGHT_SLOWER = 0.5
"""The same where it was slower than expected: an answer that is too short is better than one that is cut."""

_JUDGED_S = 1.0
"""How long a stream must last so that few tokens tell of a slow provider and not of a short answer."""


class TokenBudget:
    """Caps answers by time.

    * The cap is what fits between the expected first token and the deadline at the expected rate, from
      `FEWEST_TOKENS` to `MOST_TOKENS`; without a deadline it is `MOST_TOKENS`. It ends an answer in the
      middle of a sentence, and so only where the deadline would.
    * What ends an answer well is to ask for a short one: `words` is what fits with `margin_s` to spare, also
      where the first token is late by twice what it varies by.
    * What is expected is a moving average of the calls so far, the first token's with as much on top as it
      varies by. A slower rate is believed sooner than a faster one.

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
        fitting = self._fitting(self.first_token_s)
        return MOST_TOKENS if fitting is None else min(MOST_TOKENS, max(FEWEST_TOKENS, round(fitting)))

    def words(self) -> int | None:
        """Return how many words to ask for now, in steps of five; None where the usual length fits."""
        fitting = self._fitting(self._first_token_s + 2 * self._deviation_s + self._margin_s)
        if fitting is None or fitting >= MOST_WORDS * _TOKENS_PER_WORD:
            return None
        return max(FEWEST_WORDS, int(fitting / _TOKENS_PER_WORD) // 5 * 5)

    def learn(self, *, first_token_s: float, streaming_s: float, tokens: int) -> None:
        """Take a call, however it ended: its first token, and the time that `tokens` took after it."""
        self._deviation_s += _WEIGHT * (abs(first_token_s - self._first_token_s) - self._deviation_s)
        self._first_token_s += _WEIGHT * (first_token_s - self._first_token_s)
        if streaming_s <= 0 or (tokens <= FEWEST_TOKENS // 2 and streaming_s < _JUDGED_S):
            return
        rate = tokens / streaming_s
        weight = _WEIGHT_SLOWER if rate < self._tokens_per_s else _WEIGHT
        self._tokens_per_s += weight * (rate - self._tokens_per_s)

    def _fitting(self, taken_s: float) -> float | None:
        """Return how many tokens come before the deadline, less `taken_s`; None without a deadline."""
        deadline = latency_kit.current_deadline()
        if deadline is None:
            return None
        return max(0.0, (deadline.remaining_ns() / NS_PER_S - taken_s) * self._tokens_per_s)
