"""What alerts say: the data of one notice. When they are given and where they go lives elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from latency_kit.units import NS_PER_S

__all__ = ["AlertNotice", "NoticeKind", "instant_text"]


class NoticeKind(StrEnum):
    """What became of an alert."""

    FIRED = "fired"
    """It began: what it watches for came true."""

    RECOVERED = "recovered"
    """It ended: what it watches for is true no more, as calls have shown."""

    NO_DATA = "no_data"
    """It ended because there are too few calls to judge by; that is no recovery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertNotice:
    """An alert that began or ended. Between the two it is silent, however long that takes.

    Attributes:
        kind: Whether it began, recovered, or has lost what it is judged by.
        subject: "objective" or "budget".
        name: Name of the objective, or dotted path of the budget.
        alert: Name of the burn-rate alert; "breach" where the error budget or the budget itself is breached.
        severity: For routing.
        measures: The series that is judged, `component.operation`.
        at_unix_nano: When, as a wall stamp.
        since_unix_nano: When this alert began; the same as `at_unix_nano` where it fired.
        message: All of it in one sentence.
        owner: Who answers for it; may be empty.
        figures: What it was judged by, such as burn rates by window.
        trace_id: Of the latest bad call, where it has a trace.
        span_id: Of that call.
    """

    kind: NoticeKind
    subject: str
    name: str
    alert: str
    severity: str
    measures: str
    at_unix_nano: int
    since_unix_nano: int
    message: str
    owner: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    trace_id: int | None = None
    span_id: int | None = None

    @property
    def key(self) -> str:
        """The same for the notices of one alert of one subject: by it a receiver pairs begin and end."""
        return f"{self.subject}/{self.name}/{self.alert}"

    def as_data(self) -> dict[str, Any]:
        """Return the notice as JSON data; a trace that is not there is absent."""
        data: dict[str, Any] = {
            "key": self.key,
            "kind": self.kind.value,
            "subject": self.subject,
            "name": self.name,
            "alert": self.alert,
            "severity": self.severity,
            "measures": self.measures,
            "at": instant_text(self.at_unix_nano),
            "since": instant_text(self.since_unix_nano),
            "message": self.message,
            "owner": self.owner,
            "figures": dict(self.figures),
        }
        if self.trace_id is not None:
            data["trace_id"] = f"{self.trace_id:032x}"
        if self.span_id is not None:
            data["span_id"] = f"{self.span_id:016x}"
        return data


def instant_text(unix_nano: int) -> str:
    """Write a wall stamp as ISO 8601 in UTC with milliseconds."""
    seconds, rest_ns = divmod(unix_nano, NS_PER_S)
    date = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest_ns // 1_000_000 * 1_000)
    return date.isoformat(timespec="milliseconds").replace("+00:00", "Z")
