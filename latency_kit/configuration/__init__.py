"""Configuration: `configure()` and the `Telemetry` handle, the only global state of the package."""

from latency_kit.configuration.configure import configure
from latency_kit.configuration.telemetry import Telemetry

__all__ = ["Telemetry", "configure"]
