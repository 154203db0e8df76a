"""A transcriber that decodes in a process of its own, where it holds up nobody's interpreter.

pocketsphinx keeps the interpreter lock while it decodes; in a child process it costs the event loop nothing.
Frames and the child's life are other modules' matter; here is the port.
"""

import logging
from collections.abc import Callable, Sequence

from reference_pipeline.events import AudioBlock, Transcript
from reference_pipeline.ports import TranscriberError
from reference_pipeline.transcription.call_order import CallOrder
from reference_pipeline.transcription.child_process import ChildEndedError, ChildProcess
from reference_pipeline.transcription.time_left import within_deadline_s
from reference_pipeline.transcription.transcriber_wire import Call, sound_of, speculation_of

__all__ = ["ProcessTranscriber"]

_START_LIMIT_S = 60.0
"""For loading the engine: seconds on a machine at rest, many on one that starts several at a time."""

_CALL_LIMIT_S = 10.0
"""For one call: a working engine takes milliseconds."""

_log = logging.getLogger(__name__)


class ProcessTranscriber:
    """A `Transcriber` whose engine is in a child process.

    * When the child dies or hangs, the utterance in work fails with an error that says so, a new child is
      started at once, and the next utterance is transcribed by it.
    * No child outlives `close`, or this process.

    Args:
        name: Of the engine.
        module: The child's program: `python -m module`.
        arguments: Of its command line.
        call_limit_s: How long a call may take before the child counts as hung; `finish` not beyond the
            deadline of the turn, where that leaves more than `time_left.LEAST_WAIT_S`.

    Raises:
        TranscriberError: The engine cannot be made.
    """

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str] = (),
        *,
        call_limit_s: float = _CALL_LIMIT_S,
    ) -> None:
        self._name = name
        self._module = module
        self._arguments = arguments
        self._call_limit_s = call_limit_s
        self._order = CallOrder(name)
        self._restarts = 0
        self._is_greeted = False
        self._is_lost = False
        self._child = ChildProcess(module, arguments)
        try:
            self._greet()
        except TranscriberError:
            self._child.close()
            raise

    @property
    def name(self) -> str:
        """The engine's name as reports show it."""
        return self._name

    @property
    def pid(self) -> int:
        """The process id of the child."""
        return self._child.pid

    @property
    def restarts(self) -> int:
        """How many children had to be replaced."""
        return self._restarts

    @property
    def is_streaming(self) -> bool:
        """True: it decodes block by block."""
        return True

    @property
    def interim_is_stable(self) -> bool:
        """False: it tells its best hypothesis, any word of which may still change."""
        return False

    def warm_up(self) -> None:
        """Warm the engine up.

        Raises:
            TranscriberError: An utterance is begun, the transcriber is closed, or the child failed.
        """
        self._order.require_ready("warm_up")
        self._ask(Call.WARM_UP)

    def begin(self) -> None:
        """Start a new utterance.

        Raises:
            TranscriberError: One is begun already, the transcriber is closed, or the child failed.
        """
        self._order.require_ready("begin")
        self._is_lost = False
        self._ask(Call.BEGIN)
        self._order.begin()

    def feed(self, block: AudioBlock) -> str | None:
        """Decode the block; return the words so far when they have changed.

        Raises:
            TranscriberError: No utterance is begun, or the child failed.
        """
        self._order.require_open("feed")
        return self._ask(Call.FEED, sound_of(block.samples))

    def interim(self, wanted: Callable[[], bool]) -> str | None:
        """Return None: `feed` has told everything.

        Raises:
            TranscriberError: No utterance is begun.
        """
        del wanted  # nothing is begun that could be given up
        self._order.require_open("interim")
        return None

    def speculate(self, wanted: Callable[[], bool], *, whole: bool = False) -> Transcript | None:
        """Return the text so far; whether it is final the engine says.

        Raises:
            TranscriberError: No utterance is begun, or the child failed.
        """
        self._order.require_open("speculate")
        told = self._ask(Call.SPECULATE, b"w" if whole else b"") if wanted() else None
        return speculation_of(told, engine=self.name)

    def finish(self) -> Transcript:
        """Return the final text.

        Raises:
            TranscriberError: No utterance is begun, or the child failed.
        """
        self._order.require_open("finish")
        try:
            text = self._ask(Call.FINISH, limit_s=within_deadline_s(self._call_limit_s))
        finally:
            self._order.end("finish")
        return Transcript(text=text or "", engine=self.name, final=True)

    def abandon(self) -> None:
        """Forget the utterance.

        Raises:
            TranscriberError: No utterance is begun, or the child failed.
        """
        self._order.require_open("abandon")
        try:
            if not self._is_lost:
                self._ask(Call.ABANDON)
        finally:
            self._order.end("abandon")

    def close(self) -> None:
        """End the child; idempotent."""
        if not self._order.is_closed:
            self._order.close()
            self._child.close()

    def _ask(self, call: Call, payload: bytes = b"", *, limit_s: float | None = None) -> str | None:
        if self._is_lost:
            raise TranscriberError(f"{self.name}: what was being said was lost with its process")
        if limit_s is None:
            limit_s = _START_LIMIT_S if call is Call.WARM_UP else self._call_limit_s
        try:
            if not self._is_greeted:
                self._greet()
                self._child.ask(Call.WARM_UP, limit_s=_START_LIMIT_S)
            return self._child.ask(call, payload, limit_s=limit_s)
        except ChildEndedError as error:
            self._replace_child()
            raise TranscriberError(
                f"{self.name}: {error}; what was being said is lost, and a new process is being started"
            ) from error

    def _greet(self) -> None:
        self._child.reply(limit_s=_START_LIMIT_S)
        self._is_greeted = True

    def _replace_child(self) -> None:
        """Start a new child, which loads its engine while the speaker goes on; `begin` waits for it."""
        _log.warning("the process of %s is replaced", self.name)
        self._child.close()
        self._restarts += 1
        self._is_greeted = False
        self._is_lost = self._order.is_open
        self._child = ChildProcess(self._module, self._arguments)
