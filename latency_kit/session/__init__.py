"""A finished run as frozen data: series, judged budgets, turns and where their time went, environment.

Knows nothing of renderers, the command line and live telemetry.
"""

from latency_kit.session.account import TurnAccount, account
from latency_kit.session.durations import CallDurations
from latency_kit.session.environment import KEY_PACKAGES, Environment
from latency_kit.session.session import DISPLAY_FACT, Session

__all__ = [
    "DISPLAY_FACT",
    "KEY_PACKAGES",
    "CallDurations",
    "Environment",
    "Session",
    "TurnAccount",
    "account",
]
