"""What figures show is what the session says; text in them is text; the page decides on their colours."""

import re
from xml.etree import ElementTree as ET

import pytest

from latency_kit.report import figures as drawn
from latency_kit.report.burn_figure import burn_figure
from latency_kit.report.distribution_figure import _counts, _edges, _pixels, heat_map, histogram_figure
from latency_kit.report.drawing import Axes, Ink, draw, millisecond_tick, plain
from latency_kit.report.figures import report_figures
from latency_kit.report.percentile_figure import _curve, percentile_figure
from latency_kit.report.turns_figure import turns_figure
from latency_kit.report.waterfall_figure import waterfall_figure
from latency_kit.session import Session, SessionInterval, TurnAccount
from tests.latency_kit.report.run_sessions import MS, histogram_of, trace, with_the_run

HOSTILE = '<script>alert(1)</script> $x_{1}$ "a" id="b" #010101 \x00\ud800'


def words(svg: str) -> list[str]:
    """The texts in a drawing, as an XML parser reads it."""
    drawing = ET.fromstring(svg)  # noqa: S314  # our own
    return ["".join(one.itertext()) for one in drawing.iter() if one.tag.endswith("}text")]


def test_the_percentile_curve_goes_through_the_exact_percentiles_to_the_maximum() -> None:
    """On the axis of nines p90 of 1..1000 ms stands at 1, p99 at 2, and the maximum at the end, 3."""
    nines, values = _curve(histogram_of(range(1, 1001)))
    assert (nines[0], nines[-1], values[-1]) == (0.0, pytest.approx(3.0), 1000.0)
    at = dict(zip((round(one, 6) for one in nines), values, strict=True))
    assert at[1.0] == pytest.approx(900, rel=0.001)
    assert at[2.0] == pytest.approx(990, rel=0.001)
    assert values == sorted(values)


def test_the_axis_of_nines_is_labelled_with_percentages() -> None:
    said = words(percentile_figure("p", "a.b", histogram_of(range(1, 1001))).svg)
    assert [one for one in said if one.endswith("%")] == ["0 %", "50 %", "90 %", "99 %", "99.9 %"]


def test_the_baseline_is_laid_over_and_told() -> None:
    figure = percentile_figure("p", "a.b", histogram_of([2, 3]), baseline=histogram_of([1, 1]))
    assert {"this session", "baseline"} <= set(words(figure.svg))
    assert f"var({Ink.BASELINE.variable})" in figure.svg
    assert figure.text == "a.b: p50 2.00 ms, longest 3.00 ms, 2 calls; in the baseline p50 1.00 ms."


def test_a_histogram_counts_every_call_once() -> None:
    known = histogram_of([0.001, 1, 1, 2, 5, 5000])
    counts = _counts(known, _edges([known]))
    assert sum(counts) == 6
    assert "most often" in histogram_figure("d", "a.b", known).text


def test_a_heat_map_has_a_column_of_calls_for_each_interval_and_nothing_where_there_were_none() -> None:
    intervals = [
        SessionInterval(
            start_unix_nano=second,
            end_unix_nano=second + 1,
            durations={"a.b": histogram_of([1, 1, 10])} if second != 1 else {},
        )
        for second in range(3)
    ]
    edges = _edges([histogram_of([1, 10])])
    pixels = _pixels(intervals, "a.b", edges)
    opacity = [[row[column][3] for row in pixels] for column in range(3)]
    assert [sum(one > 0 for one in column) for column in opacity] == [2, 0, 2]
    assert max(opacity[0]) == 1.0
    figure = heat_map("h", "a.b", intervals, operation="a.b")
    assert figure is not None
    assert "data:image/png" in figure.svg
    assert heat_map("h", "a.b", intervals[:2], operation="a.b") is None


def test_turns_are_stacked_by_stage_with_the_rest_on_top_and_small_stages_as_one() -> None:
    stages = {f"stage.s{number}": (number + 1) * MS for number in range(9)}
    account = TurnAccount(end_to_end_ns=46 * MS, stages_ns=stages, rest_ns=MS)
    figure = turns_figure("t", [account, account])
    legend = [one for one in words(figure.svg) if "stage" in one or "rest" in one]
    assert legend == ["unexplained rest", "2 other stages", *(f"stage.s{n}" for n in range(8, 1, -1))]
    assert "2 turns, the longest 46.0 ms" in figure.text
    assert "stage.s8 20 %" in figure.text


def test_a_waterfall_shows_the_spans_in_their_order_and_tells_the_critical_path() -> None:
    figure = waterfall_figure("w", trace(255))
    names = [one.split(" ")[0] for one in words(figure.svg) if one[0].isalpha() and "." in one]
    assert names[:4] == [
        "turn.end_to_end",
        "answering.queue_wait",
        "answering.answer",
        "answering.explain_terms",
    ]
    assert figure.text == (
        "Critical path: queue wait before answering 200 ms (15 %), answering.answer 1050 ms (81 %), "
        "gap in turn.end_to_end 50.0 ms (3.8 %). 2 spans are not drawn."
    )
    assert figure.caption.endswith(f"trace {255:032x}")


def test_a_budget_that_allows_five_percent_over_and_has_ten_is_used_up_twice(
    assistant_session: Session,
) -> None:
    figure = burn_figure("b", assistant_session.evaluations)
    assert figure is not None
    assert "end_to_end 0 %" in figure.text
    assert "final 200 %" in figure.text  # one of ten was over
    assert burn_figure("b", ()) is None


def test_end_to_end_comes_first_then_budgets_and_what_is_not_drawn_is_named(
    assistant_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawn, "MAX_COMPONENTS", 2)
    monkeypatch.setattr(drawn, "MAX_WATERFALLS", 1)
    figures = report_figures(with_the_run(assistant_session))
    assert [one.name for one in figures.components] == ["turn.end_to_end", "transcription.final"]
    assert figures.not_drawn[:2] == ("answering.answer", "display.show")
    assert len(figures.waterfalls) == 1
    assert [one.caption for one in figures.components[0].figures] == [
        "Percentiles",
        "Distribution",
        "Over the run",
    ]


def test_text_from_a_session_is_text_in_a_drawing() -> None:
    def paint(axes: Axes) -> None:
        axes.text(0, 0, plain(HOSTILE))

    svg = draw("one", paint)
    assert plain(HOSTILE) in words(svg)
    assert "<script" not in svg


def test_drawings_have_no_colours_of_their_own_and_identities_that_no_other_has() -> None:
    svg = turns_figure("t", [TurnAccount(end_to_end_ns=5, stages_ns={"a.b": 4}, rest_ns=1)]).svg
    assert set(re.findall(r"#[0-9a-f]{6}", svg)) <= {"#000000"}  # behind hatches, where the page's stroke is
    identities = re.findall(r'\bid="([^"]*)"', svg)
    assert identities
    assert all(one.startswith("t-") for one in identities)
    assert set(re.findall(r"url\(#([^)]*)\)", svg)) <= set(identities)


def test_durations_at_an_axis_have_the_unit_that_fits() -> None:
    assert [millisecond_tick(one) for one in (0, 0.02, 1, 250, 1500)] == [
        "0",
        "20 µs",
        "1 ms",
        "250 ms",
        "1.5 s",
    ]


def test_a_long_text_is_cut() -> None:
    assert plain("x" * 100, 10) == "xxxxxxxxx…"
