"""What windows hold, as JSON data and back, so that a restart does not forget it. Files: `window_file`.

Interval numbers count from the epoch of the clock that the windows were told. That clock is a wall stamp
plus monotonic time, so it may have run apart from the wall clock (a suspended machine, a clock that was
set); on the way back everything is moved by as much, in whole intervals.
"""

import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final

from latency_kit.budget.budget_tracking import BudgetTracker
from latency_kit.budget.count_window import CountWindow
from latency_kit.budget.histogram_window import HistogramWindow, KeptInterval
from latency_kit.budget.objective_tracking import ObjectiveTracker
from latency_kit.errors import CorruptDataError, UsageError

__all__ = ["STATE_VERSION", "restore_state", "state_of"]

STATE_VERSION: Final = 1

_FORMAT: Final = "latency_kit windows"

Tracker = ObjectiveTracker | BudgetTracker


def state_of(trackers: Mapping[str, Tracker], *, now_ns: int, wall_unix_nano: int) -> dict[str, Any]:
    """Return all that the trackers hold as JSON data, by their keys."""
    return {
        "format": _FORMAT,
        "version": STATE_VERSION,
        "windows_unix_nano": now_ns,
        "wall_unix_nano": wall_unix_nano,
        "subjects": {key: _subject_state(tracker) for key, tracker in trackers.items()},
    }


def restore_state(state: object, trackers: Mapping[str, Tracker], *, now_ns: int) -> int:
    """Give empty trackers back what `state_of` had of them; return how many subjects had nothing for them.

    What is judged otherwise now (another series, limit or rule) begins anew, and so does a window of
    another length.

    Raises:
        CorruptDataError: The data are not what `state_of` returns; some trackers may have been filled.
    """
    try:
        if not isinstance(state, dict) or state["format"] != _FORMAT:
            raise CorruptDataError(f"not the state of windows: it does not say {_FORMAT!r}")
        if state["version"] != STATE_VERSION:
            raise CorruptDataError(f"version {state['version']!r} of the state, expected {STATE_VERSION}")
        # A wall clock that was set back must not put the past into the future.
        moved_ns = min(int(state["wall_unix_nano"]), now_ns) - int(state["windows_unix_nano"])
        unknown = 0
        for key, subject in state["subjects"].items():
            tracker = trackers.get(key)
            if tracker is None or subject["judges"] != _judges(tracker):
                unknown += 1
            else:
                _restore_subject(tracker, subject, moved_ns, now_ns)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, UsageError) as error:
        raise CorruptDataError(f"the state of windows cannot be read: {error!r}") from error
    return unknown


def _subject_state(tracker: Tracker) -> dict[str, Any]:
    state: dict[str, Any] = {
        "judges": _judges(tracker),
        "counts": {
            str(length): list(window.intervals()) for length, window in tracker.counts.windows.items()
        },
        "firing": tracker.firing_since(),
    }
    if isinstance(tracker, BudgetTracker):
        state["durations"] = {
            name: [_kept_data(index, kept) for index, kept in window.intervals()]
            for name, window in tracker.durations.items()
        }
    return state


def _judges(tracker: Tracker) -> list[Any]:
    counts = tracker.counts
    return [*tracker.series, counts.limit_ns, counts.failed_are_bad]


def _kept_data(index: int, kept: KeptInterval) -> list[Any]:
    encoded = binascii.b2a_base64(kept.encoded, newline=False).decode("ascii")
    return [index, encoded, kept.sum_ns, kept.min_ns, kept.max_ns]


def _restore_subject(tracker: Tracker, subject: Mapping[str, Any], moved_ns: int, now_ns: int) -> None:
    for length, window in tracker.counts.windows.items():
        _restore_counts(window, subject["counts"].get(str(length), ()), moved_ns)
    if isinstance(tracker, BudgetTracker):
        for name, histograms in tracker.durations.items():
            _restore_durations(histograms, subject["durations"].get(name, ()), moved_ns)
    tracker.restore_firing(
        {str(name): min(int(since_ns) + moved_ns, now_ns) for name, since_ns in subject["firing"].items()}
    )


def _restore_counts(window: CountWindow, intervals: Sequence[Sequence[int]], moved_ns: int) -> None:
    moved = moved_ns // window.interval_ns
    for index, events, bad in intervals:
        if not 0 <= bad <= events:
            raise CorruptDataError(f"an interval of {events} events, {bad} of them bad")
        window.add((int(index) + moved) * window.interval_ns, int(events), int(bad))


def _restore_durations(window: HistogramWindow, intervals: Sequence[Sequence[Any]], moved_ns: int) -> None:
    moved = moved_ns // window.interval_ns
    for index, encoded, sum_ns, min_ns, max_ns in intervals:
        kept = KeptInterval(
            encoded=binascii.a2b_base64(encoded, strict_mode=True),
            sum_ns=sum_ns,
            min_ns=min_ns,
            max_ns=max_ns,
        )
        window.restore(int(index) + moved, kept)
