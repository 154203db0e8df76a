"""A context as strings: what crosses to another process, written and read by the program's propagators."""

import sys
from collections.abc import Mapping

from opentelemetry.context import Context

__all__ = ["carrier_of", "context_of"]


def carrier_of(context: Context) -> dict[str, str]:
    """Return what the program's OpenTelemetry propagators (trace context and baggage) send of `context`."""
    carrier: dict[str, str] = {}
    if context and "opentelemetry.trace" in sys.modules:  # else nobody can have put anything in
        from opentelemetry import propagate  # noqa: PLC0415  # loads entry points, for spans only

        propagate.inject(carrier, context)
    return carrier


def context_of(carrier: Mapping[str, str]) -> Context:
    """Return the context that `carrier` holds; one without a span where there is none or it is malformed."""
    if not carrier:
        return Context()
    from opentelemetry import propagate  # noqa: PLC0415  # as above

    return propagate.extract(carrier, Context())
