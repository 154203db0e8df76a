"""The JSON Schema of the policy file: what editors complete and check while it is written.

The schema is made here and stored as `policy.schema.json` beside this module; a test holds the two in
step, and another holds the schema to the loader. What a schema cannot say (that allotments fit, that an
alert can fire, that a series is judged once) only the loader finds.

To write the file anew: `python -m latency_kit.budget.policy_schema`.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from latency_kit.budget.model import DEFAULT_MIN_SAMPLES, DEFAULT_PERCENTILE, FailureRule
from latency_kit.budget.objective_tables import ALERT_KEYS, OBJECTIVE_KEYS
from latency_kit.budget.policy_tables import ALLOTMENT_KEYS, BUDGET_KEYS
from latency_kit.budget.table_values import MEASURES_KEYS
from latency_kit.budget.window_length import WINDOW_PATTERN

__all__ = ["POLICY_SCHEMA_FILE", "policy_schema", "policy_schema_text"]

POLICY_SCHEMA_FILE: Final = Path(__file__).with_name("policy.schema.json")

_Schema = dict[str, Any]

_NAME: Final = {"pattern": r"^[^\s.]([^.\r\n]*[^\s.])?$"}
_STEP: Final = {"type": "string", "pattern": r"^\S([\s\S]*\S)?$"}


def policy_schema() -> _Schema:
    """Return the schema as JSON data (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "latency-kit budget policy",
        "description": (
            "Latency budgets, objectives and alerts; in pyproject.toml the same below [tool.latency_kit]."
        ),
        "type": "object",
        "properties": {
            "budgets": _tables("budget", "Latency budgets by name.", at_least=1),
            "objectives": _tables("objective", "Objectives by name.", at_least=1),
            "alerts": _tables("alert", "Alerts of all objectives that have none of their own, by name."),
        },
        "anyOf": [{"required": ["budgets"]}, {"required": ["objectives"]}],
        "additionalProperties": False,
        "$defs": {
            "budget": _table(BUDGET_KEYS, _BUDGET, required=("measures", "limit_ms")),
            "allotment": _table(ALLOTMENT_KEYS, _BUDGET, required=("measures", "limit_ms")),
            "objective": _table(OBJECTIVE_KEYS, _OBJECTIVE, required=("measures", "threshold_ms", "target")),
            "alert": _table(ALERT_KEYS, _ALERT, required=("long_window", "short_window", "burn_rate")),
            "measures": _measures(),
        },
    }


def policy_schema_text() -> str:
    """Return the schema as it is stored."""
    return json.dumps(policy_schema(), indent=2) + "\n"


def _tables(definition: str, description: str, *, at_least: int = 0) -> _Schema:
    schema: _Schema = {
        "description": description,
        "type": "object",
        "propertyNames": _NAME,
        "additionalProperties": {"$ref": f"#/$defs/{definition}"},
    }
    return schema | ({"minProperties": at_least} if at_least else {})


def _table(keys: Iterable[str], values: Mapping[str, _Schema], *, required: Iterable[str]) -> _Schema:
    return {
        "type": "object",
        "properties": {key: values[key] for key in keys},
        "required": list(required),
        "additionalProperties": False,
    }


def _measures() -> _Schema:
    return {
        "description": "The series that is judged.",
        "anyOf": [
            {"type": "string", "pattern": r"^[^\s.]([^.]*[^\s.])?\.[^\s.]([^.]*[^\s.])?$"},
            {
                "type": "object",
                "properties": dict.fromkeys(MEASURES_KEYS, _STEP),
                "required": list(MEASURES_KEYS),
                "additionalProperties": False,
            },
        ],
    }


def _milliseconds(description: str) -> _Schema:
    # Half a nanosecond rounds to none.
    return {"description": description, "type": "number", "exclusiveMinimum": 0.0000005}


def _window(description: str, **more: Any) -> _Schema:
    return {"description": description, "type": "string", "pattern": WINDOW_PATTERN, **more}


def _flag(description: str) -> _Schema:
    return {"description": description, "type": "boolean", "default": False}


_FOR_PEOPLE: Final[dict[str, _Schema]] = {
    "description": {"description": "What it is for, for people.", "type": "string"},
    "owner": {"description": "Who answers for it.", "type": "string"},
}

_FAILURES: Final[_Schema] = {
    "description": "How calls that failed are judged: as over the limit, or by their duration.",
    "enum": [str(rule) for rule in FailureRule],
    "default": str(FailureRule.OVER_LIMIT),
}

_BUDGET: Final[dict[str, _Schema]] = {
    "measures": {"$ref": "#/$defs/measures"},
    "limit_ms": _milliseconds("What a call may take, in milliseconds."),
    "percentile": {
        "description": "Which share of the calls must keep the limit, in percent.",
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 100,
        "default": DEFAULT_PERCENTILE,
    },
    "min_samples": {
        "description": "With fewer calls the verdict is NO_DATA.",
        "type": "integer",
        "minimum": 1,
        "default": DEFAULT_MIN_SAMPLES,
    },
    "failures": _FAILURES,
    "window": _window("The rolling window that is judged; without it all that was recorded."),
    "strict": _flag("A call over the limit raises BudgetExceededError where it is measured."),
    "allotments": _tables("allotment", "How the limit is divided among stages, by name."),
    "overlaps": _flag("The stage runs beside others, so that its limit does not add to theirs."),
    "optional": _flag("The stage is skipped when it no longer fits."),
    **_FOR_PEOPLE,
}

_OBJECTIVE: Final[dict[str, _Schema]] = {
    "measures": {"$ref": "#/$defs/measures"},
    "threshold_ms": _milliseconds("The longest that a good call takes, in milliseconds."),
    "target": {
        "description": "The ratio of calls that must be good.",
        "type": "number",
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 1,
    },
    "window": _window("The rolling window of the error budget.", default="30d"),
    "min_events": {
        "description": "With fewer calls in a window nothing is said of it; default ceil(1 / (1 - target)).",
        "type": "integer",
        "minimum": 1,
    },
    "failures": _FAILURES,
    "alerts": _tables("alert", "Alerts by name; by default those of the SRE workbook."),
    **_FOR_PEOPLE,
}

_ALERT: Final[dict[str, _Schema]] = {
    "long_window": _window("The window that says that enough was burned to matter."),
    "short_window": _window("The window that says that it is still burning."),
    "burn_rate": {
        "description": "The alert fires when both windows burn faster.",
        "type": "number",
        "exclusiveMinimum": 0,
    },
    "severity": {
        "description": 'A word for routing, such as "page" or "ticket".',
        "default": "page",
        **_STEP,
    },
}

if __name__ == "__main__":
    POLICY_SCHEMA_FILE.write_text(policy_schema_text(), encoding="utf-8")
