"""The one slot that every call site looks at: is anything recording, and who makes spans?

`latency_kit.configuration` fills and empties the slot; nothing else does. While it is empty and no
OpenTelemetry provider is installed, a measured call costs a few look-ups.
"""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from latency_kit.clock import WallAnchor
from latency_kit.measurement.losses import Losses

if TYPE_CHECKING:
    from latency_kit.measurement.spans import SpanMaker

__all__ = ["Entry", "active", "current_span_maker", "installed_provider"]

Entry = tuple[Any, int, int, Any, Any, Any, Any]
"""What a finished call hands over: (call site, start_ns, end_ns, outcome, error, attributes, span)."""


class _Active:
    """What the hot path reads. Attributes are replaced whole, so that readers need no lock.

    * `append` is None exactly while nothing is recording.
    * `span_maker` is set while `configure()` owns the tracer; a provider that the program installed by
      itself is found by `current_span_maker`.
    """

    __slots__ = ("anchor", "append", "clock", "found", "losses", "span_maker")

    def __init__(self) -> None:
        self.clock: Callable[[], int] = time.perf_counter_ns
        self.append: Callable[[Entry], None] | None = None
        self.anchor = WallAnchor.take()
        self.span_maker: SpanMaker | None = None
        self.found: tuple[object, SpanMaker] | None = None
        self.losses = Losses()


active = _Active()


def installed_provider() -> object | None:
    """Return the OpenTelemetry tracer provider that is installed, or None.

    Asking the OpenTelemetry API for its provider costs a look into the environment each time, and its
    no-provider span costs microseconds. The API module's own variable tells the same for nothing (it is
    read here only, and a test holds it over the supported versions).
    """
    trace = sys.modules.get("opentelemetry.trace")
    return None if trace is None else getattr(trace, "_TRACER_PROVIDER", None)


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
