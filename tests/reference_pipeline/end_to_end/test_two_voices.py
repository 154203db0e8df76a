"""Two voices in stereo, each leaking into the other channel: the interviewer is answered, the user never."""

import asyncio
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from reference_pipeline.capture.channel_source import ChannelSource
from reference_pipeline.capture.file_source import FileSource
from reference_pipeline.composition import (
    compose_answerer,
    compose_detector,
    compose_policy,
    compose_source,
    compose_stages,
    compose_transcriber,
    compose_turn_budgets,
)
from reference_pipeline.display.terminal_display import TerminalDisplay
from reference_pipeline.interview.manifest import load_manifest, recording_path
from reference_pipeline.ports import SettingsError
from reference_pipeline.session import Session
from reference_pipeline.settings import Settings
from reference_pipeline.turn import TurnRecord

RATE = 16_000
SETTINGS = Settings(engine="pocketsphinx", offline=True)


@pytest.fixture(scope="module")
def stereo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """On the left "memory leak" and "race condition", on the right two other questions in between.

    Each channel holds the other one 12 dB weaker and 5 ms later.
    """
    samples, _ = soundfile.read(recording_path(), dtype="float32")
    spoken = {utterance.note: utterance for utterance in load_manifest().utterances}
    turns = (("garbage-collection", 1), ("memory-leak", 0), ("binary-search", 1), ("race-condition", 0))
    channels: list[list[np.ndarray]] = [[], []]
    for note, channel in turns:
        piece = samples[spoken[note].speech_start - 1_600 : spoken[note].speech_end + 1_600]
        piece = np.concatenate([piece, np.zeros(RATE * 7 // 10, np.float32)])
        channels[channel].append(piece)
        channels[1 - channel].append(np.roll(piece, 80) * np.float32(10 ** (-12 / 20)))
    sound = np.stack([np.concatenate(channel) for channel in channels], axis=1)
    sound += np.random.default_rng(1).normal(0.0, 1e-4, sound.shape).astype(np.float32)
    path = tmp_path_factory.mktemp("stereo") / "two voices.wav"
    soundfile.write(path, sound, RATE)
    return path


async def hear(path: Path, *, interviewer: int) -> tuple[TurnRecord, ...]:
    answerer = compose_answerer(SETTINGS)
    session = Session(
        source=ChannelSource(FileSource(path), interviewer=interviewer),
        detector=compose_detector(),
        transcriber=compose_transcriber(SETTINGS),
        stages=compose_stages(SETTINGS, answerer=answerer, display=TerminalDisplay(io.StringIO())),
        settings=SETTINGS.conversation,
        budgets=compose_turn_budgets(compose_policy(SETTINGS)),
    )
    await asyncio.wait_for(session.run(), timeout=120)
    return session.records


@pytest.mark.parametrize(
    ("interviewer", "answered_from"),
    [(0, ["memory-leak", "race-condition"]), (1, ["garbage-collection", "binary-search"])],
    ids=["left", "right"],
)
def test_the_questions_of_the_interviewer_s_channel_are_answered_and_no_other_is_even_heard(
    stereo: Path, interviewer: int, answered_from: list[str]
) -> None:
    records = asyncio.run(hear(stereo, interviewer=interviewer))
    assert [Path(record.answer_source).stem for record in records if record.answer] == answered_from
    assert len(records) == 2


def test_the_choice_of_a_channel_reaches_the_source(stereo: Path) -> None:
    source = compose_source(stereo, interviewer="right")
    assert source.name == "two voices.wav (right)"
    source.stop()


def test_a_device_of_one_s_own_does_not_go_with_a_recording(stereo: Path) -> None:
    with pytest.raises(SettingsError, match="leave --audio and --interviewer out, or --own-device"):
        compose_source(stereo, own_device="headset")
