"""The bars that a load is held to, and the table that says which are met, from latency_kit's histograms."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from accounting import UtteranceOutcome
from seen import Seen

from latency_kit.histogram import Histogram, HistogramSnapshot

NEVER_NS = 60_000_000_000
"""What never came is recorded as this, above every bar."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One row of the table.

    Attributes:
        limits_ms: The most allowed, by percentile.
        missing: Of the values, how many stand for what never came.
    """

    name: str
    values: HistogramSnapshot
    limits_ms: Mapping[int, float]
    missing: int = 0

    @property
    def verdict(self) -> str:
        """MET, BREACHED, NO_DATA, or nothing where the row is told without a bar."""
        if not self.limits_ms:
            return ""
        if self.values.count == 0:
            return "NO_DATA"
        met = all(self.at_ms(percentile) <= limit for percentile, limit in self.limits_ms.items())
        return "MET" if met else "BREACHED"

    def at_ms(self, percentile: float) -> float:
        """Return a percentile in milliseconds."""
        return min(self.values.value_at_percentile(percentile), self.values.max_ns) / 1e6


@dataclass(frozen=True, kw_only=True)
class ShareBar:
    """A row that counts instead of timing."""

    name: str
    count: int
    of: int
    limit: float | None

    @property
    def verdict(self) -> str:
        """MET, BREACHED, NO_DATA, or nothing where the row is told without a bar."""
        if self.limit is None:
            return ""
        return "NO_DATA" if self.of == 0 else "MET" if self.count <= self.limit * self.of else "BREACHED"


def recorded(values_ns: Iterable[int | None]) -> tuple[HistogramSnapshot, int]:
    """Return the histogram of the values, absent ones as `NEVER_NS`, and how many are absent."""
    histogram, missing = Histogram(), 0
    for value_ns in values_ns:
        missing += value_ns is None
        histogram.record(NEVER_NS if value_ns is None else max(1, value_ns))
    return histogram.snapshot(), missing


def bars_of(
    outcomes: Sequence[UtteranceOutcome],
    shown: Sequence[Seen],
    *,
    limits: Mapping[str, Mapping[int, float]],
    most_cuts: float | None = None,
) -> list[Bar | ShareBar]:
    """Return the rows of a load: all utterances, or all questions, in each denominator."""
    asked = [one for one in outcomes if one.question]

    def row(
        name: str, of: Sequence[UtteranceOutcome], value: Callable[[UtteranceOutcome], int | None]
    ) -> Bar:
        values, missing = recorded(map(value, of))
        return Bar(name=name, values=values, limits_ms=limits.get(name, {}), missing=missing)

    rows: list[Bar | ShareBar] = [
        row("endpoint decision", outcomes, lambda one: one.endpoint),
        ShareBar(
            name="false cuts", count=sum(one.cut for one in outcomes), of=len(outcomes), limit=most_cuts
        ),
        row("final transcript", outcomes, lambda one: one.transcript),
        row("first answer text painted", asked, lambda one: one.first_text),
        row("  of it without drafts", asked, lambda one: one.first_answer),
        row("whole answer painted", asked, lambda one: one.whole_answer),
    ]
    tokens = [one.first_model_token for one in asked if one.first_model_token is not None]
    if tokens:
        values, _ = recorded(tokens)
        rows.append(Bar(name="first model token arrived", values=values, limits_ms={}))
    sent = [one.painted_ns - one.sent_ns for one in shown]
    values, _ = recorded(sent)
    limit = limits.get("WebSocket send to paint", {})
    rows.append(Bar(name="WebSocket send to paint", values=values, limits_ms=limit))
    statements = [one for one in outcomes if not one.question]
    rows.append(
        ShareBar(
            name="statements answered",
            count=sum(one.first_text is not None for one in statements),
            of=len(statements),
            limit=None,
        )
    )
    rows.append(
        ShareBar(
            name="questions without a whole answer",
            count=sum(one.whole_answer is None for one in asked),
            of=len(asked),
            limit=None,
        )
    )
    rows.append(
        ShareBar(
            name="answers shortened to be in time",
            count=sum(one.shortened for one in asked),
            of=len(asked),
            limit=None,
        )
    )
    return rows


def refusals_of(
    refused: Iterable[tuple[str, int | None]], *, limits: Mapping[str, Mapping[int, float]]
) -> list[Bar | ShareBar]:
    """Return the rows of the speakers who were not let in: each with its reason, and how long it waited."""
    told = list(refused)
    values, missing = recorded(after_ns for _, after_ns in told)
    name = "refusal of a speaker"
    return [
        Bar(name=name, values=values, limits_ms=limits.get(name, {}), missing=missing),
        ShareBar(
            name="refused without a reason",
            count=sum(not reason for reason, _ in told),
            of=len(told),
            limit=0.0,
        ),
    ]


def all_met(rows: Iterable[Bar | ShareBar]) -> bool:
    """Tell whether no row is breached or without data."""
    return not any(row.verdict in {"BREACHED", "NO_DATA"} for row in rows)


def table(rows: Iterable[Bar | ShareBar]) -> str:
    """Return the rows as lines of text."""
    lines = [f"{'':34}{'n':>6} {'never':>6} {'p50':>9} {'p95':>9} {'p99':>9}  {'bar':32}verdict"]
    for row in rows:
        if isinstance(row, ShareBar):
            share = f"{100 * row.count / row.of:.1f} %" if row.of else "-"
            bar = "" if row.limit is None else f"<= {100 * row.limit:g} %"
            lines.append(
                f"{row.name:34}{row.of:6} {'':6} {row.count:9} {share:>9} {'':9}  {bar:32}{row.verdict}"
            )
            continue
        bar = ", ".join(f"p{percentile} <= {limit:g} ms" for percentile, limit in row.limits_ms.items())
        if row.values.count:
            figures = " ".join(f"{row.at_ms(percentile):9.1f}" for percentile in (50, 95, 99))
        else:
            figures = f"{'-':>9} {'-':>9} {'-':>9}"
        missing = row.missing or ""
        lines.append(f"{row.name:34}{row.values.count:6} {missing:>6} {figures}  {bar:32}{row.verdict}")
    return "\n".join(lines)
