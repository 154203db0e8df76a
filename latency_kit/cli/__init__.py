"""The command line of latency_kit. Needs the extra `cli`; nothing else in the package imports it."""

from latency_kit.cli.main import main

__all__ = ["main"]
