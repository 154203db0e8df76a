"""What was seen of one call over its limit, and the two files in which that can be looked at."""

from dataclasses import dataclass

from latency_kit.profiling.speedscope import collapsed, speedscope
from latency_kit.profiling.stacks import Stack
from latency_kit.units import NS_PER_US

__all__ = ["Flight", "StackSample"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSample:
    """What a call was seen doing for a while.

    Attributes:
        age_ns: The age of the call when it was first seen so.
        weight_ns: How long until it was seen doing something else; branches of a `gather` share the time.
        stack: From the outermost function to the innermost.
    """

    age_ns: int
    weight_ns: int
    stack: Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """One call over its limit.

    * The weights of its samples add up to the time from the first sample to the last look at it.

    Attributes:
        name: `component.operation`.
        limit_ns: The limit that it was over.
        age_ns: Its age when it was last looked at, or had ended.
        trace_id: Of its span; None without one.
        samples: In the order of time.
        unseen_count: Samples that were given up, since the call changed too often.
    """

    name: str
    limit_ns: int
    age_ns: int
    trace_id: int | None = None
    samples: tuple[StackSample, ...] = ()
    unseen_count: int = 0

    def collapsed(self) -> str:
        """Return collapsed stacks, with microseconds as weights."""
        return collapsed(((sample.stack, sample.weight_ns) for sample in self.samples), divisor=NS_PER_US)

    def speedscope(self) -> str:
        """Return the JSON of a file for speedscope."""
        start_ns = self.samples[0].age_ns if self.samples else self.age_ns
        title = self.name if self.trace_id is None else f"{self.name} {self.trace_id:032x}"
        samples = [(sample.stack, sample.weight_ns) for sample in self.samples]
        return speedscope(title, {title: samples}, start=start_ns)
