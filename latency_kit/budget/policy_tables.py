"""From the tables of a parsed policy file to a policy, or to all the mistakes in them.

Tables are read into drafts that may have gaps, so that one mistake hides no other. Files, TOML syntax and
line numbers are the business of `policy_file` and `toml_lines`.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from latency_kit.budget.model import (
    DEFAULT_MIN_SAMPLES,
    DEFAULT_PERCENTILE,
    Allotment,
    FailureRule,
    LatencyBudget,
)
from latency_kit.budget.policy import BudgetPolicy
from latency_kit.budget.rules import (
    Part,
    duplicate_series,
    fit_mistakes,
    limit_mistake,
    min_samples_mistake,
    name_mistake,
    percentile_mistake,
    text_mistake,
)
from latency_kit.errors import UsageError
from latency_kit.units import ms_to_ns

__all__ = ["Mistake", "TableReader", "dotted"]

Path = tuple[str, ...]

_BUDGET_KEYS = (
    "measures",
    "limit_ms",
    "percentile",
    "min_samples",
    "failures",
    "description",
    "owner",
    "allotments",
)
_ALLOTMENT_KEYS = (*_BUDGET_KEYS, "overlaps", "optional")
_MEASURES_KEYS = ("component", "operation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong, and at which key."""

    path: Path
    reason: str


def dotted(path: Path) -> str:
    """Write a path as TOML writes it: `budgets.answer`, with quotes where a step needs them."""
    bare = re.compile(r"[A-Za-z0-9_-]+")
    return ".".join(step if bare.fullmatch(step) else json.dumps(step) for step in path)


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A budget's table as far as it could be understood; None stands for what could not."""

    path: Path
    name: str
    series: tuple[str, str] | None = None
    limit_ns: int | None = None
    percentile: float | None = DEFAULT_PERCENTILE
    min_samples: int = DEFAULT_MIN_SAMPLES
    failures: FailureRule = FailureRule.OVER_LIMIT
    description: str = ""
    owner: str = ""
    overlaps: bool = False
    optional: bool = False
    allotments: "list[_Draft]" = field(default_factory=list)

    def walk(self) -> "Iterator[_Draft]":
        yield self
        for allotment in self.allotments:
            yield from allotment.walk()

    def budget(self) -> LatencyBudget:
        assert self.series is not None  # noqa: S101  # a draft with gaps is never built
        assert self.limit_ns is not None  # noqa: S101  # the same
        assert self.percentile is not None  # noqa: S101  # the same
        return LatencyBudget(
            name=self.name,
            component=self.series[0],
            operation=self.series[1],
            limit_ns=self.limit_ns,
            percentile=self.percentile,
            min_samples=self.min_samples,
            failures=self.failures,
            description=self.description,
            owner=self.owner,
            allotments=tuple(
                Allotment(budget=draft.budget(), overlaps=draft.overlaps, optional=draft.optional)
                for draft in self.allotments
            ),
        )


class TableReader:
    """Reads one policy; afterwards `mistakes` holds all that is wrong with it.

    * Whatever the tables hold, reading them raises nothing; a policy comes back only without mistakes.
    """

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def read(self, table: Mapping[str, Any], path: Path) -> BudgetPolicy | None:
        """Read the table at `path` that holds `budgets`."""
        self._refuse_unknown(table, path, ("budgets",))
        at = (*path, "budgets")
        if "budgets" not in table:
            self._note(at, f"is missing; write a table such as [{dotted(at)}.answer]")
        elif table["budgets"] == {}:
            self._note(at, f"holds no budget; write a table such as [{dotted(at)}.answer]")
        drafts = self._budgets(table.get("budgets", {}), at, _BUDGET_KEYS)
        everyone = [draft for top in drafts for draft in top.walk()]
        self._check_fit(everyone)
        self._check_duplicates(everyone)
        if self.mistakes:
            return None
        return BudgetPolicy(tuple(draft.budget() for draft in drafts))

    def _budgets(self, tables: object, path: Path, keys: tuple[str, ...]) -> list[_Draft]:
        if not isinstance(tables, dict):
            self._note(path, f"must be a table of budgets, got {_kind(tables)}")
            return []
        return [self._budget(table, (*path, name), keys) for name, table in tables.items()]

    def _budget(self, table: object, path: Path, keys: tuple[str, ...]) -> _Draft:
        draft = _Draft(path=path, name=path[-1])
        self._judge(path, name_mistake(draft.name))
        if not isinstance(table, dict):
            self._note(path, f"must be a table with measures and limit_ms, got {_kind(table)}")
            draft.percentile = None
            return draft
        self._refuse_unknown(table, path, keys)
        for key in ("measures", "limit_ms"):
            if key not in table:
                self._note((*path, key), "is missing")
        for key, value in table.items():
            if key in keys:
                self._field(draft, key, value)
        return draft

    def _field(self, draft: _Draft, key: str, value: Any) -> None:
        at = (*draft.path, key)
        match key:
            case "measures":
                draft.series = self._series(value, at)
            case "limit_ms":
                draft.limit_ns = self._limit_ns(value, at)
            case "percentile":
                draft.percentile = float(value) if self._judge(at, percentile_mistake(value)) else None
            case "failures":
                self._failures(draft, value, at)
            case "allotments":
                draft.allotments = self._budgets(value, at, _ALLOTMENT_KEYS)
            case _:
                if self._judge(at, _PLAIN_RULES[key](value)):
                    setattr(draft, key, value)

    def _series(self, value: object, at: Path) -> tuple[str, str] | None:
        if isinstance(value, dict):
            self._refuse_unknown(value, at, _MEASURES_KEYS)
            steps = [self._series_step(value, key, at) for key in _MEASURES_KEYS]
            return (steps[0], steps[1]) if all(steps) else None
        if not isinstance(value, str):
            self._note(at, f'must be a string such as "llm.generate", got {_kind(value)}')
            return None
        steps = value.split(".")
        if len(steps) != 2 or not all(step and step == step.strip() for step in steps):  # noqa: PLR2004  # a pair
            self._note(
                at,
                f'must be "component.operation", such as "llm.generate", got {value!r}; for names that hold '
                'dots write { component = "...", operation = "..." }',
            )
            return None
        return (steps[0], steps[1])

    def _series_step(self, table: Mapping[str, Any], key: str, at: Path) -> str:
        step = table.get(key)
        if isinstance(step, str) and step and step == step.strip():
            return step
        found = f"got {_kind(step)}" if key in table else "which is missing"
        self._note((*at, key), f"must be a non-empty string without surrounding space, {found}")
        return ""

    def _limit_ns(self, value: object, at: Path) -> int | None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            self._note(at, f"must be a number of milliseconds, got {_kind(value)}")
            return None
        try:
            limit_ns = ms_to_ns(value)
        except UsageError as error:
            self._note(at, str(error))
            return None
        return limit_ns if self._judge(at, limit_mistake(limit_ns)) else None

    def _failures(self, draft: _Draft, value: object, at: Path) -> None:
        rules = [str(rule) for rule in FailureRule]
        if isinstance(value, str) and value in rules:
            draft.failures = FailureRule(value)
        else:
            expected = " or ".join(f'"{rule}"' for rule in rules)
            self._note(at, f"must be {expected}, got {_kind(value)}")

    def _check_fit(self, drafts: list[_Draft]) -> None:
        for draft in drafts:
            if draft.limit_ns is None:
                continue
            # A draft without a limit is left out: what the others need together is a lower bound.
            parts = [
                Part(name=part.name, limit_ns=part.limit_ns, overlaps=part.overlaps, optional=part.optional)
                for part in draft.allotments
                if part.limit_ns is not None
            ]
            at = (*draft.path, "allotments")
            for name, reason in fit_mistakes(draft.limit_ns, parts):
                self._note(at if name is None else (*at, name, "limit_ms"), reason)

    def _check_duplicates(self, drafts: list[_Draft]) -> None:
        paths = {dotted(draft.path): draft.path for draft in drafts}
        keyed = [
            (dotted(draft.path), draft.series, draft.percentile)
            for draft in drafts
            if draft.series is not None and draft.percentile is not None
        ]
        for name, reason in duplicate_series(keyed):
            self._note((*paths[name], "measures"), reason)

    def _refuse_unknown(self, table: Mapping[str, Any], path: Path, known: tuple[str, ...]) -> None:
        for key in table:
            if key in known:
                continue
            if key in _ALLOTMENT_KEYS and known == _BUDGET_KEYS:
                self._note((*path, key), "is for allotments only; a budget at the top stands alone")
                continue
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
            self._note((*path, key), f"is not a known key; {hint}")

    def _judge(self, at: Path, mistake: str | None) -> bool:
        if mistake is not None:
            self._note(at, mistake)
        return mistake is None

    def _note(self, path: Path, reason: str) -> None:
        self.mistakes.append(Mistake(path=path, reason=reason))


def _kind(given: object) -> str:
    return f"{_TOML_NAMES.get(type(given), type(given).__name__)} {given!r}"


_TOML_NAMES = {
    str: "the string",
    bool: "the boolean",
    int: "the integer",
    float: "the float",
    dict: "the table",
    list: "the array",
}


def _flag_mistake(value: object) -> str | None:
    return None if isinstance(value, bool) else f"must be true or false, got {_kind(value)}"


_PLAIN_RULES: Mapping[str, Callable[[object], str | None]] = {
    "min_samples": min_samples_mistake,
    "description": text_mistake,
    "owner": text_mistake,
    "overlaps": _flag_mistake,
    "optional": _flag_mistake,
}
