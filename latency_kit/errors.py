"""The exceptions of latency_kit. Nothing else lives here, and this module imports nothing of the package.

After configuration no telemetry failure is raised into the measured code; what is raised is misuse at
construction, unreadable input files, and strict budgets.
"""

__all__ = [
    "BudgetExceededError",
    "ConfigurationError",
    "CorruptDataError",
    "DeadlineExceededError",
    "LatencyKitError",
    "MissingExtraError",
    "NoDataError",
    "NoDeadlineError",
    "PolicyError",
    "UsageError",
]


class LatencyKitError(Exception):
    """Base of everything that latency_kit raises on purpose."""


class UsageError(LatencyKitError, ValueError):
    """A call was given something it cannot take; the message says what was given and what was expected."""


class ConfigurationError(LatencyKitError, ValueError):
    """The configuration (arguments or `OTEL_*` variables) cannot be used; the message names the setting."""


class NoDataError(LatencyKitError, LookupError):
    """A figure was asked of a histogram or window that holds no values."""


class PolicyError(LatencyKitError, ValueError):
    """A budget policy file has mistakes.

    Attributes:
        mistakes: Every mistake in the file, each beginning with the key that it is about.
    """

    def __init__(self, source: str, mistakes: list[str]) -> None:
        self.source = source
        self.mistakes = tuple(mistakes)
        listed = "".join(f"\n  {mistake}" for mistake in mistakes)
        plural = "mistake" if len(mistakes) == 1 else "mistakes"
        super().__init__(f"{source}: {len(mistakes)} {plural} in the budget policy{listed}")


class CorruptDataError(LatencyKitError, ValueError):
    """Stored data (an encoded histogram, a log, a session file) cannot be read as what it claims to be."""


class MissingExtraError(LatencyKitError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(f"{package} is not installed; install it with: pip install 'latency-kit[{extra}]'")


class BudgetExceededError(LatencyKitError):
    """A call took longer than a strict latency budget allows.

    Attributes:
        budget: The budget's dotted path in the policy.
        duration_ns: How long the call took.
        limit_ns: What the budget allows.
    """

    def __init__(self, message: str, *, budget: str, duration_ns: int, limit_ns: int) -> None:
        self.budget = budget
        self.duration_ns = duration_ns
        self.limit_ns = limit_ns
        super().__init__(message)


class DeadlineExceededError(LatencyKitError, TimeoutError):
    """A deadline has passed: a strict one, one that was asked about, or one that cancelled its block.

    Attributes:
        deadline: The deadline's name.
        overrun_ns: How long ago it had passed, in nanoseconds.
    """

    def __init__(self, deadline: str, overrun_ns: int) -> None:
        self.deadline = deadline
        self.overrun_ns = overrun_ns
        super().__init__(f"the deadline {deadline!r} passed {overrun_ns / 1e6:.3f} ms ago")

    def __reduce__(self) -> tuple[type["DeadlineExceededError"], tuple[str, int]]:
        return type(self), (self.deadline, self.overrun_ns)


class NoDeadlineError(LatencyKitError, LookupError):
    """What remains was asked where no deadline is set."""
