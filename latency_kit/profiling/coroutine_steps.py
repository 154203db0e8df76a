"""A coroutine that is watched from step to step: when it computes, and where it waits meanwhile."""

import time
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Protocol

from latency_kit.profiling.stacks import Stack, awaited_stack, in_own_code

__all__ = ["SteppedCoroutine", "StepsSeen"]


class StepsSeen(Protocol):
    """Who is told of the steps; all calls come from the event loop's thread."""

    def began_step(self, stack: Stack, now_ns: int) -> None:
        """The coroutine goes on; `stack` is where it waited, empty at its start."""
        ...

    def ended_step(self, now_ns: int) -> None:
        """It waits, or has ended."""
        ...

    def waited(self, stack: Stack, *, suspended_ns: int, resumed_ns: int) -> None:
        """It has waited at `stack` from one moment to the other, and goes on now."""
        ...


class SteppedCoroutine(Coroutine[Any, Any, Any]):
    """Drives another coroutine and tells of its steps; it is awaited, cancelled and closed just the same."""

    def __init__(
        self,
        driven: Coroutine[Any, Any, Any],
        seen: StepsSeen,
        *,
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._driven = driven
        self._seen = seen
        self._clock = clock
        self._waits_at: Stack = ()
        self._suspended_ns: int | None = None
        self.__name__ = getattr(driven, "__name__", type(driven).__name__)
        self.__qualname__ = getattr(driven, "__qualname__", self.__name__)

    def __getattr__(self, name: str) -> Any:
        # cr_frame, cr_await and the like: debuggers and the flight recorder look through.
        return getattr(self._driven, name)

    def send(self, value: Any, /) -> Any:
        """Do one step."""
        return self._step(lambda: self._driven.send(value))

    def throw(
        self,
        kind: Any,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
        /,
    ) -> Any:
        """Do one step that begins with an exception."""
        if value is None and traceback is None:
            return self._step(lambda: self._driven.throw(kind))
        return self._step(lambda: self._driven.throw(kind, value, traceback))

    def close(self) -> None:
        """Close the coroutine."""
        self._driven.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        value = None
        while True:
            try:
                yielded = self.send(value)
            except StopIteration as ended:
                return ended.value
            try:
                value = yield yielded
            except GeneratorExit:
                self.close()
                raise
            except BaseException as error:  # noqa: BLE001  # belongs to the coroutine
                try:
                    yielded = self.throw(error)
                except StopIteration as ended:
                    return ended.value
                value = yield yielded

    def _step(self, advance: Callable[[], Any]) -> Any:
        began_ns = self._clock()
        if self._suspended_ns is not None:
            self._seen.waited(self._waits_at, suspended_ns=self._suspended_ns, resumed_ns=began_ns)
        self._seen.began_step(self._waits_at, began_ns)
        self._suspended_ns = None
        try:
            yielded = advance()
        finally:
            ended_ns = self._clock()
            self._seen.ended_step(ended_ns)
        self._waits_at = in_own_code(awaited_stack(self._driven))
        self._suspended_ns = ended_ns
        return yielded
