"""Standard samplers that decide for a root by its trace identifier alone, and for all below by the root.

Asking one through its interface takes it two microseconds and an identity in the form of the API; the
decision itself is one comparison.
"""

import re
from typing import Any, cast

from opentelemetry.context import Context

from latency_kit.tracing.sdk import (
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    ParentBasedTraceIdRatio,
    Sampler,
    TraceIdRatioBased,
)

__all__ = ["kept_below", "root_bound"]

_EIGHT_BYTES = 8
_EVERYTHING = b"\xff" * (_EIGHT_BYTES + 1)
"""Above all that has eight bytes."""

_RATIO = re.compile(r"TraceIdRatioBased\{([0-9.e+-]+)\}")


def root_bound(sampler: Sampler) -> bytes | None:
    """Return below which the last 8 bytes of a trace identifier must be for a root to be kept.

    None where `sampler` may decide otherwise. Where it is one of the standard samplers, it is asked about
    identifiers on both sides of the bound, and believed only if it answers as is expected.
    """
    kinds = {type(DEFAULT_ON), type(DEFAULT_OFF), ParentBasedTraceIdRatio}
    if type(sampler) not in kinds:
        return None
    described: str = cast("Any", sampler).get_description()
    root, _, below = described.removeprefix("ParentBased{root:").partition(",")
    if below != cast("Any", DEFAULT_ON).get_description().partition(",")[2]:
        return None
    ratio = _RATIO.fullmatch(root)
    if root == "AlwaysOnSampler":
        bound = 1 << 64
    elif root == "AlwaysOffSampler":
        bound = 0
    elif ratio is not None:
        bound = TraceIdRatioBased.get_bound_for_rate(float(ratio[1]))
    else:
        return None
    for trace_id in {1, max(bound - 1, 1), min(bound, (1 << 64) - 1), (1 << 64) - 1}:
        asked = sampler.should_sample(Context(), trace_id, "probe")
        kept = asked.decision is Decision.RECORD_AND_SAMPLE
        if kept is not (trace_id < bound) or asked.attributes or asked.trace_state:
            return None
    return _EVERYTHING if bound >> 64 else bound.to_bytes(_EIGHT_BYTES)


def kept_below(bound: bytes, identity: bytes) -> bool:
    """Tell whether a root with that identity is kept."""
    return identity[_EIGHT_BYTES : 2 * _EIGHT_BYTES] < bound
