"""Figures are written for people, with the digits that the histograms hold."""

import pytest

from latency_kit.report.wording import counted, ms_figure, seconds_figure, share_figure


@pytest.mark.parametrize(
    ("duration_ns", "written"),
    [
        (0, "0 ms"),
        (1, "0.0000010 ms"),
        (412, "0.00041 ms"),
        (31_234, "0.031 ms"),
        (99_960, "0.10 ms"),
        (312_345, "0.312 ms"),
        (999_600, "1.00 ms"),
        (9_996_000, "10.0 ms"),
        (12_345_678, "12.3 ms"),
        (99_960_000, "100 ms"),
        (4_310_400_000, "4310 ms"),
        (3_600_000_000_000, "3600000 ms"),
    ],
)
def test_milliseconds_have_three_figures_two_below_a_tenth_and_are_whole_from_a_hundred(
    duration_ns: int, written: str
) -> None:
    assert ms_figure(duration_ns) == written


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0, "0 %"),
        (0.0004, "<0.1 %"),
        (0.0005, "0.1 %"),
        (0.062, "6.2 %"),
        (0.0996, "10 %"),
        (0.535, "54 %"),
        (1, "100 %"),
    ],
)
def test_shares_are_percent_with_a_decimal_below_ten(share: float, written: str) -> None:
    assert share_figure(share) == written


def test_counts_agree_with_their_noun() -> None:
    assert [counted(n, "turn") for n in (0, 1, 2)] == ["0 turns", "1 turn", "2 turns"]
    assert counted(2, "budget has", "budgets have") == "2 budgets have"


def test_the_length_of_a_run_is_in_seconds() -> None:
    assert seconds_figure(62_349_000_000) == "62.3 s"
