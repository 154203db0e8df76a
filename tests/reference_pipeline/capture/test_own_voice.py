"""Telling the interviewer from the user by two channels: levels, leaks, gains, and both at once."""

from collections.abc import Iterator

import numpy as np
import pytest

from reference_pipeline.capture.own_voice import FIRST_BORDER_DB, OwnVoice
from reference_pipeline.events import AudioBlock, RawBlock, Samples

RATE = 16_000
BLOCK = 512
NOISE_RMS = 1e-4


def voice(seconds: float, seed: int) -> Samples:
    """Sound that comes and goes as syllables do, of RMS 0.1."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * time), 0.05, 1.0)
    sound = generator.normal(0.0, 1.0, len(time)) * syllables
    return np.asarray(sound * (0.1 / sound.std()), dtype=np.float32)


def channels(
    spoken: list[str], *, leak_db: float, own_gain_db: float = 0.0
) -> tuple[Samples, Samples, list[str]]:
    """Lay out stretches of two seconds in which one, the other, both or nobody speaks.

    Returns both channels and, per block, who speaks.
    """
    generator = np.random.default_rng(9)
    leak = 10 ** (leak_db / 20)
    asked, own, who = [], [], []
    for seed, speaker in enumerate(spoken):
        interviewer = voice(2.048, seed) * float(speaker in {"interviewer", "both"})
        user = voice(2.048, seed + 1_000) * float(speaker in {"user", "both"})
        asked.append(interviewer + leak * np.roll(user, 40))
        own.append((user + leak * np.roll(interviewer, 40)) * 10 ** (own_gain_db / 20))
        who += [speaker] * (len(interviewer) // BLOCK)
    left, right = (np.concatenate(parts) for parts in (asked, own))
    left += generator.normal(0.0, NOISE_RMS, len(left))
    right += generator.normal(0.0, NOISE_RMS, len(right))
    return left.astype(np.float32), right.astype(np.float32), who


def judged(left: Samples, right: Samples) -> Iterator[tuple[int, bool, OwnVoice]]:
    """Tell of each block whether it is taken for the user's."""
    own_voice = OwnVoice()
    for index in range(len(left) // BLOCK):
        begin = index * BLOCK
        start_ns = begin * 62_500
        raw = RawBlock(
            samples=left[begin : begin + BLOCK, None],
            first_sample=begin,
            captured_ns=start_ns + BLOCK * 62_500,
            own_power=float(right[begin : begin + BLOCK].var()),
        )
        own_voice.heard(raw, RATE)
        block = AudioBlock(samples=left[begin : begin + BLOCK], first_sample=begin, start_ns=start_ns)
        yield index, own_voice.covers(block, floor_power=NOISE_RMS**2), own_voice


def is_loud(left: Samples, right: Samples, index: int) -> bool:
    """Tell whether somebody is in a syllable, not between two."""
    part = slice(index * BLOCK, (index + 1) * BLOCK)
    return float(max(left[part].var(), right[part].var())) > 0.03**2


TALK = ["interviewer", "user", "nobody", "user", "interviewer", "both"] * 3


@pytest.mark.parametrize("leak_db", [-10.0, -14.0, -20.0, -60.0])
@pytest.mark.parametrize("own_gain_db", [-6.0, 0.0, 6.0])
def test_the_user_s_blocks_are_covered_and_the_interviewer_s_are_not(
    leak_db: float, own_gain_db: float
) -> None:
    left, right, who = channels(TALK, leak_db=leak_db, own_gain_db=own_gain_db)
    taken: dict[str, list[bool]] = {"interviewer": [], "user": [], "both": [], "nobody": []}
    for index, covered, _ in judged(left, right):
        changed = who[index] != who[max(0, index - 5)]
        if index >= len(who) // 3 and not changed and is_loud(left, right, index):
            taken[who[index]].append(covered)
    assert np.mean(taken["user"]) > 0.97
    assert np.mean(taken["interviewer"]) < 0.03
    assert np.mean(taken["both"]) < 0.1


@pytest.mark.parametrize("leak_db", [-10.0, -20.0])
def test_from_the_very_start_a_leak_is_covered_before_anything_was_learned(leak_db: float) -> None:
    left, right, _ = channels(["user"], leak_db=leak_db)
    covered = [covered for index, covered, _ in judged(left, right) if is_loud(left, right, index)]
    assert np.mean(covered) > 0.97


def test_once_both_were_heard_the_border_lies_between_them_whatever_the_gains() -> None:
    left, right, _ = channels(TALK, leak_db=-15.0, own_gain_db=12.0)
    *_, (_, _, own_voice) = judged(left, right)
    # The user's blocks lie at -15 - 12 = -27 dB and below, the interviewer's at 15 - 12 = 3 dB.
    assert -27.0 < own_voice.border_db < 0.0


def test_where_only_the_interviewer_was_heard_the_border_stays() -> None:
    left, right, _ = channels(["interviewer"] * 6, leak_db=-20.0)
    verdicts = list(judged(left, right))
    assert not any(covered for _, covered, _ in verdicts)
    assert verdicts[-1][2].border_db == FIRST_BORDER_DB


def test_without_a_channel_of_the_user_s_nothing_is_covered() -> None:
    own_voice = OwnVoice()
    sound = voice(1.0, 1)
    for begin in range(0, len(sound) - BLOCK, BLOCK):
        samples = sound[begin : begin + BLOCK]
        end_ns = (begin + BLOCK) * 62_500
        own_voice.heard(RawBlock(samples=samples[:, None], first_sample=begin, captured_ns=end_ns), RATE)
        block = AudioBlock(samples=samples, first_sample=begin, start_ns=begin * 62_500)
        assert not own_voice.covers(block, floor_power=1e-8)


def test_a_quiet_channel_of_the_user_s_covers_nothing() -> None:
    left, right, _ = channels(["interviewer"] * 3, leak_db=-80.0)
    assert not any(covered for _, covered, _ in judged(left * np.float32(1e-4), right))
