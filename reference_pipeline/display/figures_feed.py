"""Sends the live figures to whoever watches, about once a second, and nothing where nobody does."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import latency_kit
from latency_kit.budget import evaluate
from reference_pipeline.display.live_figures import live_figures
from reference_pipeline.display.sessions import Sessions
from reference_pipeline.display.wire import figures_frame

__all__ = ["FIGURES_EVERY_S", "feed_figures", "figures_of"]

FIGURES_EVERY_S = 1.0
"""Seconds between two frames: as often as somebody can read them."""

_SHARE = 0.02
"""Of one core that reading the figures may take; with very many series they come less often instead."""

_log = logging.getLogger(__name__)


def figures_of(telemetry: latency_kit.Telemetry) -> str:
    """Return the frame of the process's figures as they stand now."""
    series = telemetry.snapshot()
    return figures_frame(
        live_figures(
            series=series,
            evaluations=evaluate(telemetry.policy, series),
            objectives=telemetry.objectives(),
            in_flight=latency_kit.in_flight(),
        )
    )


@contextlib.asynccontextmanager
async def feed_figures(
    sessions: Sessions, telemetry: latency_kit.Telemetry, *, every_s: float = FIGURES_EVERY_S
) -> AsyncIterator[None]:
    """Feed the viewers of all `sessions` while the block runs."""
    feeding = asyncio.create_task(_feed(sessions, telemetry, every_s), name="live figures")
    try:
        yield
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)


async def _feed(sessions: Sessions, telemetry: latency_kit.Telemetry, every_s: float) -> None:
    rest_s = every_s
    while True:
        await asyncio.sleep(rest_s)
        watched = sessions.watched()
        if not watched:
            continue
        began_ns = latency_kit.now_ns()
        try:
            # On a thread: a first token that comes meanwhile must not wait for it.
            frame = await asyncio.to_thread(figures_of, telemetry)
        except Exception:  # noqa: BLE001  # as the next line says
            # Figures are there to look at; what they cannot tell must not end the talk.
            _log.exception("the live figures cannot be read; the page goes without them")
            return
        took_s = (latency_kit.now_ns() - began_ns) / 1e9
        rest_s = max(every_s, took_s / _SHARE)
        for channel in watched:
            channel.show_figures(frame)
