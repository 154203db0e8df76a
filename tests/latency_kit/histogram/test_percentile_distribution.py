"""The `.hgrm` text is what HdrHistogram's own tools write: held to a file of theirs and to its definition."""

from itertools import pairwise
from math import log

import pytest

from latency_kit.errors import NoDataError, UsageError
from latency_kit.histogram import Histogram, percentile_distribution_lines
from latency_kit.histogram.percentile_distribution import percentile_steps

# GoogleChartsExample/example1.txt of https://github.com/HdrHistogram/HdrHistogram (public domain), its first
# rows: value, percentile, count up to it, and 1/(1-percentile).
REFERENCE = """
      16.000     0.000000            1         1.00
     980.000     0.100000        47530         1.11
    3609.000     0.200000        95042         1.25
    6783.000     0.300000       142539         1.43
    9183.000     0.400000       190154         1.67
   11167.000     0.500000       237581         2.00
   12295.000     0.550000       261367         2.22
   13759.000     0.600000       285105         2.50
   15375.000     0.650000       308930         2.86
   16703.000     0.700000       332844         3.33
   18639.000     0.750000       356366         4.00
   19951.000     0.775000       368356         4.44
   21951.000     0.800000       380158         5.00
   24559.000     0.825000       391991         5.71
   28095.000     0.850000       403848         6.67
   32591.000     0.875000       415744         8.00
   35743.000     0.887500       421673         8.89
   40671.000     0.900000       427627        10.00
   47423.000     0.912500       433573        11.43
   56895.000     0.925000       439503        13.33
   80639.000     0.937500       445415        16.00
   97023.000     0.943750       448385        17.78
  127231.000     0.950000       451374        20.00
  133887.000     0.956250       454341        22.86
  138623.000     0.962500       457329        26.67
  143231.000     0.968750       460283        32.00
"""
TOTAL = 475_109
LONGEST = 9_428_991


def test_the_rows_are_those_of_a_file_that_hdrhistogram_wrote() -> None:
    """A histogram with the reference's counts at its values is stepped through at the same levels."""
    rows = [line.split() for line in REFERENCE.strip().splitlines()]
    histogram, before = Histogram(), 0
    for value, _, count, _ in rows:
        histogram.record_many([int(float(value))] * (int(count) - before))
        before = int(count)
    histogram.record_many([LONGEST] * (TOTAL - before))
    written = list(percentile_distribution_lines(histogram.snapshot(), unit_ns=1))
    assert written[0] == "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
    for line, (value, level, count, odds) in zip(written[1:], rows, strict=False):
        fields = line.split()
        assert fields[0] == value
        assert f"{float(fields[1]):.6f}" == level
        assert fields[2:] == [count, odds]


def test_the_text_is_to_the_letter_what_java_writes_of_a_few_values() -> None:
    """Worked out by hand from the formats in AbstractHistogram.java: two ticks to each half distance."""
    histogram = Histogram()
    histogram.record_many([1, 2, 3, 4])
    lines = percentile_distribution_lines(histogram.snapshot(), unit_ns=1, ticks_per_half_distance=1)
    assert "".join(lines) == (
        "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
        "       1.000 0.000000000000          1           1.00\n"
        "       2.000 0.500000000000          2           2.00\n"
        "       3.000 0.750000000000          3           4.00\n"
        "       4.000 0.875000000000          4           8.00\n"
        "       4.000 1.000000000000          4\n"
        "#[Mean    =        2.500, StdDeviation   =        1.118]\n"
        "#[Max     =        4.000, Total count    =            4]\n"
        "#[Buckets =            1, SubBuckets     =         2048]\n"
    )


@pytest.mark.parametrize("ticks", [1, 5, 7])
def test_each_half_of_the_distance_to_100_percent_has_its_steps(ticks: int) -> None:
    histogram = Histogram()
    histogram.record_many(list(range(1, 2001)))
    steps = list(percentile_steps(histogram.snapshot(), ticks))
    levels = [level for _, level, _ in steps]
    assert levels == sorted(levels)
    assert levels[-1] == 100.0
    for level, following in pairwise(levels[:-1]):
        half = int(log(100 / (100 - level)) / log(2)) + 1
        assert following - level == pytest.approx(100 / (ticks * 2**half))
    for value, level, through in steps:
        assert 100 * through / 2000 >= level
        assert value >= through


def test_an_empty_histogram_and_unfit_arguments_are_refused() -> None:
    with pytest.raises(NoDataError, match="no percentiles"):
        list(percentile_distribution_lines(Histogram().snapshot()))
    histogram = Histogram()
    histogram.record(1)
    for wrong in ({"unit_ns": 0}, {"ticks_per_half_distance": 0}):
        with pytest.raises(UsageError, match="must be positive"):
            list(percentile_distribution_lines(histogram.snapshot(), **wrong))
