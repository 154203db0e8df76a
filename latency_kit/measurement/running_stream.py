"""What is counted while a stream runs: its items, their gaps, and whose time it was."""

from latency_kit.measurement.active import active
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.duration_series import DurationSeries
from latency_kit.measurement.open_call import OpenCall
from latency_kit.measurement.outcomes import outcome_of
from latency_kit.measurement.values import Outcome

__all__ = ["RunningStream", "StreamSeries"]


class StreamSeries:
    """The series of a measured stream `x`, beside `x` itself (its total duration).

    * `x.first_item`: from its first `next` to its first item (time to first token).
    * `x.gap`: from an item to the next one, the consumer's time included; a stream of n items has n - 1.
    * `x.body`: the time that the stream's own code took, of all its items together.
    * `x.consumer`: the time that its consumer took between the items. Body and consumer add up to the total.
    """

    __slots__ = ("body", "consumer", "first_item", "gap")

    def __init__(self, site: CallSite) -> None:
        self.first_item = DurationSeries.part_of(site, "first_item")
        self.gap = DurationSeries.part_of(site, "gap")
        self.body = DurationSeries.part_of(site, "body")
        self.consumer = DurationSeries.part_of(site, "consumer")


class RunningStream:
    """One stream from its first `next` to its end.

    * The call gets the attributes `latency.stream.items`, `latency.stream.body_ns` and
      `latency.stream.consumer_ns`.
    * `body_ns + consumer_ns` is the call's duration.
    * A stream that is garbage-collected without being closed ends as cancelled.
    * It ends once.
    """

    __slots__ = ("_body_ns", "_call", "_entered_ns", "_in_body", "_item_ns", "_items", "_series")

    def __init__(self, call: OpenCall, series: StreamSeries) -> None:
        self._call = call
        self._series = series
        self._body_ns = 0
        self._entered_ns = -1
        self._in_body = False
        self._item_ns = 0
        self._items = 0

    def enter_body(self) -> None:
        """Note that the body goes on; its span is current until `leave_body` or the end."""
        # The first entry is the start of the call: the clock need not be read again.
        self._entered_ns = active.clock() if self._entered_ns >= 0 else self._call.start_ns
        self._in_body = True
        self._call.activate()

    def leave_body(self) -> None:
        """Note that the body has yielded an item."""
        call = self._call
        call.deactivate()
        self._in_body = False
        item_ns = active.clock()
        self._body_ns += item_ns - self._entered_ns
        if self._items:
            self._series.gap.note(self._item_ns, item_ns, span=call.span)
        else:
            self._series.first_item.note(call.start_ns, item_ns, span=call.span)
        self._items += 1
        self._item_ns = item_ns

    def end(self) -> None:
        """End the stream: its body has returned."""
        self._end(Outcome.OK, None)

    def end_with(self, error: BaseException) -> None:
        """End the stream by the exception that left its body, or by which its consumer left it."""
        self._end(outcome_of(error), error)

    def __del__(self) -> None:
        if not self._call.ended:
            # No code of the stream runs any more, and this may be any thread: its span is current nowhere.
            self._in_body = False
            self._end(Outcome.CANCELLED, "GeneratorExit")

    def _end(self, outcome: Outcome, error: BaseException | str | None) -> None:
        call = self._call
        if call.ended:
            return
        end_ns = max(active.clock(), call.start_ns)
        if self._in_body:
            self._in_body = False
            call.deactivate()
            self._body_ns += end_ns - self._entered_ns
        consumer_ns = end_ns - call.start_ns - self._body_ns
        call.set_attribute("latency.stream.items", self._items)
        call.set_attribute("latency.stream.body_ns", self._body_ns)
        call.set_attribute("latency.stream.consumer_ns", consumer_ns)
        series = self._series
        series.body.note(call.start_ns, call.start_ns + self._body_ns, outcome=outcome, span=call.span)
        series.consumer.note(call.start_ns, call.start_ns + consumer_ns, outcome=outcome, span=call.span)
        call.end(outcome, error, at_ns=end_ns)
