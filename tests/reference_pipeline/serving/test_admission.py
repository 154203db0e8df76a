"""Who is let in by places and pressure, and what the look at the load tells whom. Nothing here waits."""

import pytest

from reference_pipeline.serving.admission import Admission
from reference_pipeline.serving.load_watch import LoadWatch
from reference_pipeline.serving.pressure import Pressure, PressureGauge, PressureLimits
from reference_pipeline.serving.refusal import Refusal

S = 1_000_000_000
FITS_A_CLOSE_FRAME = 123


def pressure(value: float) -> Pressure:
    return Pressure(value=value, cause="event loop lag")


def test_places_are_given_until_they_are_taken() -> None:
    admission = Admission(sessions=2)
    assert admission.refusal(0) is None
    assert admission.refusal(1) is None
    refusal = admission.refusal(2)
    assert refusal == Refusal(code=1013, kind="full", reason="all 2 places are taken; try again later")


def test_under_full_pressure_nobody_is_let_in_until_it_has_clearly_fallen() -> None:
    admission = Admission(sessions=2)
    told: list[bool] = []
    for value in (0.99, 1.0, 0.9, 0.8, 0.79, 0.99):
        admission.press(pressure(value))
        told.append(admission.refusal(0) is None)
    assert told == [True, False, False, False, True, True]


def test_a_refusal_by_pressure_names_its_cause() -> None:
    admission = Admission(sessions=2)
    admission.press(pressure(1.5))
    refusal = admission.refusal(0)
    assert refusal is not None
    assert (refusal.code, refusal.kind) == (1013, "pressure")
    assert "event loop lag" in refusal.reason


def test_a_reason_always_fits_a_close_frame() -> None:
    refusal = Refusal(code=4400, kind="x", reason="\u00e9" * 100)
    assert len(refusal.reason.encode()) <= FITS_A_CLOSE_FRAME
    assert set(refusal.reason) == {"\u00e9"}


class Steps:
    """Sheds "terms" from 0.8 on and "model" from 1 on."""

    def press(self, pressure: float) -> tuple[str, ...]:
        return tuple(step for step, at in (("terms", 0.8), ("model", 1.0)) if pressure >= at)


@pytest.fixture
def lines() -> list[str]:
    return []


def test_steps_are_taken_under_load_and_undone_after_it(lines: list[str]) -> None:
    values = iter((0.0, 0.85, 1.2, 1.2, 0.9, 0.1))

    class Gauge(PressureGauge):
        def observe(self, interval: object, *, at_ns: int) -> Pressure:
            return pressure(next(values))

    admission = Admission(sessions=2)
    watch = LoadWatch(
        admission=admission, shedding=Steps(), interval=lambda: (), gauge=Gauge(), tell=lines.append
    )
    refused = []
    for second in range(6):
        watch.look((), at_ns=second * S)
        refused.append(admission.refusal(0) is not None)
    assert refused == [False, False, True, True, True, False]
    assert lines == [
        "pressure 0.85 (event loop lag): leaving out terms",
        "pressure 1.20 (event loop lag): leaving out terms, model",
        "pressure 0.90 (event loop lag): leaving out terms",
        "pressure 0.10 (event loop lag): leaving out nothing any more",
    ]
    assert watch.as_facts() == {"highest pressure": "1.20", "steps of shedding taken": "terms 1, model 1"}


def test_limits_can_be_chosen() -> None:
    assert PressureGauge(PressureLimits(burn_rate=2.0)).pressure(0).value == 0.0
