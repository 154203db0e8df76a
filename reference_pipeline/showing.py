"""Showing messages beside the work: in the order in which they were made, and without anybody waiting."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from reference_pipeline.events import DisplayMessage, DisplayReceipt
from reference_pipeline.ports import Display, PipelineError

__all__ = ["Showing", "end_tasks"]

_GRACE_S = 2.0
"""How long messages that nobody waits for may still be under way when a session ends."""


class Showing:
    """One session's way to its display.

    * Messages are shown in the order of the calls: each is a task of its own, and they begin in turn.
    * A display that is gone is no error of who shows something soon; who waits is told.
    """

    def __init__(self, display: Display) -> None:
        self._display = display
        self._tasks: set[asyncio.Task[Any]] = set()

    async def show(self, message: DisplayMessage) -> DisplayReceipt:
        """Show a message and wait for its paint.

        Raises:
            PipelineError: The display is gone.
        """
        return await asyncio.create_task(self._display.show(message))

    def show_soon(
        self, message: DisplayMessage, painted: Callable[[DisplayReceipt], None] | None = None
    ) -> "asyncio.Task[None]":
        """Show a message without waiting; `painted` is called with its receipt."""
        return self.keep(self._show_or_forget(message, painted))

    def keep(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Let `work` run until the end of the session at the latest."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def end(self) -> None:
        """Wait for what is under way, for a short while."""
        await end_tasks(self._tasks, _GRACE_S)

    async def _show_or_forget(
        self, message: DisplayMessage, painted: Callable[[DisplayReceipt], None] | None
    ) -> None:
        try:
            receipt = await self._display.show(message)
        except PipelineError:
            return  # the display is gone; the turn's own messages tell of it
        if painted is not None:
            painted(receipt)


async def end_tasks(tasks: "set[asyncio.Task[Any]]", timeout_s: float) -> None:
    """Wait for `tasks`; cancel those that still run after `timeout_s` seconds."""
    pending = set(tasks)
    if not pending:
        return
    _, late = await asyncio.wait(pending, timeout=timeout_s)
    for task in late:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
