"""The spans of measured calls on our own provider: what `latency_kit.measurement.spans` is for any other."""

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from typing import Any, Self

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, SpanKind

from latency_kit.measurement.active import Entry, FastSpans, active
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.measurement import AttributeValue, Outcome
from latency_kit.measurement.outcomes import error_name, outcome_of
from latency_kit.measurement.spans import INSTRUMENTATION_NAME, SpanMaker, is_suppressed, mark_outcome
from latency_kit.tracing.current_span import SPAN_KEY, context_variable
from latency_kit.tracing.provider import TracerProvider
from latency_kit.tracing.span import Span
from latency_kit.tracing.tracer import Tracer, new_span

__all__ = ["OwnSpanMaker"]


class OwnSpanMaker(SpanMaker):
    """Starts, activates and finishes spans of a `latency_kit.tracing.TracerProvider`.

    * A finished span is the whole record of its call: it is handed over once, to histograms and export both.
    * Where sampler, generator and span processors leave nothing to ask, nothing is asked.
    """

    __slots__ = ("_own_tracer", "_variable", "provider")

    def __init__(self, provider: TracerProvider, tracer: Tracer) -> None:
        super().__init__(tracer)
        self.provider = provider
        self._own_tracer = tracer
        self._variable: ContextVar[Context] | None = context_variable()

    @classmethod
    def of_own_provider(cls, provider: TracerProvider) -> Self:
        """Make spans with the tracer that `provider` has for latency_kit."""
        return cls(provider, provider.own_tracer(INSTRUMENTATION_NAME))

    def fast(self, clock: Callable[[], int]) -> FastSpans | None:
        """Return what lets call sites make spans by themselves; None where somebody has to be asked."""
        provider = self.provider
        if self._variable is None or provider.span_processors or not provider.samples_all_below_ours:
            return None
        return FastSpans(
            span=Span,
            tracer=self.tracer,
            current=self._variable,
            key=SPAN_KEY,
            context=Context,
            clock=clock,
            end=self._end,
        )

    def start(
        self,
        site: CallSite,
        start_ns: int,
        *,
        context: Context | None = None,
        attributes: Mapping[str, AttributeValue] | None = None,
        links: Sequence[SpanContext] = (),
    ) -> trace.Span | None:
        """Start a span of `site` under `context` (the current one by default) without activating it."""
        around = context_api.get_current() if context is None else context
        provider = self.provider
        parent = around.get(SPAN_KEY)
        if (
            (type(parent) is Span or parent is None)
            and provider.samples_all_below_ours
            and not (attributes or links or provider.span_processors)
            and len(around) <= (parent is not None)
        ):
            span = new_span(self._own_tracer, start_ns)
            span.site = site
            span.up = parent if type(parent) is Span else None
            return span
        if is_suppressed(around):
            return None
        bound = provider.root_bound
        if bound is not None and not (attributes or links or provider.span_processors):
            quick = self._own_tracer.begin_by_root(parent, bound, start_ns)
            if isinstance(quick, Span):
                quick.site = site
            if quick is not None:
                return quick
        try:
            begun = self._own_tracer.begin(
                site.name,
                around,
                kind=SpanKind.INTERNAL,
                attributes={**site.span_attributes, **attributes} if attributes else site.span_attributes,
                links=[Link(linked) for linked in links],
                start_ns=start_ns,
            )
            if isinstance(begun, Span):
                begun.site = site
                for processor in provider.span_processors:
                    processor.on_start(begun, parent_context=around)  # type: ignore[arg-type]  # readable alike
        except Exception as error:  # noqa: BLE001  # whatever a sampler or processor does, the host goes on
            active.losses.count("spans_failed", why=repr(error))
            return trace.INVALID_SPAN
        return begun

    def activate(self, span: trace.Span) -> Token[Context]:
        """Make `span` the current one; give the token to `deactivate` in the same task or thread."""
        variable = self._variable
        if variable is None:
            return super().activate(span)
        around = variable.get()
        return variable.set(Context({**around, SPAN_KEY: span} if around else {SPAN_KEY: span}))

    def finish(
        self,
        site: CallSite,
        span: trace.Span,
        start_ns: int,
        end_ns: int,
        *,
        outcome: Outcome,
        error: BaseException | str | None,
        attributes: Mapping[str, AttributeValue] | None,
    ) -> Entry:
        """Set attributes, status and exception of `span`, end it at `end_ns`, and return what to record."""
        if not isinstance(span, Span) or span.end_ns is not None:
            return (site, start_ns, end_ns, outcome, error_name(error), attributes, span)
        provider = self.provider
        whole = _together(span, attributes)
        try:
            span.site = site
            if outcome is not Outcome.OK or span.details is not None or not self._fits(site, whole):
                details = span.details or span.open_details()
                if attributes:
                    details.add_attributes(attributes)
                if outcome is not Outcome.OK:
                    mark_outcome(span, end_ns + provider.offset_ns, outcome, error)
        except Exception as failure:  # noqa: BLE001  # whatever a value does, the host goes on
            active.losses.count("spans_failed", why=repr(failure))
        if outcome is not Outcome.OK or error is not None or whole:
            span.result = (outcome, error_name(error), whole)
        span.end_ns = end_ns
        if provider.span_processors:
            try:
                provider.tell_ended(span)
            except Exception as failure:  # noqa: BLE001  # whatever a processor does, the host goes on
                active.losses.count("spans_failed", why=repr(failure))
        return span

    def _fits(self, site: CallSite, added: Mapping[str, Any] | None) -> bool:
        """Tell whether attributes may wait beside those of the site: no rule changes any of them."""
        if not added:
            return True
        fixed = site.span_attributes
        return self.provider.holds_plainly(len(fixed) + len(added)) and fixed.keys().isdisjoint(added)

    def _end(
        self,
        span: Span,
        end_ns: int,
        error: BaseException | None,
        attributes: Mapping[str, AttributeValue] | None,
    ) -> None:
        site = span.site
        assert site is not None  # noqa: S101  # the call site has just made the span
        whole = _together(span, attributes)
        if error is None and span.details is None and self._fits(site, whole):
            if whole:
                span.result = (Outcome.OK, None, whole)
            span.end_ns = end_ns
            entry: Entry = span
        else:
            entry = self.finish(
                site,
                span,
                span.start_ns,
                end_ns,
                outcome=Outcome.OK if error is None else outcome_of(error),
                error=error,
                attributes=attributes,
            )
        append = active.append
        if append is not None:
            append(entry)


def _together(span: Span, added: Mapping[str, AttributeValue] | None) -> Mapping[str, AttributeValue] | None:
    """Return the attributes that a call began with and those that were added to it."""
    first = None if span.result is None else span.result[2]
    if not first or not added:
        return added or first
    return {**first, **added}
