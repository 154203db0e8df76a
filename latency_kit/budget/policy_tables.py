"""From the tables of a parsed policy file to a policy, or to all the mistakes in them.

Tables are read into drafts that may have gaps, so that one mistake hides no other. Files, TOML syntax and
line numbers are the business of `policy_file` and `toml_lines`; objectives are that of `objective_tables`.
"""

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
from latency_kit.budget.objective_tables import ObjectiveTables
from latency_kit.budget.policy import BudgetPolicy
from latency_kit.budget.rules import (
    Part,
    duplicate_series,
    fit_mistakes,
    min_samples_mistake,
    name_mistake,
    percentile_mistake,
    text_mistake,
)
from latency_kit.budget.table_values import Mistake, Path, TableValues, dotted, flag_mistake, kind

__all__ = ["ALLOTMENT_KEYS", "BUDGET_KEYS", "POLICY_KEYS", "TableReader"]

POLICY_KEYS = ("budgets", "objectives", "alerts")

BUDGET_KEYS = (
    "measures",
    "limit_ms",
    "percentile",
    "min_samples",
    "failures",
    "window",
    "strict",
    "description",
    "owner",
    "allotments",
)

ALLOTMENT_KEYS = (*BUDGET_KEYS, "overlaps", "optional")


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
    window_ns: int | None = None
    strict: bool = False
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
            window_ns=self.window_ns,
            strict=self.strict,
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
        self._values = TableValues()

    @property
    def mistakes(self) -> list[Mistake]:
        """All mistakes found so far, in the order in which they were found."""
        return self._values.mistakes

    def read(self, table: Mapping[str, Any], path: Path) -> BudgetPolicy | None:
        """Read the table at `path` that holds `budgets`, `objectives` and `alerts`."""
        values = self._values
        values.refuse_unknown(table, path, POLICY_KEYS)
        at = (*path, "budgets")
        if "budgets" not in table and "objectives" not in table:
            values.note(at, f"is missing; write a table such as [{dotted(at)}.answer]")
        elif table.get("budgets") == {}:
            values.note(at, f"holds no budget; write a table such as [{dotted(at)}.answer]")
        drafts = self._budgets(table.get("budgets", {}), at, BUDGET_KEYS)
        everyone = [draft for top in drafts for draft in top.walk()]
        self._check_fit(everyone)
        self._check_duplicates(everyone)
        objectives = ObjectiveTables(values).read(table, path)
        if values.mistakes:
            return None
        return BudgetPolicy(tuple(draft.budget() for draft in drafts), objectives)

    def _budgets(self, tables: object, path: Path, keys: tuple[str, ...]) -> list[_Draft]:
        if not isinstance(tables, dict):
            self._values.note(path, f"must be a table of budgets, got {kind(tables)}")
            return []
        return [self._budget(table, (*path, name), keys) for name, table in tables.items()]

    def _budget(self, table: object, path: Path, keys: tuple[str, ...]) -> _Draft:
        values = self._values
        draft = _Draft(path=path, name=path[-1])
        values.judge(path, name_mistake(draft.name))
        if not isinstance(table, dict):
            values.note(path, f"must be a table with measures and limit_ms, got {kind(table)}")
            draft.percentile = None
            return draft
        if keys == BUDGET_KEYS:
            for key in table:
                if key in ALLOTMENT_KEYS and key not in keys:
                    values.note((*path, key), "is for allotments only; a budget at the top stands alone")
            values.refuse_unknown(
                {key: value for key, value in table.items() if key not in ALLOTMENT_KEYS}, path, keys
            )
        else:
            values.refuse_unknown(table, path, keys)
        for key in ("measures", "limit_ms"):
            if key not in table:
                values.note((*path, key), "is missing")
        for key, value in table.items():
            if key in keys:
                self._field(draft, key, value)
        return draft

    def _field(self, draft: _Draft, key: str, value: Any) -> None:
        values = self._values
        at = (*draft.path, key)
        match key:
            case "measures":
                draft.series = values.series(value, at)
            case "limit_ms":
                draft.limit_ns = values.limit_ns(value, at)
            case "percentile":
                draft.percentile = float(value) if values.judge(at, percentile_mistake(value)) else None
            case "failures":
                draft.failures = values.failures(value, at) or draft.failures
            case "window":
                draft.window_ns = values.window_ns(value, at)
            case "allotments":
                draft.allotments = self._budgets(value, at, ALLOTMENT_KEYS)
            case _:
                if values.judge(at, _PLAIN_RULES[key](value)):
                    setattr(draft, key, value)

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
                self._values.note(at if name is None else (*at, name, "limit_ms"), reason)

    def _check_duplicates(self, drafts: list[_Draft]) -> None:
        paths = {dotted(draft.path): draft.path for draft in drafts}
        keyed = [
            (dotted(draft.path), draft.series, draft.percentile)
            for draft in drafts
            if draft.series is not None and draft.percentile is not None
        ]
        for name, reason in duplicate_series(keyed):
            self._values.note((*paths[name], "measures"), reason)


_PLAIN_RULES: Mapping[str, Callable[[object], str | None]] = {
    "min_samples": min_samples_mistake,
    "strict": flag_mistake,
    "description": text_mistake,
    "owner": text_mistake,
    "overlaps": flag_mistake,
    "optional": flag_mistake,
}
