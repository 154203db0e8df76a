"""The command `latency-kit` with all its commands: each module adds its own to `main`."""

from latency_kit.cli import (
    baseline,
    budget_commands,
    comparing,
    export,
    gate,
    profile,
    report,
    watch,
)
from latency_kit.cli.command_line import EXIT_USAGE, main

__all__ = [
    "EXIT_USAGE",
    "baseline",
    "budget_commands",
    "comparing",
    "export",
    "gate",
    "main",
    "profile",
    "report",
    "watch",
]
