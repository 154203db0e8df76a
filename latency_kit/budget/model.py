"""A latency budget and its allotments, as frozen data. How they are read and judged lives elsewhere."""

from dataclasses import dataclass
from enum import StrEnum

from latency_kit.budget.rules import (
    Part,
    fit_mistakes,
    limit_mistake,
    min_samples_mistake,
    name_mistake,
    percentile_mistake,
    text_mistake,
)
from latency_kit.budget.window_length import window_mistake
from latency_kit.errors import UsageError
from latency_kit.units import ns_to_ms

__all__ = [
    "DEFAULT_MIN_SAMPLES",
    "DEFAULT_PERCENTILE",
    "Allotment",
    "FailureRule",
    "LatencyBudget",
    "failure_rule_mistake",
    "series_mistake",
]

DEFAULT_PERCENTILE = 95.0

DEFAULT_MIN_SAMPLES = 20
"""The fewest values among which p95 is not simply the greatest one: ceil(0.95 * 20) = 19."""


class FailureRule(StrEnum):
    """How calls that ended otherwise than well (error, cancelled, timed out, dropped) are judged.

    They are always in the denominator: an outage must not look like an improvement.
    """

    OVER_LIMIT = "over_limit"
    """A failed call counts as over the limit, however fast it failed."""

    BY_DURATION = "by_duration"
    """A failed call counts by its duration, as a good one does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyBudget:
    """What a series of calls may take: `percentile` percent of them at most `limit_ns`.

    * The limit is positive, the percentile in (0, 100], the minimum of samples at least 1.
    * Each allotment fits the limit on its own, and those that run after each other fit it together;
      allotments that overlap others or are optional are not part of that sum.
    * Allotments of one budget have different names.

    Attributes:
        name: One step of the budget's path, such as "transcription"; without dots.
        component: Component of the series that is judged.
        operation: Operation of the series that is judged.
        limit_ns: The limit in nanoseconds.
        percentile: Which share of the calls must keep the limit, in percent.
        min_samples: With fewer calls the verdict is `NO_DATA`.
        failures: How calls that failed are judged.
        window_ns: Over what rolling window the budget is judged while the program runs, in nanoseconds;
            None judges all that was recorded.
        strict: Whether a call over the limit raises `BudgetExceededError` where it was measured.
        description: What the budget is for, for people.
        owner: Who answers for it, for people.
        allotments: How the limit is divided among stages.

    Raises:
        UsageError: A value breaks one of the rules above.
    """

    name: str
    component: str
    operation: str
    limit_ns: int
    percentile: float = DEFAULT_PERCENTILE
    min_samples: int = DEFAULT_MIN_SAMPLES
    failures: FailureRule = FailureRule.OVER_LIMIT
    window_ns: int | None = None
    strict: bool = False
    description: str = ""
    owner: str = ""
    allotments: "tuple[Allotment, ...]" = ()

    def __post_init__(self) -> None:
        """Check all values and bring equal budgets to equal objects (95 is 95.0, a list is a tuple)."""
        self._check("name", name_mistake(self.name))
        self._check("component", series_mistake(self.component))
        self._check("operation", series_mistake(self.operation))
        self._check("limit_ns", limit_mistake(self.limit_ns))
        self._check("percentile", percentile_mistake(self.percentile))
        self._check("min_samples", min_samples_mistake(self.min_samples))
        self._check("description", text_mistake(self.description))
        self._check("owner", text_mistake(self.owner))
        self._check("failures", failure_rule_mistake(self.failures))
        if self.window_ns is not None:
            self._check("window_ns", window_mistake(self.window_ns))
        self._check("strict", _flag_mistake(self.strict))
        object.__setattr__(self, "failures", FailureRule(self.failures))
        object.__setattr__(self, "percentile", float(self.percentile))
        object.__setattr__(self, "allotments", tuple(self.allotments))
        self._check_allotments()

    @property
    def limit_ms(self) -> float:
        """The limit for people, in milliseconds."""
        return ns_to_ms(self.limit_ns)

    @property
    def measures(self) -> str:
        """`component.operation`, the series that is judged."""
        return f"{self.component}.{self.operation}"

    @property
    def series(self) -> tuple[str, str]:
        """(component, operation), the series that is judged, as a key."""
        return (self.component, self.operation)

    def _check(self, field: str, mistake: str | None) -> None:
        if mistake is not None:
            raise UsageError(f"budget {self.name!r}: {field} {mistake}")

    def _check_allotments(self) -> None:
        names = set()
        for allotment in self.allotments:
            if not isinstance(allotment, Allotment):
                raise UsageError(
                    f"budget {self.name!r}: allotments must be Allotment objects, "
                    f"got {type(allotment).__name__}; write Allotment(budget=LatencyBudget(...))"
                )
            if allotment.name in names:
                raise UsageError(f"budget {self.name!r}: two allotments are named {allotment.name!r}")
            names.add(allotment.name)
        for part, reason in fit_mistakes(self.limit_ns, (allotment.part() for allotment in self.allotments)):
            where = "allotments" if part is None else f"allotment {part!r}"
            raise UsageError(f"budget {self.name!r}: {where}: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allotment:
    """The share of a budget that one stage may use up: itself a budget, with a series of its own.

    Attributes:
        budget: What the stage may take.
        overlaps: The stage runs while others run (or instead of one of them), so that its limit does
            not add to theirs.
        optional: The stage is skipped when it no longer fits what remains, so that no time is kept
            back for it; having no data is no fault.

    Raises:
        UsageError: A value is of the wrong type.
    """

    budget: LatencyBudget
    overlaps: bool = False
    optional: bool = False

    def __post_init__(self) -> None:
        """Check the types."""
        if not isinstance(self.budget, LatencyBudget):
            raise UsageError(
                f"an allotment's budget must be a LatencyBudget, got {type(self.budget).__name__}"
            )
        for field, value in (("overlaps", self.overlaps), ("optional", self.optional)):
            if not isinstance(value, bool):
                raise UsageError(
                    f"allotment {self.budget.name!r}: {field} must be True or False, got {value!r}"
                )

    @property
    def name(self) -> str:
        """The name of the stage's budget."""
        return self.budget.name

    @property
    def limit_ns(self) -> int:
        """The limit of the stage's budget, in nanoseconds."""
        return self.budget.limit_ns

    def part(self) -> Part:
        """Return what the sum of allotments needs to know."""
        return Part(name=self.name, limit_ns=self.limit_ns, overlaps=self.overlaps, optional=self.optional)


def _flag_mistake(given: object) -> str | None:
    return None if isinstance(given, bool) else f"must be True or False, got {given!r}"


def failure_rule_mistake(given: object) -> str | None:
    """Refuse what is not one of the rules for failed calls, as a member or by its value."""
    if isinstance(given, str) and given in [str(rule) for rule in FailureRule]:
        return None
    expected = " or ".join(repr(str(rule)) for rule in FailureRule)
    return f"must be {expected}, got {given!r}"


def series_mistake(given: object) -> str | None:
    """Refuse what cannot be the name of a component or an operation."""
    if not isinstance(given, str) or not given or given != given.strip():
        return f"must be a non-empty string without surrounding space, got {given!r}"
    return None
