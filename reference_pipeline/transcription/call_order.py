"""The order in which a transcriber may be called, kept once for all engines.

Knows nothing of sound, text or engines.
"""

from enum import Enum

from reference_pipeline.ports import TranscriberError

__all__ = ["CallOrder"]


class _State(Enum):
    READY = "no utterance is begun"
    OPEN = "an utterance is begun"
    CLOSED = "it is closed"


class CallOrder:
    """Where a transcriber stands between `begin` and `close`.

    * An utterance can be fed, finished and abandoned only after `begin`.
    * After `close` nothing but `close` is allowed.
    * A call out of order raises and changes nothing.
    """

    __slots__ = ("_engine", "_state")

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._state = _State.READY

    @property
    def is_open(self) -> bool:
        """Whether an utterance is begun."""
        return self._state is _State.OPEN

    @property
    def is_closed(self) -> bool:
        """Whether `close` has been called."""
        return self._state is _State.CLOSED

    def require_ready(self, call: str) -> None:
        """Check that `call`, which needs that no utterance is begun, may come now.

        Raises:
            TranscriberError: It may not.
        """
        self._require(call, _State.READY)

    def require_open(self, call: str) -> None:
        """Check that `call`, which needs an utterance, may come now.

        Raises:
            TranscriberError: It may not.
        """
        self._require(call, _State.OPEN)

    def begin(self) -> None:
        """Note that an utterance begins.

        Raises:
            TranscriberError: One is begun already, or the transcriber is closed.
        """
        self._require("begin", _State.READY)
        self._state = _State.OPEN

    def end(self, call: str) -> None:
        """Note that the utterance ends through `call`, "finish" or "abandon".

        Raises:
            TranscriberError: None is begun, or the transcriber is closed.
        """
        self._require(call, _State.OPEN)
        self._state = _State.READY

    def close(self) -> None:
        """Note that nothing more will come; idempotent."""
        self._state = _State.CLOSED

    def _require(self, call: str, needed: _State) -> None:
        if self._state is not needed:
            raise TranscriberError(
                f"{self._engine}: {call} needs that {needed.value}, but {self._state.value}; "
                "call begin, feed for each block, then finish or abandon"
            )
