"""Stacks with weights in the two formats that viewers open.

Formats: speedscope's own (https://www.speedscope.app/file-format-schema.json) and collapsed stacks, one a
line with its weight, as flame-graph tools take them (https://github.com/brendangregg/FlameGraph).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from latency_kit.profiling.stacks import Frame, Stack

__all__ = ["WeightedStack", "collapsed", "speedscope"]

WeightedStack = tuple[Stack, int]


def collapsed(samples: Iterable[WeightedStack], *, divisor: int = 1) -> str:
    """Return collapsed stacks, equal ones together, with weights divided by `divisor`."""
    weights: dict[str, int] = {}
    for stack, weight in samples:
        line = ";".join(frame.name.replace(";", ",") for frame in stack)
        weights[line] = weights.get(line, 0) + weight
    # A weight of 0 would make the stack disappear.
    return "".join(f"{line} {max(weight // divisor, 1)}\n" for line, weight in weights.items())


def speedscope(
    title: str, profiles: Mapping[str, Sequence[WeightedStack]], *, unit: str = "nanoseconds", start: int = 0
) -> str:
    """Return the JSON of a file for speedscope, with one profile for each name.

    Args:
        title: Of the file.
        profiles: Weighted stacks in the order of time, by the name of their profile.
        unit: "nanoseconds" or "bytes".
        start: The time at which the first sample of each profile begins.
    """
    places: dict[Frame, int] = {}
    built = []
    for name, samples in profiles.items():
        stacks = [[places.setdefault(frame, len(places)) for frame in stack] for stack, _ in samples]
        weights = [weight for _, weight in samples]
        built.append(
            {
                "type": "sampled",
                "name": name,
                "unit": unit,
                "startValue": start,
                "endValue": start + sum(weights),
                "samples": stacks,
                "weights": weights,
            }
        )
    return json.dumps(
        {
            "$schema": "https://www.speedscope.app/file-format-schema.json",
            "name": title,
            "exporter": "latency-kit",
            "activeProfileIndex": 0,
            "shared": {"frames": [_frame_json(frame) for frame in places]},
            "profiles": built,
        }
    )


def _frame_json(frame: Frame) -> dict[str, Any]:
    named: dict[str, Any] = {"name": frame.name}
    return {**named, "file": frame.file, "line": frame.line} if frame.file else named
