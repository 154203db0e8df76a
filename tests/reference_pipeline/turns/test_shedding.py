"""What is left out when: by the load's pressure and by what remains of the deadline."""

import asyncio

import pytest

import latency_kit
from latency_kit.testing import FakeClock, capture_measurements
from reference_pipeline.ports import SettingsError
from reference_pipeline.shedding import Shedding, ShedRule, Step, is_shed, shedding_steps


def test_the_steps_are_taken_one_after_the_other_as_the_pressure_grows() -> None:
    taken = [len(Shedding().press(pressure / 100)) for pressure in range(0, 101, 10)]
    assert taken == [0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6]
    assert Shedding().press(1) == tuple(Step)


def test_a_step_is_undone_only_when_the_pressure_is_well_below_it() -> None:
    shedding = Shedding()
    shedding.press(0.5)
    assert shedding.press(0.45) == (Step.SPECULATION,)
    assert shedding.press(0.39) == ()
    assert shedding.press(0.45) == ()


def test_under_a_deadline_what_does_not_fit_is_left_out() -> None:
    shed = {}
    for left_ms in (4000, 1600, 450, 300):
        with capture_measurements(clock=FakeClock()), latency_kit.deadline(left_ms):
            shed[left_ms] = Shedding().decide()
    assert shed == {
        4000: (),
        1600: (Step.LARGE_MODEL,),
        450: (Step.TERMS, Step.LARGE_MODEL),
        300: (Step.TERMS, Step.LARGE_MODEL, Step.MODEL),
    }


def test_what_calls_needed_lately_decides_rather_than_what_was_assumed() -> None:
    clock = FakeClock()
    rule = ShedRule(step=Step.TERMS, at_pressure=1, series=("test_shedding", "explain"), unknown_ms=0)
    with capture_measurements(clock=clock) as captured:
        for _ in range(30):
            with latency_kit.measure_latency("test_shedding", "explain"):
                clock.advance(ms=500)
        assert captured.series
        clock.advance(ms=100)
        with latency_kit.deadline(400):
            assert Shedding([rule]).decide() == (Step.TERMS,)
        with latency_kit.deadline(600):
            assert Shedding([rule]).decide() == ()


def test_the_steps_hold_for_the_block_and_for_what_begins_in_it() -> None:
    async def task() -> bool:
        await asyncio.sleep(0)
        return is_shed(Step.TERMS)

    async def go() -> tuple[bool, bool]:
        with shedding_steps([Step.TERMS]):
            begun = asyncio.create_task(task())
        return await begun, is_shed(Step.TERMS)

    assert asyncio.run(go()) == (True, False)


def test_two_rules_for_one_step_and_a_step_that_is_always_taken_are_refused() -> None:
    rule = ShedRule(step=Step.TERMS, at_pressure=0.5)
    with pytest.raises(SettingsError, match="same step"):
        Shedding([rule, rule])
    with pytest.raises(SettingsError, match="always be shed"):
        Shedding([ShedRule(step=Step.TERMS, at_pressure=0)])
