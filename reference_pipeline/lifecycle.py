"""What every kind of run has: its telemetry, its signals, and the account of what kept its event loop."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

import latency_kit
from latency_kit.budget import BudgetPolicy
from latency_kit.session import blocking_calls_of
from reference_pipeline.settings import Settings

__all__ = ["blocking_calls", "configure_telemetry", "on_signals"]


def configure_telemetry(settings: Settings, policy: BudgetPolicy) -> latency_kit.Telemetry:
    """Begin to record, as the settings say."""
    return latency_kit.configure(
        service_name="reference-pipeline",
        budgets=policy,
        jsonl=settings.jsonl,
        session=settings.session,
        end_to_end="turn.end_to_end",
        spans=True,
        endpoint=settings.endpoint,
        protocol=settings.protocol,
        in_flight=settings.serve,  # the page lists what is under way
    )


def blocking_calls() -> dict[str, int]:
    """Return what kept the event loop, without the place where it waits: seen there, it was not scheduled."""
    found = blocking_calls_of(latency_kit.recent_pauses())
    return {where: held_ns for where, held_ns in found.items() if not where.startswith("selectors.")}


@contextlib.contextmanager
def on_signals(*called: Callable[[], None]) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the run in order: the report still comes."""
    loop = asyncio.get_running_loop()
    taken = []

    def stop() -> None:
        for function in called:
            function()

    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows has no such hook, and only the main thread may take signals.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop)
            taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
