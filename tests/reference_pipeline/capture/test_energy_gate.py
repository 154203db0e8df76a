"""The energy gate: shut on silence and steady noise, open for what stands out."""

import numpy as np
import pytest

from reference_pipeline.capture.energy_gate import EnergyGate, EnergyGateSettings, power_of
from reference_pipeline.events import Samples

BLOCK = 512


def noise(rms: float, seconds: float, seed: int = 1) -> list[Samples]:
    count = round(seconds * 16_000 / BLOCK)
    samples = np.random.default_rng(seed).normal(0.0, rms, (count, BLOCK)).astype(np.float32)
    return list(samples)


def test_digital_silence_never_opens_it() -> None:
    gate = EnergyGate()
    assert not any(gate.admits(np.zeros(BLOCK, dtype=np.float32)) for _ in range(500))
    assert gate.floor_db == -80.0


@pytest.mark.parametrize("rms", [1e-4, 1e-3, 1e-2, 0.05])
def test_steady_noise_shuts_it_in_the_end(rms: float) -> None:
    gate = EnergyGate()
    admitted = [gate.admits(block) for block in noise(rms, 20.0)]
    assert not any(admitted[-150:])
    assert abs(gate.floor_db - 20 * np.log10(rms)) < 1.0


def test_what_stands_out_of_the_noise_opens_it_at_once_and_for_the_hold_time() -> None:
    gate = EnergyGate(EnergyGateSettings(hold_ms=320))
    quiet = noise(1e-3, 15.0)
    for block in quiet:
        gate.admits(block)
    assert gate.admits(noise(1e-2, 0.032)[0])
    after = [gate.admits(block) for block in quiet[:20]]
    assert after == [True] * 10 + [False] * 10


def test_the_floor_is_the_least_power_of_the_last_five_seconds() -> None:
    gate = EnergyGate()
    for block in noise(1e-3, 1.5):
        gate.admits(block)
    assert gate.floor_db == pytest.approx(-60.0, abs=1.0)
    for block in noise(0.05, 4.3):
        gate.admits(block)
    assert gate.floor_db == pytest.approx(-60.0, abs=1.0)
    for block in noise(0.05, 1.0):
        gate.admits(block)
    assert gate.floor_db == pytest.approx(-26.0, abs=1.0)
    gate.admits(noise(1e-3, 0.032)[0])
    assert gate.floor_db == pytest.approx(-60.0, abs=1.0)


def test_in_the_first_second_nothing_loud_is_taken_for_the_floor() -> None:
    gate = EnergyGate()
    heard = noise(0.05, 1.0)
    assert all(gate.admits(block) for block in heard)
    assert gate.floor_db == -60.0


def test_a_block_whose_power_is_known_is_treated_as_the_block() -> None:
    one, other = EnergyGate(), EnergyGate()
    for block in [*noise(1e-3, 2.0), *noise(1e-2, 1.0), *noise(1e-3, 1.0)]:
        assert one.admits(block) == other.admits_power(power_of(block), BLOCK)


def test_the_floor_never_leaves_its_bounds() -> None:
    gate = EnergyGate()
    for block in noise(0.9, 60.0):
        gate.admits(block)
        assert -80.0 <= gate.floor_db <= -20.0
    assert gate.floor_power == pytest.approx(0.01)


def test_power_is_the_mean_square_about_the_mean() -> None:
    assert power_of(np.array([0.5, -0.5, 0.5, -0.5], dtype=np.float32)) == 0.25
    assert power_of(np.full(BLOCK, 0.25, dtype=np.float32)) == 0.0
    assert power_of(np.array([1.0, 0.0, 1.0, 0.0], dtype=np.float32)) == 0.25


@pytest.mark.parametrize("wrong", [{"margin_db": 0.0}, {"hold_ms": -1}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected margin_db > 0 and hold_ms >= 0"):
        EnergyGateSettings(**wrong)
