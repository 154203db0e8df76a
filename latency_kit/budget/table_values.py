"""From single values of a parsed policy file to checked ones, or to mistakes with their keys.

Which tables there are and what they mean together is the business of `policy_tables` and `objective_tables`.
"""

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from latency_kit.budget.model import FailureRule
from latency_kit.budget.rules import limit_mistake
from latency_kit.budget.window_length import window_ns
from latency_kit.errors import UsageError
from latency_kit.units import ms_to_ns

__all__ = ["MEASURES_KEYS", "Mistake", "Path", "TableValues", "dotted", "flag_mistake", "kind"]

Path = tuple[str, ...]

MEASURES_KEYS = ("component", "operation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong, and at which key."""

    path: Path
    reason: str


def dotted(path: Path) -> str:
    """Write a path as TOML writes it: `budgets.answer`, with quotes where a step needs them."""
    bare = re.compile(r"[A-Za-z0-9_-]+")
    return ".".join(step if bare.fullmatch(step) else json.dumps(step) for step in path)


class TableValues:
    """Reads values and keeps the mistakes in them.

    * Whatever a value is, reading it raises nothing; what cannot be used is noted and comes back as None.
    """

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def series(self, value: object, at: Path) -> tuple[str, str] | None:
        """Read `measures`: the component and operation of a series."""
        if isinstance(value, dict):
            self.refuse_unknown(value, at, MEASURES_KEYS)
            steps = [self._series_step(value, key, at) for key in MEASURES_KEYS]
            return (steps[0], steps[1]) if all(steps) else None
        if not isinstance(value, str):
            self.note(at, f'must be a string such as "llm.generate", got {kind(value)}')
            return None
        steps = value.split(".")
        if len(steps) != 2 or not all(step and step == step.strip() for step in steps):  # noqa: PLR2004  # a pair
            self.note(
                at,
                f'must be "component.operation", such as "llm.generate", got {value!r}; for names that hold '
                'dots write { component = "...", operation = "..." }',
            )
            return None
        return (steps[0], steps[1])

    def limit_ns(self, value: object, at: Path) -> int | None:
        """Read a limit in milliseconds as nanoseconds."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.note(at, f"must be a number of milliseconds, got {kind(value)}")
            return None
        try:
            limit_ns = ms_to_ns(value)
        except UsageError as error:
            self.note(at, str(error))
            return None
        return limit_ns if self.judge(at, limit_mistake(limit_ns)) else None

    def window_ns(self, value: object, at: Path) -> int | None:
        """Read a window such as "30d" as nanoseconds."""
        if not isinstance(value, str):
            self.note(at, f'must be a string such as "5m", "1h" or "30d", got {kind(value)}')
            return None
        try:
            return window_ns(value)
        except UsageError as error:
            self.note(at, str(error).removeprefix("a window "))
            return None

    def failures(self, value: object, at: Path) -> FailureRule | None:
        """Read the rule for failed calls."""
        rules = [str(rule) for rule in FailureRule]
        if isinstance(value, str) and value in rules:
            return FailureRule(value)
        expected = " or ".join(f'"{rule}"' for rule in rules)
        self.note(at, f"must be {expected}, got {kind(value)}")
        return None

    def refuse_unknown(self, table: Mapping[str, Any], path: Path, known: tuple[str, ...]) -> None:
        """Note every key of `table` that is not known there, with the nearest one that is."""
        for key in table:
            if key in known:
                continue
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
            self.note((*path, key), f"is not a known key; {hint}")

    def judge(self, at: Path, mistake: str | None) -> bool:
        """Note a mistake where there is one; tell whether there is none."""
        if mistake is not None:
            self.note(at, mistake)
        return mistake is None

    def note(self, path: Path, reason: str) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(path=path, reason=reason))

    def _series_step(self, table: Mapping[str, Any], key: str, at: Path) -> str:
        step = table.get(key)
        if isinstance(step, str) and step and step == step.strip():
            return step
        found = f"got {kind(step)}" if key in table else "which is missing"
        self.note((*at, key), f"must be a non-empty string without surrounding space, {found}")
        return ""


def kind(given: object) -> str:
    """Write a value with TOML's name of its type."""
    return f"{_TOML_NAMES.get(type(given), type(given).__name__)} {given!r}"


_TOML_NAMES = {
    str: "the string",
    bool: "the boolean",
    int: "the integer",
    float: "the float",
    dict: "the table",
    list: "the array",
}


def flag_mistake(value: object) -> str | None:
    """Refuse what is neither true nor false."""
    return None if isinstance(value, bool) else f"must be true or false, got {kind(value)}"
