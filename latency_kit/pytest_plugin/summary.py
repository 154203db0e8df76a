"""The table at the end of a run, and the same as data. Pure: neither pytest nor a terminal is known here."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from latency_kit.pytest_plugin.result import SHOWN_PERCENTILES, LatencyResult
from latency_kit.report.wording import ms_figure

__all__ = ["results_to_json_data", "summary_lines"]

_HEADINGS = ("test", "samples", "p50", "p95", "p99", "p99.9", "max", "budget", "verdict")


def summary_lines(results: Sequence[LatencyResult], *, workers: int = 1) -> Iterator[str]:
    """Yield the table of all measurements, and remarks on what its figures may hide.

    Args:
        results: The measurements, in the order to show.
        workers: How many processes measured at the same time.
    """
    rows = [_HEADINGS, *(_row(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for row in rows:
        name = row[0].ljust(widths[0])
        figures = [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)]
        yield "  ".join([name, *figures, row[-1]]).rstrip()
    dependent = [result.title for result in results if result.is_dependent]
    if dependent:
        yield (
            "slow samples follow slow ones, so that these intervals are too narrow and verdicts less sure: "
            f"{', '.join(dependent)}"
        )
    if workers > 1:
        yield (
            f"{workers} processes measured at the same time and disturbed each other; "
            "figures to keep come from a run without -n"
        )


def results_to_json_data(results: Iterable[LatencyResult]) -> list[dict[str, Any]]:
    """Return the measurements for `--latency-json`, durations in milliseconds."""
    return [_as_data(result) for result in results]


def _row(result: LatencyResult) -> tuple[str, ...]:
    limit = result.judgement.limit
    # A percentile that only the greatest sample reaches is that sample, not a figure of its own.
    percentiles = (
        ms_figure(result.value_ns(percentile)) if _is_telling(result, percentile) else "-"
        for percentile in SHOWN_PERCENTILES
    )
    budget = "-" if limit is None else f"p{limit.percentile:g} {ms_figure(limit.limit_ns)}"
    return (
        result.title,
        str(result.histogram.count),
        *percentiles,
        ms_figure(result.histogram.max_ns),
        budget,
        result.verdict or "-",
    )


def _is_telling(result: LatencyResult, percentile: float) -> bool:
    return result.histogram.count * (100 - percentile) >= 100 - 1e-9  # at least one sample beyond


def _as_data(result: LatencyResult) -> dict[str, Any]:
    histogram, interval, limit = result.histogram, result.judgement.interval, result.judgement.limit
    data: dict[str, Any] = {
        "test": result.node,
        "part": result.part,
        "samples": histogram.count,
        "min_ms": histogram.min_ns / 1e6,
        "mean_ms": histogram.mean_ns / 1e6,
        "percentiles_ms": {f"{one:g}": result.value_ns(one) / 1e6 for one in SHOWN_PERCENTILES},
        "max_ms": histogram.max_ns / 1e6,
        "interval": {
            "percentile": interval.percentile,
            "confidence": interval.confidence,
            "samples": interval.count,
            "estimate_ms": interval.estimate_ns / 1e6,
        },
        "samples_depend_on_each_other": result.is_dependent,
    }
    for name, bound_ns in (("lower_ms", interval.lower_ns), ("upper_ms", interval.upper_ns)):
        if bound_ns is not None:
            data["interval"][name] = bound_ns / 1e6
    if result.rate is not None:
        data["rate"] = result.rate
    if limit is not None:
        data["budget"] = {"limit_ms": limit.limit_ns / 1e6, "percentile": limit.percentile}
        if limit.budget:
            data["budget"]["name"] = limit.budget
        data["verdict"] = result.verdict
    return data
