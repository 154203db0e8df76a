"""The spans of one shown message, recorded once its receipt is known: from the send to the paint."""

import latency_kit
from reference_pipeline.events import DisplayMessage, DisplayReceipt, MessageKind

__all__ = ["record_show"]

_MEASURED = frozenset({MessageKind.TRANSCRIPT, MessageKind.QUESTION, MessageKind.ANSWER})
"""Interim text comes many times a second and is superseded; terms and timings are shown beside the answer."""


def record_show(message: DisplayMessage, receipt: DisplayReceipt, *, broadcast_ns: int | None = None) -> None:
    """Record `display.show` and its parts under the span that `message.traceparent` names.

    A browser's parts are `broadcast` (send to every viewer's socket), `deliver` (to the first viewer's
    arrival), `dom_update` and `frame`; a terminal has no parts. Without a traceparent the spans begin a
    trace of their own. Messages of other kinds than transcript, question and answer are not recorded.

    Args:
        message: What was shown.
        receipt: When; its times do not decrease.
        broadcast_ns: When it had been written to every viewer, where that was after the first one had it
            (the receipt cannot say so without going backwards).
    """
    if message.kind not in _MEASURED:
        return
    parts = [("show", receipt.sent_ns, receipt.painted_ns)]
    if receipt.display == "browser":
        everywhere_ns = receipt.broadcast_ns if broadcast_ns is None else broadcast_ns
        parts += [
            ("broadcast", receipt.sent_ns, everywhere_ns),
            ("deliver", receipt.broadcast_ns, receipt.received_ns),
            ("dom_update", receipt.received_ns, receipt.dom_updated_ns),
            ("frame", receipt.dom_updated_ns, receipt.painted_ns),
        ]
    if not message.traced:
        for operation, start_ns, end_ns in parts:
            latency_kit.record("display", operation, start_ns=start_ns, end_ns=end_ns, span=False)
        return
    shown = latency_kit.begin(
        "display",
        "show",
        start_ns=receipt.sent_ns,
        attributes={"display": receipt.display, "kind": message.kind.value, "turn": message.turn},
        context=latency_kit.context_from_traceparent(message.traceparent),
    )
    for operation, start_ns, end_ns in parts[1:]:
        latency_kit.record("display", operation, start_ns=start_ns, end_ns=end_ns, context=shown.context)
    shown.end(at_ns=receipt.painted_ns)
