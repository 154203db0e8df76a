"""The published JSON Schema is in step with its source, and agrees with the loader file by file."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from latency_kit.budget import parse_policy
from latency_kit.budget.policy_schema import POLICY_SCHEMA_FILE, policy_schema, policy_schema_text
from latency_kit.errors import PolicyError

jsonschema = pytest.importorskip("jsonschema")

BUDGET = '[budgets.a]\nmeasures = "x.y"\nlimit_ms = 5\n'
OBJECTIVE = '[objectives.a]\nmeasures = "x.y"\nthreshold_ms = 5\ntarget = 0.99\n'
ALERT = '[objectives.a.alerts.page]\nlong_window = "1h"\nshort_window = "5m"\nburn_rate = 2\n'

GOOD = [
    BUDGET,
    OBJECTIVE,
    BUDGET + OBJECTIVE + ALERT,
    BUDGET + 'window = "1.5h"\nstrict = true\nfailures = "by_duration"\nmin_samples = 3\npercentile = 99.9\n',
    BUDGET + 'description = "d"\nowner = ""\n',
    BUDGET
    + '[budgets.a.allotments.b]\nmeasures = "x.z"\nlimit_ms = 0.5\noverlaps = true\noptional = false\n',
    BUDGET + '[budgets.b]\nmeasures = { component = "a.b", operation = "c d" }\nlimit_ms = 1e3\n',
    BUDGET.replace("x.y", "a b.c d"),
    BUDGET.replace("[budgets.a]", '[budgets."two words"]'),
    OBJECTIVE + 'window = "7d"\nmin_events = 5\nfailures = "over_limit"\n',
    OBJECTIVE + "alerts = {}\n",
    OBJECTIVE + ALERT + 'severity = "ticket"\n',
    OBJECTIVE + ALERT.replace("objectives.a.alerts", "alerts"),
]

BAD = [
    "",
    "[budgets]\n",
    "budgets = 3\n",
    "[objectives]\n",
    "objectives = []\n",
    BUDGET + "[other]\n",
    BUDGET + "percentil = 95\n",
    BUDGET + "overlaps = true\n",
    BUDGET + "percentile = 0\n",
    BUDGET + "percentile = 101\n",
    BUDGET + 'percentile = "95"\n',
    BUDGET + "min_samples = 0\n",
    BUDGET + "min_samples = 2.5\n",
    BUDGET + 'failures = "never"\n',
    BUDGET + "window = 30\n",
    BUDGET + 'window = "30"\n',
    BUDGET + 'window = "1h30m"\n',
    BUDGET + "strict = 1\n",
    BUDGET + "owner = 5\n",
    BUDGET + "allotments = 5\n",
    BUDGET.replace("limit_ms = 5", "limit_ms = 0"),
    BUDGET.replace("limit_ms = 5", "limit_ms = -1"),
    BUDGET.replace("limit_ms = 5", "limit_ms = 0.0000004"),
    BUDGET.replace("limit_ms = 5", 'limit_ms = "5"'),
    BUDGET.replace("limit_ms = 5", "limit_ms = true"),
    BUDGET.replace("limit_ms = 5\n", ""),
    BUDGET.replace("x.y", "xy"),
    BUDGET.replace("x.y", "x.y.z"),
    BUDGET.replace("x.y", "x. y"),
    BUDGET.replace('"x.y"', '{ component = "x" }'),
    BUDGET.replace('"x.y"', '{ component = "x", operation = "" }'),
    BUDGET.replace('"x.y"', '{ component = "x", operation = "y", more = 1 }'),
    BUDGET.replace("[budgets.a]", '[budgets."a.b"]'),
    BUDGET.replace("[budgets.a]", '[budgets.""]'),
    BUDGET.replace("[budgets.a]", '[budgets." a"]'),
    BUDGET + "[budgets.a.allotments.b]\nlimit_ms = 5\n",
    OBJECTIVE.replace("0.99", "0"),
    OBJECTIVE.replace("0.99", "1"),
    OBJECTIVE.replace("0.99", "99"),
    OBJECTIVE.replace("target = 0.99\n", ""),
    OBJECTIVE.replace("threshold_ms = 5\n", ""),
    OBJECTIVE + "min_events = 0\n",
    OBJECTIVE + "alerts = 5\n",
    OBJECTIVE + "limit_ms = 5\n",
    OBJECTIVE + ALERT.replace("burn_rate = 2\n", ""),
    OBJECTIVE + ALERT.replace("burn_rate = 2", "burn_rate = 0"),
    OBJECTIVE + ALERT.replace('"5m"', "5"),
    OBJECTIVE + ALERT + 'severity = ""\n',
    OBJECTIVE + ALERT + "odd = 1\n",
]

ONLY_THE_LOADER = [
    BUDGET + '[budgets.a.allotments.b]\nmeasures = "x.z"\nlimit_ms = 6\n',
    BUDGET + '[budgets.b]\nmeasures = "x.y"\nlimit_ms = 6\n',
    BUDGET + 'window = "0.5s"\n',
    OBJECTIVE.replace("0.99", "0.9"),
    OBJECTIVE + ALERT.replace("burn_rate = 2", "burn_rate = 100"),
    OBJECTIVE + ALERT.replace('"5m"', '"2h"'),
    OBJECTIVE + ALERT.replace("alerts.page", "alerts.breach"),
]


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json.loads(POLICY_SCHEMA_FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def loads(text: str) -> bool:
    try:
        parse_policy(text)
    except PolicyError:
        return False
    return True


def test_the_stored_schema_is_the_one_that_the_source_makes() -> None:
    assert POLICY_SCHEMA_FILE.read_text(encoding="utf-8") == policy_schema_text()
    assert json.loads(policy_schema_text()) == policy_schema()


@pytest.mark.parametrize("text", GOOD)
def test_what_the_loader_takes_the_schema_takes(text: str, validator: Any) -> None:
    assert loads(text)
    assert list(validator.iter_errors(tomllib.loads(text))) == []


@pytest.mark.parametrize("text", BAD)
def test_what_the_loader_refuses_the_schema_refuses(text: str, validator: Any) -> None:
    assert not loads(text)
    assert list(validator.iter_errors(tomllib.loads(text))) != []


@pytest.mark.parametrize("text", ONLY_THE_LOADER)
def test_what_tables_mean_together_only_the_loader_knows(text: str, validator: Any) -> None:
    assert not loads(text)
    assert list(validator.iter_errors(tomllib.loads(text))) == []


def test_the_assistants_budgets_are_of_the_schema(validator: Any, pytestconfig: pytest.Config) -> None:
    file = Path(pytestconfig.rootpath) / "reference_pipeline" / "budgets.toml"
    assert list(validator.iter_errors(tomllib.loads(file.read_text(encoding="utf-8")))) == []


def test_every_key_of_the_schema_has_a_description_for_the_editor() -> None:
    schema = policy_schema()
    for name in ("budget", "allotment", "objective", "alert"):
        for key, value in schema["$defs"][name]["properties"].items():
            described = schema["$defs"]["measures"] if value == {"$ref": "#/$defs/measures"} else value
            assert described["description"], f"{name}.{key}"
