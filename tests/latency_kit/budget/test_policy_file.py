import re
from pathlib import Path
from typing import Any

import pytest

from latency_kit.budget import Allotment, BudgetPolicy, FailureRule, LatencyBudget, load_policy, parse_policy
from latency_kit.errors import PolicyError

MS = 1_000_000

POLICY = """
[budgets.end_to_end]
measures = "turn.end_to_end"
limit_ms = 4000
percentile = 99.9
min_samples = 8
description = "From the question to the answer."
owner = "voice"
failures = "by_duration"

[budgets.end_to_end.allotments.transcription]
measures = { component = "stt.local", operation = "run" }
limit_ms = 500

[budgets.end_to_end.allotments.transcription.allotments.decode]
measures = "stt.decode"
limit_ms = 0.5
overlaps = true

[budgets.end_to_end.allotments.terms]
measures = "llm.terms"
limit_ms = 4000
optional = true

[budgets.frame]
measures = "display.frame"
limit_ms = 16.6
"""

IN_PYTHON = BudgetPolicy(
    (
        LatencyBudget(
            name="end_to_end",
            component="turn",
            operation="end_to_end",
            limit_ns=4000 * MS,
            percentile=99.9,
            min_samples=8,
            description="From the question to the answer.",
            owner="voice",
            failures=FailureRule.BY_DURATION,
            allotments=(
                Allotment(
                    budget=LatencyBudget(
                        name="transcription",
                        component="stt.local",
                        operation="run",
                        limit_ns=500 * MS,
                        allotments=(
                            Allotment(
                                budget=LatencyBudget(
                                    name="decode", component="stt", operation="decode", limit_ns=MS // 2
                                ),
                                overlaps=True,
                            ),
                        ),
                    )
                ),
                Allotment(
                    budget=LatencyBudget(
                        name="terms", component="llm", operation="terms", limit_ns=4000 * MS
                    ),
                    optional=True,
                ),
            ),
        ),
        LatencyBudget(name="frame", component="display", operation="frame", limit_ns=16_600_000),
    )
)


def mistakes_of(text: str, **options: Any) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, **options)
    return list(caught.value.mistakes)


def in_pyproject(text: str) -> str:
    return text.replace("[budgets.", "[tool.latency_kit.budgets.")


def test_a_file_gives_the_same_frozen_objects_as_python(tmp_path: Path) -> None:
    file = tmp_path / "budgets.toml"
    file.write_text(POLICY)
    assert load_policy(file) == load_policy(str(file)) == IN_PYTHON


def test_a_pyproject_is_read_below_its_own_table(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text('[project]\nname = "x"\n[tool.other]\nbudgets = 5\n' + in_pyproject(POLICY))
    assert load_policy(file) == IN_PYTHON


def test_a_file_of_another_name_with_that_table_is_read_below_it_too(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(in_pyproject(POLICY))
    assert load_policy(file) == IN_PYTHON


def test_a_file_that_begins_with_a_byte_order_mark_is_read_and_keeps_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "budgets.toml"
    file.write_bytes(b"\xef\xbb\xbf" + POLICY.encode())
    assert load_policy(file) == IN_PYTHON


def test_every_mistake_is_reported_at_once_with_key_and_line_in_the_order_of_the_file() -> None:
    text = """\
budgit = 3
[budgets.whole]
measures = "turn.whole"
limit_ms = 100
percentil = 95
min_samples = 0
overlaps = true
[budgets.whole.allotments.a]
measures = "stt"
limit_ms = "500"
[budgets.whole.allotments.b]
measures = "x.b"
limit_ms = 70
[budgets.whole.allotments.c]
measures = "x.b"
limit_ms = 70
failures = "never"
[budgets.whole.allotments.d]
measures = { component = "x", opration = "y" }
limit_ms = nan
percentile = 101
description = 3
optional = 1
[budgets.whole.allotments.e]
measures = "x.e"
limit_ms = 101
[budgets."dotted.name"]
limit_ms = -5
[budgets.number]
measures = 5
limit_ms = true
percentile = "high"
"""
    assert mistakes_of(text) == [
        "budgit (line 1): is not a known key; did you mean budgets?",
        "budgets.whole.percentil (line 5): is not a known key; did you mean percentile?",
        "budgets.whole.min_samples (line 6): must be at least 1, got 0",
        "budgets.whole.overlaps (line 7): is for allotments only; a budget at the top stands alone",
        (
            "budgets.whole.allotments (line 8): the stages need 140 ms (b 70 ms + c 70 ms), "
            "40 ms more than the limit of 100 ms; lower them, or say overlaps or optional where it is so"
        ),
        (
            'budgets.whole.allotments.a.measures (line 9): must be "component.operation", such as '
            "\"llm.generate\", got 'stt'; for names that hold dots write "
            '{ component = "...", operation = "..." }'
        ),
        (
            "budgets.whole.allotments.a.limit_ms (line 10): must be a number of milliseconds, "
            "got the string '500'"
        ),
        (
            "budgets.whole.allotments.c.measures (line 15): 'x.b' at p95 is already judged by "
            "budgets.whole.allotments.b; remove one of them or give it another percentile"
        ),
        (
            "budgets.whole.allotments.c.failures (line 17): "
            'must be "over_limit" or "by_duration", got the string \'never\''
        ),
        (
            "budgets.whole.allotments.d.measures.opration (line 19): is not a known key; "
            "did you mean operation?"
        ),
        (
            "budgets.whole.allotments.d.measures.operation (line 19): "
            "must be a non-empty string without surrounding space, which is missing"
        ),
        (
            "budgets.whole.allotments.d.limit_ms (line 20): "
            "a duration in milliseconds must be a finite number, got nan"
        ),
        "budgets.whole.allotments.d.percentile (line 21): must be greater than 0 and at most 100, got 101",
        "budgets.whole.allotments.d.description (line 22): must be a string, got int 3",
        "budgets.whole.allotments.d.optional (line 23): must be true or false, got the integer 1",
        ("budgets.whole.allotments.e.limit_ms (line 26): 101 ms does not fit the limit of 100 ms above it"),
        (
            'budgets."dotted.name" (line 27): must be a non-empty name without dots, line breaks or '
            "surrounding space, got 'dotted.name'"
        ),
        'budgets."dotted.name".measures (line 27): is missing',
        'budgets."dotted.name".limit_ms (line 28): must be greater than 0 ms, got -5 ms',
        ('budgets.number.measures (line 30): must be a string such as "llm.generate", got the integer 5'),
        "budgets.number.limit_ms (line 31): must be a number of milliseconds, got the boolean True",
        "budgets.number.percentile (line 32): must be a number, got str 'high'",
    ]


def test_the_message_names_the_file_and_counts_the_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "budgets.toml"
    file.write_text("[budgets.a]\n")
    with pytest.raises(PolicyError) as caught:
        load_policy(file)
    assert str(caught.value) == (
        f"{file}: 2 mistakes in the budget policy\n"
        "  budgets.a.measures (line 1): is missing\n"
        "  budgets.a.limit_ms (line 1): is missing"
    )
    assert caught.value.source == str(file)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "budgets: is missing; write a table such as [budgets.answer]"),
        ("[budgets]", "budgets (line 1): holds no budget; write a table such as [budgets.answer]"),
        ("budgets = 5", "budgets (line 1): must be a table of budgets, got the integer 5"),
        ("budgets = []", "budgets (line 1): must be a table of budgets, got the array []"),
        (
            "[budgets]\na = 5",
            "budgets.a (line 2): must be a table with measures and limit_ms, got the integer 5",
        ),
        (
            '[budgets.a]\nmeasures = "x.y"\nlimit_ms = 5\nallotments = "z"',
            "budgets.a.allotments (line 4): must be a table of budgets, got the string 'z'",
        ),
        (
            '[budgets.a]\nmeasures = "x.y"\nlimit_ms = 5\nzzz = 1',
            (
                "budgets.a.zzz (line 4): is not a known key; known here: measures, limit_ms, percentile, "
                "min_samples, failures, window, strict, description, owner, allotments"
            ),
        ),
    ],
)
def test_a_file_of_another_shape_is_one_mistake_with_its_place(text: str, mistake: str) -> None:
    assert mistakes_of(text) == [mistake]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[budgets.a]\n\nlimit_ms = 5 6", "line 3, column 14"),
        ("x = 1\nx = 2\n", "line 2, column 6"),
        ("a = ", "end of document"),
        ("x = 'open", "end of document"),
    ],
)
def test_what_is_no_toml_is_one_mistake_with_its_place(text: str, place: str) -> None:
    (found,) = mistakes_of(text)
    assert re.fullmatch(rf"syntax \({place}\): [A-Z].*[^)]", found)


@pytest.mark.parametrize("text", ["", "[tool.latency_kit]\n", "[tool]\nlatency_kit = 5", "tool = 3"])
def test_a_pyproject_without_budgets_is_told_where_to_put_them(tmp_path: Path, text: str) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(text)
    with pytest.raises(PolicyError, match=r"tool\.latency_kit(\.budgets)?( \(line 1\))?: is missing; write "):
        load_policy(file)


def test_an_absent_file_and_a_directory_are_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(
        PolicyError, match=r"absent\.toml: 1 mistake in the budget policy\n  file: cannot be read: No"
    ):
        load_policy(tmp_path / "absent.toml")
    with pytest.raises(PolicyError, match="file: cannot be read: "):
        load_policy(tmp_path)


def test_a_file_that_is_not_utf8_is_told_with_the_place_of_the_byte(tmp_path: Path) -> None:
    file = tmp_path / "budgets.toml"
    file.write_bytes("[budgets.a]\ndescription = 'größe'".encode("latin-1"))
    with pytest.raises(PolicyError, match=r"file: is not UTF-8 \(line 2, byte 29: 0xf6\); save it as UTF-8"):
        load_policy(file)


def test_a_file_nested_beyond_reason_is_one_mistake() -> None:
    (mistake,) = mistakes_of("a = " + "[" * 100_000)
    assert mistake.startswith(("file: is nested too deeply", "syntax"))


def test_the_order_and_names_of_the_file_are_those_of_the_policy() -> None:
    assert [placed.name for placed in parse_policy(POLICY).placements] == [
        "end_to_end",
        "end_to_end.transcription",
        "end_to_end.transcription.decode",
        "end_to_end.terms",
        "frame",
    ]
