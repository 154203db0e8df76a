"""Human speech: it is transcribed, its labelled ends are found, and no statement triggers an answer."""

import asyncio
import io
from dataclasses import dataclass
from pathlib import Path

import pytest

from reference_pipeline.capture.file_source import FileSource
from reference_pipeline.composition import (
    compose_answerer,
    compose_detector,
    compose_policy,
    compose_stages,
    compose_transcriber,
    compose_turn_budgets,
)
from reference_pipeline.display.terminal_display import TerminalDisplay
from reference_pipeline.events import SAMPLE_RATE
from reference_pipeline.session import Session
from reference_pipeline.settings import Settings
from reference_pipeline.turn import TurnRecord

SPEECH = Path(__file__).resolve().parents[4] / "shared" / "speech"
SETTINGS = Settings(engine="pocketsphinx", offline=True)

pytestmark = pytest.mark.skipif(not SPEECH.is_dir(), reason="../shared/speech is not beside the repository")


@dataclass(frozen=True)
class Clip:
    name: str
    said: str
    end_s: float | None


def clips() -> list[Clip]:
    """Read the table of the folder's own README."""
    if not SPEECH.is_dir():
        return []
    rows = [line.split("|")[1:-1] for line in (SPEECH / "README.md").read_text().splitlines()]
    table = [[cell.strip() for cell in row] for row in rows if row and row[0].strip().endswith(".flac")]
    return [
        Clip(name, said, None if labelled == "not labelled" else float(labelled.split("-")[1]))
        for name, _, said, labelled in table
    ]


async def hear(path: Path) -> tuple[TurnRecord, ...]:
    answerer = compose_answerer(SETTINGS)
    stages = compose_stages(SETTINGS, answerer=answerer, display=TerminalDisplay(io.StringIO()))
    session = Session(
        source=FileSource(path, speed=8.0),
        detector=compose_detector(),
        transcriber=compose_transcriber(SETTINGS),
        stages=stages,
        settings=SETTINGS.conversation,
        budgets=compose_turn_budgets(compose_policy(SETTINGS)),
    )
    await asyncio.wait_for(session.run(), timeout=60)
    return session.records


@pytest.mark.parametrize("clip", clips(), ids=lambda clip: clip.name)
def test_human_statements_are_heard_and_not_answered(clip: Clip) -> None:
    records = asyncio.run(hear(SPEECH / clip.name))
    assert records
    assert [record.answer for record in records if record.answer] == []
    assert all(record.text for record in records)


@pytest.mark.parametrize("clip", [c for c in clips() if c.end_s is not None], ids=lambda clip: clip.name)
def test_a_labelled_end_of_speech_is_found_within_150_ms(clip: Clip) -> None:
    records = asyncio.run(hear(SPEECH / clip.name))
    assert clip.end_s is not None
    assert abs(records[-1].last_sample / SAMPLE_RATE - clip.end_s) <= 0.150
