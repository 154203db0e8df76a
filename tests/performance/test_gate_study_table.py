"""The bars of the gate study: what meets them, and that too few trials do not."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from gate_study import read
from gate_study_table import BEGIN, END, Outcome, bars, digest_of_gate, write_into_docs


def outcomes(
    *, unchanged: int = 300, changed: int = 50, alarms: int = 0, missed_tails: int = 0
) -> list[Outcome]:
    """A study of so many trials in which the gate erred so often."""

    def outcome(effect: str, median: str, tail: str) -> Outcome:
        return Outcome(
            number=0, effect=effect, work="loop", median=median, median_ratio=1.0, tail=tail, tail_ratio=1.0,
            pairs=8, took_s=3.0, gate=digest_of_gate(), day="2026-01-02",
        )  # fmt: skip

    return [
        *[outcome("none", "slower" if at < alarms else "no change", "no change") for at in range(unchanged)],
        *[outcome("median +3 %", "slower", "no change") for _ in range(changed)],
        *[outcome("median +5 %", "slower", "no change") for _ in range(changed)],
        *[
            outcome("p99 +15 %", "no change", "undecided" if at < missed_tails else "slower")
            for at in range(changed)
        ],
    ]


@pytest.mark.parametrize(
    ("given", "missed"),
    [
        ({}, []),
        ({"alarms": 3}, []),
        ({"alarms": 4}, ["unchanged: a change of median or p99 called"]),
        ({"missed_tails": 5}, []),
        ({"missed_tails": 6}, ["p99 +15 %: called slower"]),
        ({"unchanged": 299}, ["unchanged: a change of median or p99 called"]),
    ],
)
def test_a_bar_is_met_by_its_share_of_enough_trials(given: dict[str, int], missed: list[str]) -> None:
    assert [bar.name for bar in bars(outcomes(**given)) if not bar.is_met] == missed


def test_too_few_trials_are_said_to_be_so() -> None:
    assert str(bars(outcomes(unchanged=299))[0]).startswith("too few")


def test_the_page_gets_bars_table_and_day_and_keeps_the_rest(tmp_path: Path) -> None:
    page = tmp_path / "gate.md"
    page.write_text(f"before\n{BEGIN}old\n{END}after\n", encoding="utf-8")
    write_into_docs(outcomes(), page, note="")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "2026-01-02, Processor" in text
    assert "0 of  300" in text


def test_outcomes_of_another_gate_are_no_part_of_a_study(tmp_path: Path) -> None:
    file = tmp_path / "study.jsonl"
    other = replace(outcomes(unchanged=1)[0], gate="other")
    file.write_text(json.dumps(asdict(other)) + "\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="another version of the gate"):
        read(file)
