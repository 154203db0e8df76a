"""The display port over a session's channel: viewers' browsers, with the terminal keeping the record."""

import asyncio

import latency_kit
from reference_pipeline.display.channel import Channel, ChannelCounts
from reference_pipeline.display.deliveries import Delivered
from reference_pipeline.display.show_spans import record_show
from reference_pipeline.display.terminal_display import TerminalDisplay
from reference_pipeline.events import DisplayMessage, DisplayReceipt
from reference_pipeline.ports import PipelineError

__all__ = ["PAINT_BOUND_S", "BrowserDisplay"]

PAINT_BOUND_S = 1.0
"""How long a paint is waited for; a page that takes longer than five display budgets is not there."""


class BrowserDisplay:
    """Shows messages to all viewers of a channel and on the terminal.

    * Every message goes to every viewer and to the terminal; the receipt tells of the first visible
      viewer's paint, else of the terminal.
    * Nobody watching, or only hidden pages: the terminal's receipt comes at once. Watched, but no paint
      within `paint_bound_s`: it comes then.
    * A terminal that is gone (a closed pipe) raises only where no viewer painted the message.
    * A receipt's times do not decrease. Where the first viewer had the message before the last one was
      written to, the receipt's `broadcast_ns` is that viewer's arrival; the span `display.broadcast` keeps
      the true end.
    """

    def __init__(
        self, channel: Channel, terminal: TerminalDisplay, *, paint_bound_s: float = PAINT_BOUND_S
    ) -> None:
        self._channel = channel
        self._terminal = terminal
        self._paint_bound_s = paint_bound_s
        self._closed = False
        self.shown_in_browser = 0
        self.shown_on_terminal = 0
        self.unanswered = 0

    @property
    def name(self) -> str:
        """The display of record so far: "browser" once one has painted something, else "terminal"."""
        return "browser" if self.shown_in_browser else "terminal"

    @property
    def counts(self) -> ChannelCounts:
        """What happened on the channel."""
        return self._channel.counts

    async def show(self, message: DisplayMessage) -> DisplayReceipt:
        """Show one message; return when it is painted.

        Raises:
            PipelineError: The display is closed, the message's data is not JSON, or the terminal is gone
                and no viewer painted the message.
        """
        if self._closed:
            raise PipelineError("the display is closed and shows nothing any more")
        sent_ns = latency_kit.now_ns()
        delivery = self._channel.publish(message, sent_ns=sent_ns)
        try:
            # The viewers' writing tasks go first: printing must not make a browser wait.
            await asyncio.sleep(0)
            printed = self._print(message)
            watched = not delivery.decided
            delivered = await delivery.first_paint(self._paint_bound_s)
        finally:
            self._channel.settle(delivery)
        if delivered is None:
            if isinstance(printed, PipelineError):
                raise printed
            self.shown_on_terminal += 1
            self.unanswered += watched and not delivery.decided
            record_show(message, printed)
            return printed
        self.shown_in_browser += 1
        receipt = _receipt(sent_ns, delivered)
        record_show(message, receipt, broadcast_ns=delivered.broadcast_ns)
        return receipt

    def _print(self, message: DisplayMessage) -> DisplayReceipt | PipelineError:
        # A terminal that is gone matters only where nobody else shows the message.
        try:
            return self._terminal.write(message)
        except PipelineError as error:
            return error

    async def close(self) -> None:
        """Send the viewers away; idempotent. The terminal stays with whoever opened it."""
        self._closed = True
        self._channel.end()


def _receipt(sent_ns: int, delivered: Delivered) -> DisplayReceipt:
    times = delivered.times
    return DisplayReceipt(
        sent_ns=sent_ns,
        broadcast_ns=min(delivered.broadcast_ns, times.received_ns),
        received_ns=times.received_ns,
        dom_updated_ns=times.dom_updated_ns,
        painted_ns=times.painted_ns,
        display="browser",
    )
