"""What was seen of one call over its limit, and the two files in which that can be looked at.

Formats: speedscope's own (https://www.speedscope.app/file-format-schema.json) and collapsed stacks, one a
line with its weight, as flame-graph tools take them (https://github.com/brendangregg/FlameGraph).
"""

import json
from dataclasses import dataclass
from typing import Any

from latency_kit.profiling.stacks import Frame, Stack
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
        weights_ns: dict[str, int] = {}
        for sample in self.samples:
            line = ";".join(frame.name.replace(";", ",") for frame in sample.stack)
            weights_ns[line] = weights_ns.get(line, 0) + sample.weight_ns
        # A weight of 0 would make the stack disappear.
        return "".join(f"{line} {max(weight // NS_PER_US, 1)}\n" for line, weight in weights_ns.items())

    def speedscope(self) -> str:
        """Return the JSON of a file for speedscope."""
        places: dict[Frame, int] = {}
        stacks = [
            [places.setdefault(frame, len(places)) for frame in sample.stack] for sample in self.samples
        ]
        start_ns = self.samples[0].age_ns if self.samples else self.age_ns
        title = self.name if self.trace_id is None else f"{self.name} {self.trace_id:032x}"
        return json.dumps(
            {
                "$schema": "https://www.speedscope.app/file-format-schema.json",
                "name": title,
                "exporter": "latency-kit",
                "activeProfileIndex": 0,
                "shared": {"frames": [_frame_json(frame) for frame in places]},
                "profiles": [
                    {
                        "type": "sampled",
                        "name": title,
                        "unit": "nanoseconds",
                        "startValue": start_ns,
                        "endValue": start_ns + sum(sample.weight_ns for sample in self.samples),
                        "samples": stacks,
                        "weights": [sample.weight_ns for sample in self.samples],
                    }
                ],
            }
        )


def _frame_json(frame: Frame) -> dict[str, Any]:
    return (
        {"name": frame.name, "file": frame.file, "line": frame.line} if frame.file else {"name": frame.name}
    )
