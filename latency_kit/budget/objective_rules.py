"""What the values of objectives and their alerts must be, as pure functions that return mistakes.

As in `rules`, the frozen objects raise the first of them and the policy file reports all of them.
"""

import math
from fractions import Fraction
from typing import Final

from latency_kit.budget.rules import name_mistake
from latency_kit.budget.window_length import window_text

__all__ = [
    "BREACH",
    "alert_name_mistake",
    "burn_rate_mistake",
    "exact",
    "fewest_events",
    "never_fires_mistake",
    "severity_mistake",
    "target_mistake",
    "window_order_mistake",
]


BREACH: Final = "breach"
"""The alert that every objective and windowed budget has: that it is breached."""


def exact(number: float) -> Fraction:
    """Return the decimal that was written: 0.99 is 99/100, although the double nearest to it is not."""
    return Fraction(repr(float(number)))


def target_mistake(target: object) -> str | None:
    """Refuse a target that is no ratio, or leaves no error budget or nothing but one."""
    if not isinstance(target, int | float) or isinstance(target, bool):
        return f"must be a number, got {target!r}"
    if math.isnan(target) or not 0 < target < 1:
        hint = f"; for {target:g} % write {target / 100:g}" if 1 < target < 100 else ""  # noqa: PLR2004  # per cent
        return f"must be a ratio greater than 0 and less than 1, such as 0.99, got {target:g}{hint}"
    return None


def alert_name_mistake(name: object) -> str | None:
    """Refuse what is no name, and the name of the alert that every objective has."""
    if name == BREACH:
        return f"must not be {BREACH!r}, which every objective has already"
    return name_mistake(name)


def burn_rate_mistake(burn_rate: object) -> str | None:
    """Refuse a burn rate that is not a positive number."""
    if not isinstance(burn_rate, int | float) or isinstance(burn_rate, bool):
        return f"must be a number, got {burn_rate!r}"
    if not math.isfinite(burn_rate) or burn_rate <= 0:
        return f"must be greater than 0 and finite, got {burn_rate:g}"
    return None


def severity_mistake(severity: object) -> str | None:
    """Refuse what is not a word that alerts can be routed by."""
    if (
        not isinstance(severity, str)
        or not severity
        or severity != severity.strip()
        or not severity.isprintable()
    ):
        return f'must be a word such as "page" or "ticket", got {severity!r}'
    return None


def never_fires_mistake(burn_rate: float, target: float) -> str | None:
    """Refuse a burn rate that cannot be exceeded.

    The burn rate is the ratio of bad events over the ratio that the target allows (The Site Reliability
    Workbook, chapter 5). With all events bad it is 1 / (1 - target), and an alert fires above its rate.
    """
    allowed = 1 - exact(target)
    if exact(burn_rate) * allowed < 1:
        return None
    return (
        f"{burn_rate:g} can never fire on a target of {target:g}: with every event bad the burn rate is "
        f"1 / (1 - {target:g}) = {float(1 / allowed):.6g}, and an alert fires above its rate; "
        "lower the burn rate or raise the target"
    )


def window_order_mistake(*, short_ns: int, long_ns: int) -> str | None:
    """Refuse a short window that is not shorter than the long one."""
    if short_ns < long_ns:
        return None
    return f"{window_text(short_ns)} must be shorter than the long window of {window_text(long_ns)}"


def fewest_events(target: float) -> int:
    """Return the fewest events whose error budget is one whole event: 100 at a target of 0.99.

    With fewer, a single bad event overspends the budget, whatever the program does.
    """
    return math.ceil(1 / (1 - exact(target)))
