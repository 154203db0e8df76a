"""The utterance that an engine works at: what it was fed, what it raised, and what it speculates on.

Used by the transcription worker on its thread. Knows the transcriber's port, no queue and no callback.
"""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

import latency_kit
from latency_kit.budget import LatencyBudget
from reference_pipeline.events import AudioBlock, HeardText, Transcript, Utterance
from reference_pipeline.ports import Transcriber
from reference_pipeline.transcription.final_transcript import FinalState, FinalTranscript
from reference_pipeline.transcription.normalisation import normalise
from reference_pipeline.transcription.speculation import Speculation
from reference_pipeline.transcription.time_left import turn_deadline

__all__ = ["UtteranceEnd", "UtteranceInWork"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UtteranceEnd:
    """That an utterance is over, as the worker was told.

    Attributes:
        utterance: As the endpointer cut it.
        queued_ns: When it was told.
        lost_blocks: How many of its blocks were lost before they came to the engine.
        context: That of the turn.
    """

    utterance: Utterance
    queued_ns: int
    lost_blocks: int
    context: latency_kit.Context


class UtteranceInWork:
    """One utterance after the other, each begun, fed, and finished or abandoned.

    * What the engine raises is kept and told with the utterance's end; no method raises it.
    * Final text, and text on speculation, is made under the deadline of its turn; it is made however late.
    * In a pause with a speculation that is final the silence is kept from the engine: it is fed when speech
      resumes, and never where the utterance ends, so that the speculation holds.
    """

    __slots__ = (
        "_budget",
        "_error",
        "_heard",
        "_is_open",
        "_last_fed",
        "_speculation",
        "_transcriber",
        "_withheld",
    )

    def __init__(self, transcriber: Transcriber, *, budget: LatencyBudget | None = None) -> None:
        """Work with `transcriber`; `budget` is that of the whole turn, from the last voiced sample on."""
        self._transcriber = transcriber
        self._budget = budget
        self._is_open = False
        self._error: Exception | None = None
        self._last_fed: AudioBlock | None = None
        self._heard = HeardText(text="", heard_to_sample=0)
        self._speculation: Speculation | None = None
        self._withheld: list[AudioBlock] = []

    @property
    def is_open(self) -> bool:
        """Whether there is an utterance that the engine can be fed."""
        return self._is_open

    @property
    def heard(self) -> HeardText:
        """The text so far, and the sample up to which it was heard."""
        return self._heard

    def begin(self) -> None:
        """Begin the next utterance; one that is open is abandoned."""
        self.abandon()
        self._error = None
        self._last_fed = None
        self._heard = HeardText(text="", heard_to_sample=0)
        try:
            self._transcriber.begin()
        except Exception as error:  # noqa: BLE001  # told with the utterance's end
            self._error = error
        else:
            self._is_open = True

    def feed(self, block: AudioBlock) -> str | None:
        """Feed the block, or withhold it; return interim text where it has changed."""
        if not self._is_open:
            return None
        if self._speculation is not None and self._speculation.is_final:
            self._withheld.append(block)
            return None
        try:
            interim = _decode(self._transcriber, block)
        except Exception as error:  # noqa: BLE001  # told with the utterance's end
            self.abandon()
            self._error = error
            return None
        self._last_fed = block
        if interim is not None or self._transcriber.is_streaming:
            self._heard = HeardText(
                text=self._heard.text if interim is None else interim,
                heard_to_sample=block.first_sample + len(block.samples),
            )
        return interim

    def interim(self, wanted: Callable[[], bool]) -> str | None:
        """Have the engine work at interim text; return it where it has changed."""
        if not self._is_open or self._speculation is not None:
            return None
        try:
            return self._transcriber.interim(wanted)
        except Exception as error:  # noqa: BLE001  # the final text will tell
            _log.debug("no interim text: %s", error)
            return None

    def pause(
        self, last_voiced_sample: int, wanted: Callable[[], bool], *, whole: bool = False
    ) -> Transcript | None:
        """Speculate that the utterance ends here; return its text, or None where it was given up.

        `whole` tells whether the words so far seem to be all.
        """
        self._give_up_speculation()
        if not self._is_open or self._last_fed is None:
            return None
        try:
            within = turn_deadline(
                self._budget, start_ns=self._last_fed.time_of(last_voiced_sample), name="speculation"
            )
            speculation = Speculation(self._transcriber, wanted, whole=whole, within=within)
        except Exception as error:  # noqa: BLE001  # the final text will tell
            _log.debug("no speculation: %s", error)
            return None
        if speculation.transcript is None:
            return None
        self._speculation = speculation
        self._heard = HeardText(
            text=speculation.transcript.text,
            heard_to_sample=max(last_voiced_sample, self._heard.heard_to_sample),
        )
        return speculation.transcript

    def resume(self) -> list[str]:
        """Feed what was withheld, since speech goes on; return interim texts that came of it."""
        self._give_up_speculation()
        withheld, self._withheld = self._withheld, []
        return [text for block in withheld if (text := self.feed(block)) is not None]

    def finish(self, ended: UtteranceEnd) -> FinalTranscript:
        """Have the engine finish, and return what came of the utterance."""
        started_ns = latency_kit.now_ns()
        transcript: Transcript | None = None
        state = FinalState.TRUNCATED if ended.lost_blocks else FinalState.COMPLETE
        if self._error is None and ended.lost_blocks and self._last_fed is None:
            state = FinalState.DROPPED
            self.abandon()
        elif self._error is None:
            self._is_open = False
            try:
                start_ns = ended.utterance.end_ns
                within = turn_deadline(self._budget, start_ns=start_ns, name="transcription")
                with latency_kit.use_context(ended.context), within:
                    transcript = self._transcriber.finish()
            except Exception as error:  # noqa: BLE001  # told with the result
                self._error = error
        if self._error is not None:
            state = FinalState.FAILED
        failure, self._error = self._error, None
        speculated_ns = self._settle_speculation(transcript, ended)
        if speculated_ns is not None:
            # The engine was at work for this utterance already when the end of it was told.
            started_ns = max(speculated_ns, ended.queued_ns)
        return FinalTranscript(
            utterance=ended.utterance,
            state=state,
            transcript=transcript,
            error=failure,
            queued_ns=ended.queued_ns,
            started_ns=started_ns,
            finished_ns=latency_kit.now_ns(),
            lost_blocks=ended.lost_blocks,
            was_speculated=speculated_ns is not None,
        )

    def abandon(self) -> None:
        """Forget the utterance, where one is open."""
        self._give_up_speculation()
        self._withheld.clear()
        if self._is_open:
            self._is_open = False
            with contextlib.suppress(Exception):
                self._transcriber.abandon()

    def _settle_speculation(self, transcript: Transcript | None, ended: UtteranceEnd) -> int | None:
        """Decide the fate of the speculation; return when it began where the final text was made by it."""
        speculation, self._speculation = self._speculation, None
        self._withheld.clear()
        if speculation is None or speculation.transcript is None:
            return None
        if transcript is None or normalise(transcript.text) != normalise(speculation.transcript.text):
            speculation.give_up()
            return None
        speculation.came_true(ended.context, decided_ns=ended.queued_ns)
        return speculation.started_ns if speculation.is_final else None

    def _give_up_speculation(self) -> None:
        if self._speculation is not None:
            self._speculation.give_up()
            self._speculation = None


@latency_kit.measure_latency("transcription", "decode", span=False)
def _decode(transcriber: Transcriber, block: AudioBlock) -> str | None:
    return transcriber.feed(block)
