"""A session's channel: the messages shown so far, who is watching, and which paints are waited for.

Everything here runs on the event loop; nothing here knows of sockets (viewers bring a way to send).
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import latency_kit
from reference_pipeline.display.clock_sync import Exchange
from reference_pipeline.display.deliveries import Delivery
from reference_pipeline.display.history import History, Kept
from reference_pipeline.display.paint_times import PagePaint, to_our_clock
from reference_pipeline.display.viewer_queue import Frame, QueueCounts
from reference_pipeline.display.viewers import QUEUE_BOUND, SEND_BOUND_S, TOO_SLOW, Farewell, Viewer
from reference_pipeline.display.wire import (
    MalformedMessageError,
    PagePong,
    PageVisibility,
    hello_frame,
    message_body,
    messages_frame,
    parse_page_message,
)
from reference_pipeline.events import DisplayMessage, MessageKind

__all__ = ["VIEWERS", "WITNESSES", "Channel", "ChannelCounts"]

VIEWERS = 64
"""Viewers of one channel at a time; more are refused with code 1013."""

WITNESSES = 3
"""Viewers that are asked when they have painted a message. The first paint counts, so that the reports of
all others would only cost time; more than one, since one may be slow, covered by a window, or gone."""

_INTERIM = "interim"
_FIGURES = "figures"


@dataclass(slots=True, kw_only=True)
class ChannelCounts:
    """What happened on a channel, for reports; it only grows.

    Attributes:
        queues: What viewers' queues merged and dropped.
        paints: Messages whose paint a visible viewer reported first.
        clamped: Of those, how many had a corrected time moved to fit cause and effect.
        hidden: Reports by hidden viewers, which are not paints.
        behind: Viewers that had not been written to when another had already painted, over all messages.
        dropped_viewers: Viewers sent away because they fell behind.
        refused_viewers: Viewers turned away because the channel was full.
        malformed: Messages by pages that made no sense.
    """

    queues: QueueCounts = field(default_factory=QueueCounts)
    paints: int = 0
    clamped: int = 0
    hidden: int = 0
    behind: int = 0
    dropped_viewers: int = 0
    refused_viewers: int = 0
    malformed: int = 0


class Channel:
    """One session as its viewers see it.

    * Sequence numbers grow by one from 1; a viewer gets each message once, in order.
    * Interim text is not kept: it means nothing later.
    * A viewer that returns with the last number it has gets what came since; one that comes from another
      channel (the assistant was started anew) is told to forget first.
    """

    def __init__(
        self,
        session: str,
        *,
        history: History | None = None,
        viewers: int = VIEWERS,
        queue_bound: int = QUEUE_BOUND,
        send_bound_s: float = SEND_BOUND_S,
    ) -> None:
        self.session = session
        self.identity = secrets.token_hex(8)
        self.counts = ChannelCounts()
        self._history = History() if history is None else history
        self._last_seq = 0
        self._viewers: dict[int, Viewer] = {}
        self._viewers_bound = viewers
        self._viewers_seen = 0
        self._viewer_options = (queue_bound, send_bound_s)
        self._awaited: dict[int, Delivery] = {}
        self._figures: Frame | None = None
        self._ended = False

    @property
    def viewers(self) -> int:
        """How many are watching now."""
        return len(self._viewers)

    @property
    def visible_viewers(self) -> int:
        """How many of them have the page in sight."""
        return sum(not viewer.hidden for viewer in self._viewers.values())

    def publish(self, message: DisplayMessage, *, sent_ns: int) -> Delivery:
        """Queue a message for every viewer and keep it; `settle` the delivery when done with it.

        Raises:
            PipelineError: The message's data is not JSON.
        """
        seq = self._last_seq + 1
        body = message_body(message, seq=seq, sent_ns=sent_ns)
        self._last_seq = seq
        if message.kind is not MessageKind.INTERIM:
            self._history.keep(Kept(seq=seq, turn=message.turn, body=body))
        delivery = Delivery(seq, sent_ns)
        self._awaited[seq] = delivery
        supersedes = _INTERIM if message.kind is MessageKind.INTERIM else ""
        asked, told = (
            Frame(
                text=messages_frame([body], awaited=awaited, replay=False),
                bodies=(body,),
                awaited=awaited,
                deliveries=(delivery,),
                supersedes=supersedes,
            )
            for awaited in ((seq,), ())
        )
        witnesses = self._witnesses()
        for viewer in list(self._viewers.values()):
            witness = viewer.number in witnesses
            if viewer.offer(asked if witness else told):
                delivery.addressed(viewer.number, visible=witness and not viewer.hidden)
            else:
                self.leave(viewer)
        delivery.give_up_if_hopeless()
        return delivery

    def show_figures(self, figures: str) -> None:
        """Show the latest figures, a frame neither numbered nor awaited; late viewers get it too."""
        self._figures = Frame(text=figures, supersedes=_FIGURES)
        for viewer in list(self._viewers.values()):
            if not viewer.offer(self._figures):
                self.leave(viewer)

    def settle(self, delivery: Delivery) -> None:
        """Stop following a delivery."""
        self._awaited.pop(delivery.seq, None)

    def join(self, send: Callable[[str], Awaitable[None]], *, after: int, identity: str) -> Viewer | None:
        """Let a viewer in who has everything up to `after` of the channel `identity`; None where it is full.

        What the viewer lacks is already queued when this returns, so nothing falls between.
        """
        if self._ended or len(self._viewers) >= self._viewers_bound:
            self.counts.refused_viewers += 1
            return None
        self._viewers_seen += 1
        queue_bound, send_bound_s = self._viewer_options
        viewer = Viewer(
            self._viewers_seen,
            send,
            queue_bound=queue_bound,
            send_bound_s=send_bound_s,
            counts=self.counts.queues,
        )
        resumes = identity == self.identity and 0 < after <= self._last_seq
        has_through = after if resumes else 0
        viewer.offer(
            Frame(
                text=hello_frame(
                    session=self.session,
                    channel=self.identity,
                    reset=not resumes,
                    lost=self._history.forgotten_through > has_through,
                )
            )
        )
        lacking = self._history.since(has_through)
        if lacking:
            awaited = tuple(self._awaited[kept.seq] for kept in lacking if kept.seq in self._awaited)
            for delivery in awaited:
                delivery.addressed(viewer.number, visible=True)
            text = messages_frame(
                (kept.body for kept in lacking),
                awaited=(delivery.seq for delivery in awaited),
                replay=True,
            )
            viewer.offer(Frame(text=text, deliveries=awaited))
        if self._figures is not None:
            viewer.offer(self._figures)
        self._viewers[viewer.number] = viewer
        return viewer

    def _witnesses(self) -> set[int]:
        # Pages in sight first (hidden ones say that they are, and are counted apart), of these who keeps up,
        # then who has been here longest.
        seen = sorted(self._viewers.values(), key=lambda viewer: (viewer.hidden, viewer.waiting))
        return {viewer.number for viewer in seen[:WITNESSES]}

    def leave(self, viewer: Viewer) -> None:
        """Let a viewer go; idempotent."""
        if self._viewers.pop(viewer.number, None) is None:
            return
        if viewer.farewell is TOO_SLOW:
            self.counts.dropped_viewers += 1
        for delivery in list(self._awaited.values()):
            delivery.gone(viewer.number)

    def take(self, viewer: Viewer, text: str, *, arrived_ns: int | None = None) -> None:
        """Take what a viewer's page said; what makes no sense is counted and ignored."""
        arrived = latency_kit.now_ns() if arrived_ns is None else arrived_ns
        try:
            said = parse_page_message(text)
        except MalformedMessageError:
            self.counts.malformed += 1
            return
        if isinstance(said, PagePong):
            if not viewer.ponged(said, arrived_ns=arrived):
                self.counts.malformed += 1
        elif isinstance(said, PageVisibility):
            self._see(viewer, hidden=said.hidden)
        else:
            for paint in said:
                self._painted(viewer, paint, arrived)

    def end(self) -> None:
        """Send every viewer away, and let no other in; idempotent."""
        self._ended = True
        for viewer in list(self._viewers.values()):
            viewer.send_away(Farewell(code=1001, reason="the session has ended"))
            self.leave(viewer)

    def _see(self, viewer: Viewer, *, hidden: bool) -> None:
        viewer.hidden = hidden
        if hidden:
            for delivery in list(self._awaited.values()):
                delivery.not_visible(viewer.number)

    def _painted(self, viewer: Viewer, paint: PagePaint, arrived_ns: int) -> None:
        if paint.hidden:
            self.counts.hidden += 1
            self._see(viewer, hidden=True)
            return
        viewer.hidden = False
        delivery = self._awaited.get(paint.seq)
        if delivery is None or delivery.decided:
            return
        sending_ns = delivery.sending_ns(viewer.number)
        # The report is an exchange too: it sharpens what the pings have told, or stands in for them.
        viewer.clock.add(
            Exchange(
                sent_ns=sending_ns,
                page_received_ns=paint.received_ns,
                page_sent_ns=paint.replied_ns,
                received_ns=arrived_ns,
            )
        )
        estimate = viewer.clock.estimate(arrived_ns)
        if estimate is None:
            self.counts.malformed += 1
            return
        times = to_our_clock(
            paint, offset_ns=estimate.offset_ns, sending_ns=sending_ns, arrived_ns=arrived_ns
        )
        self.counts.paints += 1
        self.counts.clamped += times.clamped
        delivery.painted(viewer.number, times)
        self.counts.behind += delivery.behind
