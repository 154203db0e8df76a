"""Reading a policy file: TOML of its own, or `[tool.latency_kit]` of a pyproject.toml.

    [budgets.answer]
    measures = "llm.generate"        # component.operation; { component = "a.b", operation = "c" } for dots
    limit_ms = 3000
    percentile = 95                  # default 95
    min_samples = 20                 # default 20; with fewer calls the verdict is NO_DATA
    failures = "over_limit"          # default; "by_duration" judges failed calls by their time alone
    window = "1h"                    # default: all that was recorded; else a rolling window (s, m, h, d, w)
    strict = false                   # true: a call over the limit raises where it is measured
    description = "..."              # both for people
    owner = "..."

    [budgets.answer.allotments.prompt]   # a tree: each allotment is a budget with the same keys, and
    measures = "llm.prompt"
    limit_ms = 50
    overlaps = false                 # true: runs beside other stages, not after them
    optional = false                 # true: skipped when it no longer fits

    [objectives.answers_in_time]
    measures = "llm.generate"
    threshold_ms = 2000              # a good call did not fail and took at most this
    target = 0.99                    # the ratio of calls that must be good
    window = "30d"                   # default
    min_events = 100                 # default: ceil(1 / (1 - target))
    failures = "over_limit"          # default, as above; description and owner as well

    [objectives.answers_in_time.alerts.page]   # default: the three of the SRE workbook
    long_window = "1h"
    short_window = "5m"
    burn_rate = 14.4
    severity = "page"                # default

    [alerts.page]                    # the same keys: for every objective that has no alerts of its own

In pyproject.toml the same stands below `tool.latency_kit`: `[tool.latency_kit.budgets.answer]`. Every
mistake in the file is reported at once, with its key and line.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latency_kit.budget.policy import BudgetPolicy
from latency_kit.budget.policy_tables import POLICY_KEYS, TableReader
from latency_kit.budget.table_values import dotted
from latency_kit.budget.toml_lines import key_lines
from latency_kit.errors import PolicyError

__all__ = ["load_policy", "parse_policy"]

_PYPROJECT = ("tool", "latency_kit")


def load_policy(path: str | os.PathLike[str]) -> BudgetPolicy:
    """Read the policy file at `path`.

    A file named pyproject.toml, and any other that has a `[tool.latency_kit]` table and no `budgets` of
    its own, is read below that table.

    Raises:
        PolicyError: The file is absent, not UTF-8 or not TOML, or holds mistakes; it lists all of them.
    """
    source = os.fspath(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise PolicyError(source, [f"file: cannot be read: {error.strerror or error}"]) from error
    try:
        # "-sig", since editors on Windows begin UTF-8 files with a byte order mark.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"line {line}, byte {error.start}: {content[error.start]:#04x}"
        raise PolicyError(source, [f"file: is not UTF-8 ({found}); save it as UTF-8"]) from error
    return parse_policy(text, source=source, in_pyproject=Path(path).name == "pyproject.toml" or None)


def parse_policy(text: str, *, source: str = "the policy", in_pyproject: bool | None = None) -> BudgetPolicy:
    """Read a policy from TOML text.

    Args:
        text: The TOML document.
        source: What error messages call it, such as the file's path.
        in_pyproject: True reads below `[tool.latency_kit]`, False at the top; None decides by what is there.

    Raises:
        PolicyError: The text is not TOML or holds mistakes; it lists all of them.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(source, [_syntax_mistake(str(error))]) from error
    except RecursionError as error:
        raise PolicyError(source, ["file: is nested too deeply"]) from error
    if in_pyproject is None:
        in_pyproject = not any(key in document for key in POLICY_KEYS) and isinstance(
            _below(document, _PYPROJECT), dict
        )
    path = _PYPROJECT if in_pyproject else ()
    table = _below(document, path)
    if not isinstance(table, dict):
        raise PolicyError(source, [f"{dotted(path)}: is missing; write [tool.latency_kit.budgets.NAME]"])
    reader = TableReader()
    policy = reader.read(table, path)
    if policy is None:
        raise PolicyError(source, _in_file_order(reader, text))
    return policy


def _below(document: Mapping[str, Any], path: tuple[str, ...]) -> object:
    found: object = document
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _syntax_mistake(message: str) -> str:
    # tomllib ends its messages with "(at line 3, column 5)" or "(at end of document)".
    where = re.search(r"\s*\(at (.*)\)$", message)
    if where is None:
        return f"syntax: {message}"
    return f"syntax ({where[1]}): {message[: where.start()]}"


def _in_file_order(reader: TableReader, text: str) -> list[str]:
    lines = key_lines(text)
    placed = [(lines.line_of(mistake.path), mistake) for mistake in reader.mistakes]
    # Sorting is stable: what stands on one line keeps the order in which it was found.
    placed.sort(key=lambda item: item[0] or 0)
    return [
        f"{dotted(mistake.path)}{f' (line {line})' if line is not None else ''}: {mistake.reason}"
        for line, mistake in placed
    ]
