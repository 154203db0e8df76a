"""Windows outlive their process, wherever the clocks went meanwhile; what cannot be read begins anew."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from latency_kit.budget import BudgetPolicy, Objective
from latency_kit.testing import FakeClock

S = 1_000_000_000
MINUTE = 60 * S


def test_a_restart_forgets_nothing_that_was_stored(
    program_on: Callable[..., Any], clock: FakeClock, tmp_path: Path
) -> None:
    file = tmp_path / "windows.json"
    before = program_on(clock, state_file=file)
    before.run(900)
    before.run(400, 2 * S)
    assert before.watch.save()
    restarted = FakeClock(monotonic_ns=5, unix_nano=clock.unix_nano())
    after = program_on(restarted, state_file=file)
    assert after.watch.objectives() == before.watch.objectives()
    assert after.watch.evaluate() == before.watch.evaluate()
    after.run(200, 2 * S)
    before.run(200, 2 * S)
    assert after.watch.objectives() == before.watch.objectives()
    assert after.watch.evaluate() == before.watch.evaluate()
    fired = [key for key, kind in before.said if kind == "fired"]
    assert sorted(key for key, _ in after.said) == []
    assert len(fired) == len(set(fired)) == 3
    after.run(4000)
    assert sorted(after.said) == sorted((key, "recovered") for key in fired)
    page = next(notice for notice in after.told if notice.alert == "page")
    assert page.since_unix_nano == next(n for n in before.told if n.alert == "page").at_unix_nano


def test_what_passed_while_nothing_ran_has_aged(
    program_on: Callable[..., Any], clock: FakeClock, tmp_path: Path
) -> None:
    file = tmp_path / "windows.json"
    before = program_on(clock, state_file=file)
    before.run(100, 2 * S)
    before.watch.save()
    for hours, counted in ((0.5, 100), (2, 0)):
        later = FakeClock(unix_nano=clock.unix_nano() + int(hours * 3600) * S)
        after = program_on(later, state_file=file)
        assert after.watch.objectives()[0].events == counted
        assert after.watch.objectives()[0].burns[0].events == 0


@pytest.mark.parametrize("step_s", [-7200, -5, 0, 5, 7200])
def test_setting_the_wall_clock_changes_nothing_while_the_program_runs(
    program_on: Callable[..., Any], clock: FakeClock, step_s: int
) -> None:
    program = program_on(clock)
    program.run(100, 2 * S)
    clock.step_wall(ns=step_s * S)
    program.run(100)
    (status,) = program.watch.objectives()
    assert (status.events, status.bad) == (200, 100)


def test_after_a_restart_windows_are_where_the_set_clock_has_them(
    program_on: Callable[..., Any], clock: FakeClock, tmp_path: Path
) -> None:
    file = tmp_path / "windows.json"
    before = program_on(clock, state_file=file)
    before.run(100, 2 * S)
    clock.step_wall(ns=7200 * S)
    before.watch.save()
    after = program_on(FakeClock(unix_nano=clock.unix_nano()), state_file=file)
    assert after.watch.objectives()[0].events == 100
    # A clock that was set back since must not put what was recorded into the future.
    earlier = program_on(FakeClock(unix_nano=clock.unix_nano() - 86_400 * S), state_file=file)
    assert earlier.watch.objectives()[0].events == 100
    earlier.run(3600 + 60)
    assert earlier.watch.objectives()[0].bad == 0


CORRUPT = {
    "no JSON": lambda _: b"{",
    "no object": lambda _: b"[]",
    "another format": lambda state: _changed(state, format="x"),
    "another version": lambda state: _changed(state, version=99),
    "no stamps": lambda state: _changed(state, wall_unix_nano=None),
    "no subjects": lambda state: _changed(state, subjects=[]),
    "bad counts": lambda state: _deep(state, "objective/answers", "counts", {str(60 * MINUTE): [[1, 2]]}),
    "negative counts": lambda state: _deep(
        state, "objective/answers", "counts", {str(60 * MINUTE): [[1, 5, 6]]}
    ),
    "bad histograms": lambda state: _deep(
        state, "budget/answer", "durations", {"good": [[1, "AAAA", 1, 1, 1]]}
    ),
    "bad firing": lambda state: _deep(state, "budget/answer", "firing", 5),
    "binary": lambda _: bytes(range(256)),
    "huge numbers": lambda state: _changed(state, wall_unix_nano=1e400),
}


def _changed(state: bytes, **fields: Any) -> bytes:
    return json.dumps(json.loads(state) | fields).encode()


def _deep(state: bytes, subject: str, field: str, value: Any) -> bytes:
    data = json.loads(state)
    data["subjects"][subject][field] = value
    return json.dumps(data).encode()


@pytest.mark.parametrize("how", CORRUPT)
def test_a_corrupt_state_is_counted_and_begun_anew(
    program_on: Callable[..., Any], clock: FakeClock, tmp_path: Path, how: str
) -> None:
    file = tmp_path / "windows.json"
    before = program_on(clock, state_file=file)
    before.run(100, 2 * S)
    before.watch.save()
    file.write_bytes(CORRUPT[how](file.read_bytes()))
    after = program_on(clock, state_file=file)
    assert after.losses.counts() == {"budget_windows_unreadable": 1}
    assert after.watch.objectives()[0].events == 0
    after.run(5)
    assert after.watch.save()
    again = program_on(clock, state_file=file)
    assert again.losses.counts() == {}
    assert again.watch.objectives()[0].events == 5


def test_what_is_judged_otherwise_now_begins_anew(
    program_on: Callable[..., Any], clock: FakeClock, tmp_path: Path
) -> None:
    file = tmp_path / "windows.json"
    before = program_on(clock, state_file=file)
    before.run(100)
    before.watch.save()
    objective: Objective = before.policy.objectives[0]
    stricter = BudgetPolicy(before.policy.budgets, (replace(objective, threshold_ns=S // 4),))
    after = program_on(clock, stricter, state_file=file)
    assert after.watch.objectives()[0].events == 0
    assert after.watch.evaluate()[0].count == 100
    shorter = BudgetPolicy((), (replace(objective, window_ns=30 * MINUTE),))
    after = program_on(clock, shorter, state_file=file)
    assert after.watch.objectives()[0].burns[0].events > 0
    assert after.watch.objectives()[0].events == 0


def test_a_state_that_cannot_be_stored_is_counted_and_the_old_one_stands(
    program_on: Callable[..., Any], clock: FakeClock, tmp_path: Path
) -> None:
    nowhere = program_on(clock, state_file=tmp_path / "absent" / "windows.json")
    assert not nowhere.watch.save()
    assert nowhere.losses.counts() == {"budget_windows_not_stored": 1}
    assert list(tmp_path.iterdir()) == []
