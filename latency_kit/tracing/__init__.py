"""A tracer provider that implements the OpenTelemetry API at a fraction of the SDK's cost on the path.

Spans are plain objects that are appended to a list when they end; identifiers, attributes of the call site
and encoding wait until somebody needs them. Knows nothing of exporters; nothing is imported before a name
is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latency_kit.tracing.provider import TracerProvider
    from latency_kit.tracing.span import Span
    from latency_kit.tracing.tracer import Tracer

__all__ = ["Span", "Tracer", "TracerProvider"]

_MODULES = {"Span": "span", "Tracer": "tracer", "TracerProvider": "provider"}


if not TYPE_CHECKING:
    # Hidden from type checkers, which would otherwise take any name for a public one.

    def __getattr__(name: str) -> Any:
        module = _MODULES.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib  # noqa: PLC0415  # the first use of a name pays for it, not the import of the package

        return getattr(importlib.import_module(f"{__name__}.{module}"), name)
