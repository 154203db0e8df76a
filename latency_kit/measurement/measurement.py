"""The record of one finished call: frozen, integer nanoseconds. How it is taken lives elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from latency_kit.measurement.values import NO_ATTRIBUTES, AttributeValue, Outcome
from latency_kit.units import NS_PER_MS

__all__ = ["NO_ATTRIBUTES", "AttributeValue", "Measurement", "Outcome"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One finished call.

    Attributes:
        component: The part of the program that was measured, such as "llm".
        operation: What it did, such as "generate".
        start_ns: Start on the monotonic clock.
        end_ns: End on the monotonic clock; never before `start_ns`.
        start_unix_nano: The start as a wall stamp (anchor plus monotonic difference).
        outcome: How the call ended.
        error: Qualified name of the exception's type, where one ended the call.
        attributes: What the call site and the call added; keys as in OpenTelemetry.
        trace_id: Of the call's span, 0 < id < 2**128, where it has one.
        span_id: Of the call's span, 0 < id < 2**64, where it has one.
    """

    component: str
    operation: str
    start_ns: int
    end_ns: int
    start_unix_nano: int
    outcome: Outcome = Outcome.OK
    error: str | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=lambda: NO_ATTRIBUTES)
    trace_id: int | None = None
    span_id: int | None = None

    @property
    def duration_ns(self) -> int:
        """End minus start, in nanoseconds."""
        return self.end_ns - self.start_ns

    @property
    def duration_ms(self) -> float:
        """The duration for people, in milliseconds."""
        return self.duration_ns / NS_PER_MS

    @property
    def end_unix_nano(self) -> int:
        """The end as a wall stamp: the start plus the monotonic duration."""
        return self.start_unix_nano + self.duration_ns

    @property
    def name(self) -> str:
        """`component.operation`, the name of the span."""
        return f"{self.component}.{self.operation}"
