"""Deadlines in the headers of requests: W3C baggage, the `grpc-timeout` header, and a propagator for both.

What crosses is what remains, never a time of day. The texts themselves are `deadline_text`'s.
"""

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from opentelemetry import baggage
from opentelemetry import context as context_api
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)

from latency_kit.budget.deadline import Deadline, context_with_deadline, deadline_of
from latency_kit.budget.deadline_text import (
    format_grpc_timeout,
    format_remaining_ms,
    parse_grpc_timeout,
    parse_remaining_ms,
)
from latency_kit.errors import CorruptDataError, UsageError
from latency_kit.measurement.active import active
from latency_kit.units import ms_to_ns

__all__ = [
    "BAGGAGE_ENTRY",
    "GRPC_TIMEOUT",
    "DeadlinePropagator",
    "extract_deadline",
    "inject_deadline",
    "propagate_deadlines",
]

BAGGAGE_ENTRY = "latency-remaining-ms"
"""The baggage entry that says how many milliseconds remain."""

GRPC_TIMEOUT = "grpc-timeout"

_BAGGAGE = "baggage"

_MAX_HEADER = 8192
"""Characters of a baggage header that are read; what W3C Baggage asks every platform to pass on."""

_MAX_HEADERS = 200
"""Names of headers that are compared without regard to case."""


class DeadlinePropagator(TextMapPropagator):
    """Carries the current deadline in the headers of instrumented requests.

    * What remains never grows from one hop to the next: it is rounded down, and the allowance for the
      network is taken off.
    * A deadline that is already in the context is only made earlier by one that arrives.
    * What is malformed, negative or longer than a day is ignored and counted as "deadlines_ignored".
    * Baggage of others is kept; the entry itself does not stay in it, where it would be sent on stale.

    It writes the whole `baggage` header and stands after (or instead of) the `W3CBaggagePropagator`.

    Args:
        network_allowance_ms: What the way to the next machine is reckoned to take; taken off when sending.
        grpc: Whether to write `grpc-timeout` too. gRPC libraries write it themselves from the `timeout=`
            of a call and refuse it as metadata; it is for proxies and hand-made HTTP/2. It is always read.

    Raises:
        UsageError: The allowance is negative or not finite.
    """

    def __init__(self, *, network_allowance_ms: float = 0, grpc: bool = False) -> None:
        self._allowance_ns = ms_to_ns(network_allowance_ms)
        if self._allowance_ns < 0:
            raise UsageError(f"network_allowance_ms must be at least 0, got {network_allowance_ms!r}")
        self._grpc = grpc
        self._baggage = W3CBaggagePropagator()

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write what remains, less the allowance, into `carrier`; nothing without a deadline."""
        sent = context_api.get_current() if context is None else context
        deadline = deadline_of(sent)
        if deadline is None:
            return
        left_ns = max(0, deadline.remaining_ns() - self._allowance_ns)
        with_entry = baggage.set_baggage(BAGGAGE_ENTRY, format_remaining_ms(left_ns), sent)
        self._baggage.inject(carrier, with_entry, setter)
        if self._grpc:
            setter.set(carrier, GRPC_TIMEOUT, format_grpc_timeout(left_ns))

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """Return `context` with the deadline that `carrier` names, where it names one and none is earlier."""
        base = context_api.get_current() if context is None else context
        if baggage.get_baggage(BAGGAGE_ENTRY, base) is not None:
            base = baggage.remove_baggage(BAGGAGE_ENTRY, base)
        remaining = [
            *_parsed(getter.get(carrier, GRPC_TIMEOUT), parse_grpc_timeout),
            *_parsed(_entries(getter.get(carrier, _BAGGAGE)), parse_remaining_ms),
        ]
        if not remaining:
            return base
        received = Deadline(at_ns=active.clock() + min(remaining), name="received")
        return context_with_deadline(received, base)

    @property
    def fields(self) -> set[str]:
        """The names of the headers that `inject` writes."""
        return {_BAGGAGE, GRPC_TIMEOUT} if self._grpc else {_BAGGAGE}


def inject_deadline(
    headers: MutableMapping[str, str],
    *,
    context: Context | None = None,
    network_allowance_ms: float = 0,
    grpc: bool = False,
) -> None:
    """Write what remains of the deadline of `context` (the current one by default) into `headers`.

    Other entries of a `baggage` header that is there already are kept.

    Raises:
        UsageError: The allowance is negative or not finite.
    """
    written: dict[str, str] = {}
    propagator = DeadlinePropagator(network_allowance_ms=network_allowance_ms, grpc=grpc)
    propagator.inject(written, context)
    if not written:
        return
    known = {name.lower(): name for name in headers}
    there = headers.get(known.get(_BAGGAGE, _BAGGAGE), "")
    ours = written.pop(_BAGGAGE)
    names = {_name_of(entry) for entry in ours.split(",")}
    kept = [entry for entry in there.split(",") if entry.strip() and _name_of(entry) not in names]
    headers[known.get(_BAGGAGE, _BAGGAGE)] = ",".join([*kept, ours])
    for name, value in written.items():
        headers[known.get(name, name)] = value


def extract_deadline(
    headers: Mapping[str, Any],
    *,
    context: Context | None = None,
) -> Context:
    """Return `context` (the current one by default) with the deadline that `headers` bring, if any.

        with latency_kit.use_context(latency_kit.extract_deadline(request.headers)):
            answer(request)

    Names of headers are compared without regard to case; hostile values are ignored and counted.
    """
    found: dict[str, Any] = {}
    for number, (name, value) in enumerate(headers.items()):
        if number >= _MAX_HEADERS:
            break
        lower = name.lower() if isinstance(name, str) else ""
        if lower in {_BAGGAGE, GRPC_TIMEOUT}:
            found[lower] = value
    return DeadlinePropagator().extract(found, context)


def propagate_deadlines(*, network_allowance_ms: float = 0, grpc: bool = False) -> None:
    """Let every instrumented client and server of this process carry deadlines, beside what they carry.

    Adds a `DeadlinePropagator` to OpenTelemetry's global propagators; called again, it replaces its own.

    Raises:
        UsageError: The allowance is negative or not finite.
    """
    from opentelemetry import propagate  # noqa: PLC0415  # loads the program's propagators
    from opentelemetry.propagators.composite import CompositePropagator  # noqa: PLC0415  # the same

    ours = DeadlinePropagator(network_allowance_ms=network_allowance_ms, grpc=grpc)
    before = propagate.get_global_textmap()
    if isinstance(before, _WithDeadlines):
        before = before.others
    propagate.set_global_textmap(_WithDeadlines(before, CompositePropagator([before, ours])))


class _WithDeadlines(TextMapPropagator):
    """The program's own propagators, then ours."""

    def __init__(self, others: TextMapPropagator, both: TextMapPropagator) -> None:
        self.others = others
        self._both = both

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        self._both.inject(carrier, context, setter)

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        return self._both.extract(carrier, context, getter)

    @property
    def fields(self) -> set[str]:
        return self._both.fields


def _entries(headers: list[str] | None) -> list[str]:
    """Return the values of our entry in `baggage` headers; whatever else is there is passed over."""
    found = []
    for header in headers or ():
        if not isinstance(header, str) or len(header) > _MAX_HEADER:
            _ignored("a baggage header that is too long or no text")
            continue
        for entry in header.split(","):
            name, separator, value = entry.partition("=")
            if separator and name.strip() == BAGGAGE_ENTRY:
                found.append(value.partition(";")[0].strip())  # properties follow a semicolon
    return found


def _parsed(values: list[str] | None, parse: Callable[[str], int]) -> list[int]:
    parsed = []
    for value in values or ():
        try:
            parsed.append(parse(value))
        except (CorruptDataError, TypeError) as error:
            _ignored(error)
    return parsed


def _name_of(entry: str) -> str:
    return entry.partition("=")[0].strip()


def _ignored(why: object) -> None:
    active.losses.count("deadlines_ignored", why=why)
