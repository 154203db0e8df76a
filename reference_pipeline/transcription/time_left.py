"""The turn's deadline where its text is made: in force there, and as a bound of what is waited for.

Knows no engine. What a deadline is, latency_kit knows; what the turn may take, the budgets say.
"""

from contextlib import AbstractContextManager, nullcontext

import latency_kit
from latency_kit.budget import LatencyBudget

__all__ = ["LEAST_WAIT_S", "turn_deadline", "within_deadline_s"]

LEAST_WAIT_S = 2.0
"""What is waited at least, however late it is: longer than the one inference that may be under way takes.
A late answer is better than none."""


def turn_deadline(
    budget: LatencyBudget | None, *, start_ns: int, name: str
) -> AbstractContextManager[object]:
    """Return the block in which the deadline of a turn that began at `start_ns` holds; None sets none.

    It ends nothing by itself, a strict budget's neither: the text is made however late it is.
    """
    if budget is None:
        return nullcontext()
    return latency_kit.deadline(budget, start_ns=start_ns, name=name, strict=False)


def within_deadline_s(limit_s: float) -> float:
    """Return how long may be waited for what takes `limit_s` seconds at most: not beyond the deadline.

    At least `LEAST_WAIT_S`, where the limit is no shorter itself.
    """
    deadline = latency_kit.current_deadline()
    if deadline is None:
        return limit_s
    return min(limit_s, max(LEAST_WAIT_S, deadline.remaining_s()))
