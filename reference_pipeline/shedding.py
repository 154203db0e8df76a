"""What is left out, step by step, to be in time or to carry the load: quality gives way, the answer does not.

The steps are data; they are decided from two sides: by what remains of the turn's deadline
(`latency_kit.allow`), and by the pressure of the load, which others measure and tell. What a step leaves out
is the business of who does it: it asks `is_shed`.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

import latency_kit
from reference_pipeline.ports import SettingsError

__all__ = ["DEFAULT_STEPS", "ShedRule", "Shedding", "Step", "current_steps", "is_shed", "shedding_steps"]


class Step(StrEnum):
    """What may be left out, the least missed first."""

    SPECULATION = "speculation"
    INTERIM_TEXT = "interim text"
    ENCODER_WINDOW = "encoder window"
    TERMS = "terms"
    LARGE_MODEL = "large model"
    MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShedRule:
    """When one step is taken.

    Attributes:
        step: What is left out.
        at_pressure: From which pressure on, 0 (idle) to 1 (nothing more can be admitted).
        series: Component and operation whose recent durations must fit what remains; none where the
            remaining budget has no say.
        unknown_ms: What it is assumed to need while too little is recorded.
        margin_ms: What must be left after it.
    """

    step: Step
    at_pressure: float
    series: tuple[str, str] | None = None
    unknown_ms: float = 0
    margin_ms: float = 0


DEFAULT_STEPS: Sequence[ShedRule] = (
    ShedRule(step=Step.SPECULATION, at_pressure=0.5),
    ShedRule(step=Step.INTERIM_TEXT, at_pressure=0.6),
    ShedRule(step=Step.ENCODER_WINDOW, at_pressure=0.7),
    ShedRule(
        step=Step.TERMS, at_pressure=0.8, series=("answering", "explain_terms"), unknown_ms=200, margin_ms=300
    ),
    ShedRule(
        step=Step.LARGE_MODEL,
        at_pressure=0.9,
        series=("answering", "time_to_first_token"),
        unknown_ms=1100,
        margin_ms=600,
    ),
    ShedRule(step=Step.MODEL, at_pressure=1.0, margin_ms=400),
)
"""With little time left first the terms go, then the large model where there is a smaller one, then models
altogether: the notes answer at once."""

_BACK_BELOW = 0.1
"""How far the pressure must fall below where a step was taken until it is undone, against fluttering."""


class Shedding:
    """Decides the steps.

    * A step is taken from its pressure on, and undone when the pressure is `_BACK_BELOW` lower.
    * Under a deadline a step is taken as well when what it leaves out does not fit what remains.
    * The steps are told in the order of the rules.

    Args:
        rules: When each step is taken.

    Raises:
        SettingsError: Two rules are for the same step, or a pressure is not above 0.
    """

    def __init__(self, rules: Sequence[ShedRule] = DEFAULT_STEPS) -> None:
        if len({rule.step for rule in rules}) < len(rules):
            raise SettingsError("two rules shed the same step; keep one of them")
        for rule in rules:
            if not rule.at_pressure > 0:
                raise SettingsError(f"{rule.step} would always be shed at pressure {rule.at_pressure}")
        self._rules = tuple(rules)
        self._pressed: frozenset[Step] = frozenset()

    def press(self, pressure: float) -> tuple[Step, ...]:
        """Take the load's pressure, 0 to 1; return the steps that it demands."""
        self._pressed = frozenset(
            rule.step
            for rule in self._rules
            if pressure >= rule.at_pressure - (_BACK_BELOW if rule.step in self._pressed else 0)
        )
        return self.pressed

    @property
    def pressed(self) -> tuple[Step, ...]:
        """The steps that the load demands now."""
        return tuple(rule.step for rule in self._rules if rule.step in self._pressed)

    def decide(self) -> tuple[Step, ...]:
        """Return the steps for work that begins now, under the current deadline."""
        return tuple(rule.step for rule in self._rules if rule.step in self._pressed or _is_late(rule))


def _is_late(rule: ShedRule) -> bool:
    if latency_kit.current_deadline() is None or (rule.series is None and not rule.margin_ms):
        return False
    if rule.series is None:
        return latency_kit.remaining() < rule.margin_ms
    component, operation = rule.series
    return not latency_kit.allow(component, operation, margin_ms=rule.margin_ms, unknown_ms=rule.unknown_ms)


_steps: ContextVar[frozenset[Step]] = ContextVar("shed_steps", default=frozenset())


@contextmanager
def shedding_steps(steps: Iterable[Step]) -> Iterator[None]:
    """Let `steps` hold for the block and for all tasks that begin in it."""
    token = _steps.set(frozenset(steps))
    try:
        yield
    finally:
        _steps.reset(token)


def current_steps() -> frozenset[Step]:
    """Return the steps that hold for the work in hand."""
    return _steps.get()


def is_shed(step: Step) -> bool:
    """Tell whether `step` is left out of the work in hand."""
    return step in _steps.get()
