"""What is shown of an utterance never changes, whatever the model makes of its sound from time to time."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reference_pipeline.events import SAMPLE_RATE, AudioBlock, Samples
from reference_pipeline.transcription.faster_whisper_transcriber import FasterWhisperTranscriber
from reference_pipeline.transcription.inference_queue import InferenceQueue, Urgency
from reference_pipeline.transcription.whisper_engine import Hypothesis

_HALF_A_SECOND = AudioBlock(samples=np.full(SAMPLE_RATE // 2, 0.1, np.float32), first_sample=0, start_ns=0)


class FickleEngine:
    """Hears anything at all after the prefix that it is given; an even token begins a word."""

    def __init__(self, tails: Sequence[Sequence[int]], doubtful: Sequence[bool]) -> None:
        self.queue = InferenceQueue()
        self.pressed = tuple
        self._tails = iter(zip(tails, doubtful, strict=False))

    def infer(
        self, samples: Samples, *, urgency: Urgency, prefix: Sequence[int], wanted: Callable[[], bool]
    ) -> Hypothesis:
        tail, is_doubtful = next(self._tails, ((), False))
        tokens = (*prefix, *tail)
        return Hypothesis(tokens=tokens, text=self.text_of(tokens), is_doubtful=is_doubtful)

    def text_of(self, tokens: Sequence[int]) -> str:
        return "".join(f" {token}" if self.begins_word(token) else str(token) for token in tokens).strip()

    def begins_word(self, token: int) -> bool:
        return token % 2 == 0


@given(
    st.lists(st.lists(st.integers(2, 5), max_size=6), min_size=10, max_size=10),
    st.lists(st.booleans(), min_size=10, max_size=10),
    st.lists(st.sampled_from(["speak", "pause"]), max_size=8),
)
def test_interim_text_only_grows_and_the_final_text_begins_with_it(
    tails: list[list[int]], doubtful: list[bool], course: list[str]
) -> None:
    engine: Any = FickleEngine(tails, doubtful)
    transcriber = FasterWhisperTranscriber(engine)
    transcriber.begin()
    shown: list[str] = []
    for event in ("speak", *course):
        if event == "speak":
            transcriber.feed(_HALF_A_SECOND)
            transcriber._next_interim = 0  # whatever the clock said, it is time
            shown.extend(filter(None, [transcriber.interim(lambda: True)]))
        else:
            told = transcriber.speculate(lambda: True)
            assert told is not None
            shown.extend(filter(None, [told.agreed]))
            # What is shown of a pause is part of what the pause says.
            assert told.text.startswith(shown[-1] if shown else "")
    shown.append(transcriber.finish().text)
    for earlier, later in itertools.pairwise(shown):
        assert later.startswith(earlier)


def test_what_the_texts_of_two_pauses_agree_on_is_shown_beyond_the_longest_interim_text_too() -> None:
    engine: Any = FickleEngine([(2, 4, 6), (2, 4, 6, 8)], [False, False])
    transcriber = FasterWhisperTranscriber(engine)
    transcriber.begin()
    agreed = []
    for _ in range(2):
        for _ in range(16):
            transcriber.feed(_HALF_A_SECOND)
        assert transcriber.interim(lambda: True) is None
        told = transcriber.speculate(lambda: True)
        again = transcriber.speculate(lambda: True)
        assert told is not None
        assert again is not None
        agreed.append((told.text, told.agreed, again.agreed))
    assert agreed == [("2 4 6", None, None), ("2 4 6 8", "2 4", None)]
