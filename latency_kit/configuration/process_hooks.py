"""What a fork and the end of a process mean for a telemetry. SIGTERM is in `termination`.

Nothing here keeps a telemetry alive, and nothing raises into the program.
"""

import atexit
import contextlib
import os
import sys
import threading
import weakref
from typing import Any, Protocol

__all__ = ["EXIT_TIMEOUT_S", "HELD_FOR_FORK_S", "FollowsProcess", "follow_process"]

EXIT_TIMEOUT_S = 2.0
"""How long the end of a process may be held up, in seconds."""

HELD_FOR_FORK_S = 0.25
"""How long `fork()` waits for readers and drains to come to a point between two steps, in seconds."""

_BEFORE_TEMPORARY_FILES_GO = -50
"""Priority of our finalizer in multiprocessing: its queues are emptied at -5, its directory goes at -100."""


class FollowsProcess(Protocol):
    """What a telemetry does when its process forks or ends."""

    def shutdown(self, timeout_s: float = ...) -> bool:
        """Write and send everything, and stop; idempotent."""
        ...

    def hold_for_fork(self, timeout_s: float) -> None:
        """Let nothing be half done until the fork is over."""
        ...

    def let_go_after_fork(self) -> None:
        """Go on in the parent."""
        ...

    def renew_after_fork(self) -> None:
        """Begin anew in the child."""
        ...


def follow_process(telemetry: FollowsProcess) -> None:
    """Have `telemetry` shut down at the end of this process, and of every child that is forked from it.

    A child of `multiprocessing` that was forked, or that a fork server made, ends without the interpreter's
    exit handlers (before Python 3.13): there a finalizer of `multiprocessing` does it.
    """
    follower = _Follower(telemetry)
    atexit.register(follower.end)
    follower.meet_multiprocessing()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=follower.before_fork,
            after_in_parent=follower.after_fork_in_parent,
            after_in_child=follower.after_fork_in_child,
        )


class _Follower:
    __slots__ = ("__weakref__", "_has_met_multiprocessing", "_telemetry")

    def __init__(self, telemetry: FollowsProcess) -> None:
        self._telemetry = weakref.ref(telemetry)
        self._has_met_multiprocessing = False

    def end(self) -> None:
        telemetry = self._telemetry()
        if telemetry is not None:
            telemetry.shutdown(timeout_s=EXIT_TIMEOUT_S)

    def before_fork(self) -> None:
        telemetry = self._telemetry()
        if telemetry is not None:
            # Whoever forks through multiprocessing has imported it by now.
            self.meet_multiprocessing()
            with contextlib.suppress(Exception):
                telemetry.hold_for_fork(HELD_FOR_FORK_S)

    def after_fork_in_parent(self) -> None:
        telemetry = self._telemetry()
        if telemetry is not None:
            with contextlib.suppress(Exception):
                telemetry.let_go_after_fork()

    def after_fork_in_child(self) -> None:
        telemetry = self._telemetry()
        if telemetry is not None:
            with contextlib.suppress(Exception):
                telemetry.renew_after_fork()

    def meet_multiprocessing(self) -> None:
        """Ask `multiprocessing`, where the program uses it, to call us at the end of its children."""
        util: Any = sys.modules.get("multiprocessing.util")
        if self._has_met_multiprocessing or not hasattr(util, "register_after_fork"):
            return
        self._has_met_multiprocessing = True
        # A child forgets the finalizers of its parent, then calls what was registered for after the fork.
        util.register_after_fork(self, _Follower.end_with_child)
        if sys.modules["multiprocessing"].parent_process() is not None:
            self.end_with_child()

    def end_with_child(self) -> None:
        util: Any = sys.modules["multiprocessing.util"]
        util.Finalize(None, self._end_of_child, exitpriority=_BEFORE_TEMPORARY_FILES_GO)

    def _end_of_child(self) -> None:
        """End, but not before the threads that the child is going to wait for have ended."""
        if any(_is_waited_for(thread) for thread in threading.enumerate()):
            threading.Thread(target=self._end_after_threads, name="latency_kit-end").start()
        else:
            self.end()

    def _end_after_threads(self) -> None:
        while others := [thread for thread in threading.enumerate() if _is_waited_for(thread)]:
            for thread in others:
                thread.join()
        self.end()


def _is_waited_for(thread: threading.Thread) -> bool:
    return not thread.daemon and thread not in {threading.main_thread(), threading.current_thread()}
