"""A finished run as frozen data: series, judged budgets, turns and where their time went, environment.

Knows nothing of renderers, the command line and live telemetry.
"""

from latency_kit.session.account import TurnAccount, account
from latency_kit.session.attribution import (
    ExcessPart,
    ShareInterval,
    TailAttribution,
    attribute_tail,
    typical_and_slow,
)
from latency_kit.session.critical_path import CriticalPath, PathKind, PathSegment, critical_path, wait_words
from latency_kit.session.durations import CallDurations
from latency_kit.session.environment import KEY_PACKAGES, Environment
from latency_kit.session.kept_trace import KeptTrace
from latency_kit.session.session import DISPLAY_FACT, Session, blocking_calls_of
from latency_kit.session.span_record import (
    SpanRecord,
    records_of_measurements,
    records_of_spans,
    records_of_stored,
)
from latency_kit.session.timeline import SessionInterval, TimelineKeeper
from latency_kit.session.trace_keeper import TraceKeeper

__all__ = [
    "DISPLAY_FACT",
    "KEY_PACKAGES",
    "CallDurations",
    "CriticalPath",
    "Environment",
    "ExcessPart",
    "KeptTrace",
    "PathKind",
    "PathSegment",
    "Session",
    "SessionInterval",
    "ShareInterval",
    "SpanRecord",
    "TailAttribution",
    "TimelineKeeper",
    "TraceKeeper",
    "TurnAccount",
    "account",
    "attribute_tail",
    "blocking_calls_of",
    "critical_path",
    "records_of_measurements",
    "records_of_spans",
    "records_of_stored",
    "typical_and_slow",
    "wait_words",
]
