"""The one slot that every call site looks at: is anything recording, and who makes spans?

`latency_kit.configuration` fills and empties the slot; nothing else does. While it is empty and no
OpenTelemetry provider is installed, a measured call costs a few look-ups.
"""

import sys
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from latency_kit.clock import WallAnchor
from latency_kit.measurement.losses import Losses

if TYPE_CHECKING:
    from latency_kit.measurement.call_site import CallSite
    from latency_kit.measurement.open_call import OpenCall
    from latency_kit.measurement.spans import SpanMaker
    from latency_kit.measurement.values import AttributeValue, Outcome

__all__ = [
    "TRACE_API",
    "Entry",
    "FastSpans",
    "FinishedSpan",
    "active",
    "current_span_maker",
    "installed_provider",
]

TRACE_API = "opentelemetry.trace"
"""The module that holds the installed provider; measuring must not import it, it may never be needed."""


class FinishedSpan(Protocol):
    """What the recording reads of a span that a call or an instrumentation library has handed over.

    `site` is None where the span is no measured call; `result` is None where the call simply succeeded,
    else outcome, error type and added attributes. `is_sampled` tells whether a trace backend will know it.
    """

    site: "CallSite | None"
    start_ns: int
    end_ns: int | None
    result: "tuple[Outcome, str | None, Mapping[str, AttributeValue] | None] | None"
    is_sampled: bool

    def get_span_context(self) -> Any:
        """Return the identity, an `opentelemetry.trace.SpanContext`."""
        ...


Entry = tuple[Any, ...] | FinishedSpan
"""What a finished call hands over: its span, where the span knows the call; else a tuple, either

* (call site, start_ns, end_ns) of a call without a span that succeeded, or
* (call site, start_ns, end_ns, outcome, error type, attributes, span) of any call.
"""


class FastSpans:
    """All that a call site takes to make a span by itself, where nobody need be asked.

    Attributes:
        span: The class of the spans; made without arguments, its slots are filled by the call site.
        tracer: Goes into each span.
        current: The variable that holds the current OpenTelemetry context.
        key: Under which that context holds the current span.
        context: Makes a context of a dictionary.
        clock: The monotonic clock.
        end: Ends a span, takes the exception that left the call or None and what attributes were added, and
            hands the span over.
    """

    __slots__ = ("clock", "context", "current", "end", "key", "span", "tracer")

    def __init__(
        self,
        *,
        span: type[Any],
        tracer: object,
        current: ContextVar[Any],
        key: str,
        context: Callable[[dict[str, Any]], Any],
        clock: Callable[[], int],
        end: "Callable[[Any, int, BaseException | None, Mapping[str, AttributeValue] | None], None]",
    ) -> None:
        self.span = span
        self.tracer = tracer
        self.current = current
        self.key = key
        self.context = context
        self.clock = clock
        self.end = end


class _Active:
    """What the hot path reads. Attributes are replaced whole, so that readers need no lock.

    * `append` is None exactly while nothing is recording.
    * `call_class` is set only while calls are followed (`in_flight`); `fast` is None then.
    * `fast` is set only while something is recording and our own provider makes every span as it is.
    * `span_maker` is set while `configure()` owns the tracer; a provider that the program installed by
      itself is found by `current_span_maker`.
    * `idle_provider` is our own provider while it is installed and nothing is recording, else None.
    """

    __slots__ = (
        "anchor",
        "append",
        "call_class",
        "clock",
        "fast",
        "found",
        "idle_provider",
        "losses",
        "span_maker",
        "trace_api",
    )

    def __init__(self) -> None:
        self.clock: Callable[[], int] = time.perf_counter_ns
        self.append: Callable[[Entry], None] | None = None
        self.call_class: type[OpenCall] | None = None
        self.fast: FastSpans | None = None
        self.anchor = WallAnchor.take()
        self.span_maker: SpanMaker | None = None
        self.found: tuple[object, SpanMaker] | None = None
        self.idle_provider: object | None = None
        self.trace_api: Any = None
        self.losses = Losses()


active = _Active()


def installed_provider() -> object | None:
    """Return the OpenTelemetry tracer provider that is installed and not idle, or None.

    Asking the OpenTelemetry API for its provider costs a look into the environment each time, and its
    no-provider span costs microseconds. The API module's own variable tells the same for nothing (it is
    read in this floor only, and a test holds it over the supported versions).
    """
    api = active.trace_api
    if api is None:
        api = sys.modules.get(TRACE_API)
        if not _is_complete(api):
            return None
        active.trace_api = api
    provider: object | None = api._TRACER_PROVIDER  # noqa: SLF001  # as said above
    return None if provider is active.idle_provider else provider


def _is_complete(api: ModuleType | None) -> bool:
    """Tell whether the module is there and not just being imported by another thread."""
    return api is not None and hasattr(api, "_TRACER_PROVIDER")


def current_span_maker() -> "SpanMaker | None":
    """Return what makes spans now, or None where no OpenTelemetry provider is installed."""
    maker = active.span_maker
    if maker is not None:
        return maker
    provider = installed_provider()
    if provider is None:
        return None
    found = active.found
    if found is not None and found[0] is provider:
        return found[1]
    from latency_kit.measurement.spans import SpanMaker  # noqa: PLC0415  # only with a provider present

    maker = SpanMaker.of_provider(provider)
    active.found = (provider, maker)
    return maker
