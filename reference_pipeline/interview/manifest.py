"""What is said in the bundled recording, by whom, and at which samples: the truth the pipeline is held to.

Only data and its loading live here. The sample positions come from the energy of the synthesised
utterances (`synthesise.py`), never from the pipeline's own detector, so that they can judge it.
"""

import atexit
import json
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from reference_pipeline.ports import PipelineError

__all__ = [
    "MANIFEST_NAME",
    "RECORDING_NAME",
    "InterviewManifest",
    "ManifestError",
    "SpokenUtterance",
    "load_manifest",
    "manifest_as_json",
    "manifest_from_json",
    "recording_path",
]

MANIFEST_NAME = "manifest.json"
RECORDING_NAME = "interview.flac"
_PACKAGE = "reference_pipeline.interview"


class ManifestError(PipelineError, ValueError):
    """The manifest is not what it claims to be; the message names the entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenUtterance:
    """One utterance of the recording.

    * `speech_end` lies after `speech_start`.
    * A question names the note that answers it, a statement names none.

    Attributes:
        text: What is said, lower case without punctuation.
        speaker: "interviewer" or "candidate".
        voice: The flite voice that says it.
        question: Whether it asks something that the notes shall answer.
        note: Stem of the note that answers it; empty for a statement.
        speech_start: Index of the first sample of speech, at the recording's rate.
        speech_end: Index just after the last sample of speech.
    """

    text: str
    speaker: str
    voice: str
    question: bool
    note: str
    speech_start: int
    speech_end: int

    def __post_init__(self) -> None:
        if not 0 <= self.speech_start < self.speech_end:
            raise ManifestError(
                f"{self.text!r}: expected 0 <= speech_start < speech_end, "
                f"got {self.speech_start} and {self.speech_end}"
            )
        if self.question != bool(self.note):
            raise ManifestError(
                f"{self.text!r}: a question needs a note and a statement must have none, "
                f"got question={self.question} and note={self.note!r}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class InterviewManifest:
    """The whole recording.

    * Utterances are in order and do not overlap, and the last one ends within the recording.

    Attributes:
        sample_rate: Samples a second.
        samples: Length of the recording.
        utterances: In the order they are spoken.
    """

    sample_rate: int
    samples: int
    utterances: tuple[SpokenUtterance, ...]

    def __post_init__(self) -> None:
        free_from = 0
        for utterance in self.utterances:
            if utterance.speech_start < free_from:
                raise ManifestError(f"{utterance.text!r}: begins before the utterance ahead of it has ended")
            free_from = utterance.speech_end
        if free_from > self.samples:
            raise ManifestError(f"speech ends at sample {free_from}, after the recording ({self.samples})")

    @property
    def duration_s(self) -> float:
        """Length of the recording in seconds."""
        return self.samples / self.sample_rate

    @property
    def questions(self) -> tuple[SpokenUtterance, ...]:
        """The utterances that ask something."""
        return tuple(utterance for utterance in self.utterances if utterance.question)

    @property
    def statements(self) -> tuple[SpokenUtterance, ...]:
        """The utterances that must trigger nothing."""
        return tuple(utterance for utterance in self.utterances if not utterance.question)


def manifest_from_json(text: str) -> InterviewManifest:
    """Read a manifest.

    Raises:
        ManifestError: `text` is not JSON, lacks a field, or breaks an invariant.
    """
    try:
        data: dict[str, Any] = json.loads(text)
        utterances = tuple(SpokenUtterance(**entry) for entry in data["utterances"])
        return InterviewManifest(
            sample_rate=data["sample_rate"], samples=data["samples"], utterances=utterances
        )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ManifestError(
            f"{MANIFEST_NAME} cannot be read ({type(error).__name__}: {error}); "
            f"make it again with: python -m {_PACKAGE}.synthesise"
        ) from error


def manifest_as_json(manifest: InterviewManifest) -> str:
    """Write a manifest; `manifest_from_json` reads it back equal."""
    data = {
        "recording": RECORDING_NAME,
        "sample_rate": manifest.sample_rate,
        "samples": manifest.samples,
        "utterances": [
            {name: getattr(utterance, name) for name in SpokenUtterance.__slots__}
            for utterance in manifest.utterances
        ],
    }
    return json.dumps(data, indent=2) + "\n"


def load_manifest() -> InterviewManifest:
    """Read the bundled manifest.

    Raises:
        ManifestError: The bundled file has been damaged.
    """
    return manifest_from_json(resources.files(_PACKAGE).joinpath(MANIFEST_NAME).read_text(encoding="utf-8"))


def recording_path() -> Path:
    """Return a path of the bundled recording that stays valid until the process ends.

    Where the package is imported from an archive, the recording is unpacked once into a temporary file.
    """
    return _open_resources.enter_context(
        resources.as_file(resources.files(_PACKAGE).joinpath(RECORDING_NAME))
    )


_open_resources = ExitStack()
atexit.register(_open_resources.close)
