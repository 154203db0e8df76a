"""A finished run as data: the JSON that `--json` writes, the session behind the report, the exit code."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import latency_kit
from latency_kit.budget import BudgetEvaluation, Verdict
from latency_kit.histogram import Histogram, HistogramSnapshot, encode_base64
from latency_kit.session import Environment, Session
from latency_kit.units import ns_to_ms
from reference_pipeline.events import TurnStatus
from reference_pipeline.turn import AnsweringRecord, TurnRecord
from reference_pipeline.turn_messages import cost_data, speculation_data

__all__ = ["EXIT_BREACHED", "EXIT_MET", "EXIT_USAGE", "RunResult"]

EXIT_MET = 0
EXIT_BREACHED = 1
EXIT_USAGE = 2

_PACKAGES = ("faster-whisper", "pocketsphinx", "ollama", "numpy", "onnxruntime")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run of the assistant came to.

    * Every turn is in it, whatever its status; the end-to-end figures are over all turns that asked.

    Attributes:
        title: What was run.
        records: The turns, in the order in which they were spoken.
        series: Every series that was recorded.
        evaluations: The budgets, judged.
        facts: What else a reader must know: engine, providers, display of record, source.
        losses: What telemetry lost, by kind.
        blocking_calls: The lines that kept the event loop, each with its longest pause in nanoseconds.
        session_names: The session of each record, where several were served.
        start_unix_nano: When the run began.
        end_unix_nano: When it ended.
        recorded: The run as telemetry kept it: over time, with its slowest traces; None without that.
    """

    title: str
    records: tuple[TurnRecord, ...]
    series: tuple[latency_kit.SeriesSnapshot, ...]
    evaluations: tuple[BudgetEvaluation, ...]
    facts: Mapping[str, str]
    losses: Mapping[str, int]
    start_unix_nano: int
    end_unix_nano: int
    blocking_calls: Mapping[str, int] = field(default_factory=dict)
    session_names: tuple[str, ...] = ()
    recorded: Session | None = None

    def __post_init__(self) -> None:
        if len(self.session_names) not in {0, len(self.records)}:
            raise ValueError(
                f"expected the session of each of {len(self.records)} turns, got {len(self.session_names)}"
            )

    @property
    def asked(self) -> tuple[TurnRecord, ...]:
        """The turns that count among the questions."""
        return tuple(record for record in self.records if record.asks)

    @property
    def displays(self) -> tuple[str, ...]:
        """What the turns were painted on, the most frequent first."""
        counted = Counter(record.display for record in self.records if record.display)
        return tuple(name for name, _ in counted.most_common())

    @property
    def exit_code(self) -> int:
        """0 where no budget is breached, else 1."""
        breached = any(evaluation.verdict is Verdict.BREACHED for evaluation in self.evaluations)
        return EXIT_BREACHED if breached else EXIT_MET

    def end_to_end(self) -> HistogramSnapshot:
        """Return the end-to-end durations of all turns that asked."""
        histogram = Histogram()
        histogram.record_many([record.account.end_to_end_ns for record in self.asked])
        return histogram.snapshot()

    def session(self) -> Session:
        """Return the run as the session that reports and session files are made from."""
        environment = Environment.take(packages=_PACKAGES)
        recorded = self.recorded or Session(
            title=self.title, start_unix_nano=0, end_unix_nano=0, environment=environment
        )
        return replace(
            recorded,
            title=self.title,
            start_unix_nano=self.start_unix_nano,
            end_unix_nano=self.end_unix_nano,
            environment=environment,
            series=self.series,
            evaluations=self.evaluations,
            end_to_end="turn.end_to_end",
            outcomes=self._outcomes(),
            facts={"display": ", ".join(self.displays) or "none", **self.facts},
            losses=self.losses,
            blocking_calls=self.blocking_calls,
            accounts=tuple(record.account for record in self.asked),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the run as JSON-ready data; figures that do not exist are absent."""
        return {
            "title": self.title,
            "turns": self._turns_json(),
            "end_to_end": _percentiles_json(self.end_to_end()),
            "budgets": [_budget_json(evaluation) for evaluation in self.evaluations],
            "display": ", ".join(self.displays) or "none",
            "outcomes": dict(self._outcomes()),
            "series": _series_json(self.series),
            "facts": dict(self.facts),
            "losses": dict(self.losses),
        }

    def _turns_json(self) -> list[dict[str, Any]]:
        turns = [_turn_json(record) for record in self.records]
        if not self.session_names:
            return turns
        return [{"session": name, **turn} for name, turn in zip(self.session_names, turns, strict=True)]

    def write_json(self, path: Path) -> None:
        """Write `as_json` to `path`.

        Raises:
            OSError: The file cannot be written.
        """
        path.write_text(json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def _outcomes(self) -> Mapping[str, int]:
        counted = Counter(record.status for record in self.records)
        completed = counted[TurnStatus.ANSWERED]
        return {
            "completed": completed,
            "dropped": counted[TurnStatus.DROPPED],
            "cancelled": counted[TurnStatus.CANCELLED],
            "timed out": counted[TurnStatus.TIMED_OUT],
            "failed": counted[TurnStatus.FAILED],
            "without a question": counted[TurnStatus.NO_QUESTION] + counted[TurnStatus.NO_SPEECH],
            "asked before": counted[TurnStatus.DUPLICATE],
        }


def _turn_json(record: TurnRecord) -> dict[str, Any]:
    turn: dict[str, Any] = {
        "number": record.number,
        "text": record.text,
        "question": bool(record.questions),
        "questions": list(record.questions),
        "answer": record.answer,
        "answered_by": record.answered_by,
        "answer_source": record.answer_source,
        "status": record.status.value,
        "end_to_end_ms": round(ns_to_ms(record.account.end_to_end_ns), 3),
        "stages_ms": {name: round(ns_to_ms(part), 3) for name, part in record.account.stages_ns.items()},
        "rest_ms": round(ns_to_ms(record.account.rest_ns), 3),
        "points_ms": {name: round(ns_to_ms(at), 3) for name, at in record.points_ns.items()},
        "t0_ns": record.t0_ns,
        "speech_samples": [record.first_sample, record.last_sample],
        "display": record.display,
        "trace_id": record.trace_id,
        "answering": _answering_json(record.answering),
    }
    if record.detail:
        turn["detail"] = record.detail
    return turn


def _answering_json(answering: AnsweringRecord) -> dict[str, Any]:
    """Return how the answers came about; docs/assistant.md says what the keys mean."""
    return {
        "drafted": answering.drafted,
        "cached": answering.cached,
        "cut": answering.cut,
        "shortened": answering.shortened,
        "shed": list(answering.shed),
        "speculation": speculation_data(answering),
        "cost": cost_data(answering.cost),
    }


def _series_json(series: Sequence[latency_kit.SeriesSnapshot]) -> dict[str, Any]:
    """Return the histograms over all outcomes of each operation, with the figures that a reader looks for."""
    merged: dict[str, HistogramSnapshot] = {}
    for one in series:
        known = merged.get(one.name)
        merged[one.name] = one.histogram if known is None else known + one.histogram
    return {
        name: {**_percentiles_json(durations), "histogram": encode_base64(durations)}
        for name, durations in sorted(merged.items())
    }


def _percentiles_json(durations: HistogramSnapshot) -> dict[str, Any]:
    if durations.count == 0:
        return {"count": 0}
    points: Sequence[tuple[str, float]] = (("p50_ms", 50), ("p95_ms", 95), ("p99_ms", 99))
    # The upper end of a bucket may lie beyond the longest turn, which is known exactly.
    figures = {
        name: round(ns_to_ms(min(durations.value_at_percentile(at), durations.max_ns)), 3)
        for name, at in points
    }
    return {"count": durations.count, **figures, "max_ms": round(ns_to_ms(durations.max_ns), 3)}


def _budget_json(evaluation: BudgetEvaluation) -> dict[str, Any]:
    budget = evaluation.budget
    judged: dict[str, Any] = {
        "name": evaluation.name,
        "measures": budget.measures,
        "limit_ms": ns_to_ms(budget.limit_ns),
        "percentile": budget.percentile,
        "count": evaluation.count,
        "verdict": evaluation.verdict.value,
    }
    if evaluation.is_observed:
        judged["observed_ms"] = round(evaluation.observed_ms, 3)
    return judged
