"""`latency-kit compare` and `latency-kit trend`: two sessions side by side, and many one after the other."""

import json
import shutil
import sys
from pathlib import Path

from latency_kit.baseline import (
    COMPARED_PERCENTILES,
    DEFAULT_CONFIDENCE,
    DEFAULT_SIGNIFICANCE,
    BaselineStore,
    compare,
    follow,
    sessions_in,
)
from latency_kit.baseline.comparison_text import comparison_data, comparison_lines
from latency_kit.cli.baseline import AS_JSON, DIFFERENT, FOLDER, TOLERANCE, existing_folder
from latency_kit.cli.command_line import (
    EXIT_BREACHED,
    EXIT_MET,
    FILE,
    click,
    errors_on_standard_error,
    main,
)
from latency_kit.cli.trend_text import trend_data, trend_lines
from latency_kit.errors import UsageError

__all__: list[str] = []

_BRAILLE = "\N{BRAILLE PATTERN DOTS-12345678}"

_PLOT = click.option("--plot/--no-plot", default=True, help="Whether to draw the curves.", show_default=True)


@main.command("compare")
@click.argument("a")
@click.argument("b")
@click.option(
    "--percentile",
    "percentiles",
    type=float,
    multiple=True,
    default=COMPARED_PERCENTILES,
    show_default=True,
    help="Which percentile to compare; may be given several times.",
)
@click.option(
    "--confidence",
    type=float,
    default=DEFAULT_CONFIDENCE,
    show_default=True,
    help="Of the intervals, between 0 and 1.",
)
@TOLERANCE
@DIFFERENT
@FOLDER
@_PLOT
@AS_JSON
def compare_(
    a: str,
    b: str,
    *,
    percentiles: tuple[float, ...],
    confidence: float,
    tolerance: float,
    allow_different: bool,
    folder: Path,
    plot: bool,
    as_json: bool,
) -> None:
    """Compare session B, the candidate, with A, the baseline; exit code 1 if B is slower.

    Each is a session file or the name of a baseline. An interval covers what chance does within two runs, not
    what differs between them (another load, another layout of memory): hence the tolerance.

    Example: latency-kit compare main run.json --percentile 50 --percentile 99
    """
    with errors_on_standard_error():
        store = BaselineStore(folder)
        result = compare(
            store.find(a),
            store.find(b),
            percentiles=percentiles,
            confidence=confidence,
            tolerance=tolerance,
            allow_different=allow_different,
        )
        if as_json:
            click.echo(json.dumps(comparison_data(result), indent=2, ensure_ascii=False))
        else:
            for line in comparison_lines(result, baseline=a):
                click.echo(line)
            if plot and _can_be_drawn():
                from latency_kit.cli.plots import plots_of  # noqa: PLC0415  # a sixth of a second, for plots only

                click.echo("\n" + plots_of(result, width=_columns(), colour=_is_coloured()))
    raise SystemExit(EXIT_BREACHED if result.regressed else EXIT_MET)


@main.command()
@click.argument("folder", metavar="DIR", type=FILE)
@click.option("--percentile", type=float, default=95.0, show_default=True, help="Which percentile to follow.")
@click.option(
    "--significance",
    type=float,
    default=DEFAULT_SIGNIFICANCE,
    show_default=True,
    help="How often a series that never changed may show a change.",
)
@DIFFERENT
@_PLOT
@AS_JSON
def trend(
    folder: Path,
    *,
    percentile: float,
    significance: float,
    allow_different: bool,
    plot: bool,
    as_json: bool,
) -> None:
    """Follow a percentile of each series over the sessions in DIR, and mark where its level changed.

    Exit code 1 if the last change of any series was towards slower.

    Example: latency-kit trend .latency-kit --percentile 99
    """
    with errors_on_standard_error():
        found = list(sessions_in(existing_folder(folder)))
        if not found:
            raise UsageError(f"{folder}: there are no session files (*.json) in it")
        unread = [one for one in found if one.stored is None]
        result = follow(
            [(one.name, one.stored) for one in found if one.stored is not None],
            percentile=percentile,
            significance=significance,
            allow_different=allow_different,
        )
        if as_json:
            click.echo(json.dumps(trend_data(result, unread), indent=2, ensure_ascii=False))
        else:
            draw = None
            if plot and _can_be_drawn():
                from latency_kit.cli.plots import trend_plot  # noqa: PLC0415  # as above

                draw = lambda series: trend_plot(series, width=_columns(), colour=_is_coloured())  # noqa: E731
            for line in trend_lines(result, unread, draw=draw):
                click.echo(line)
    raise SystemExit(EXIT_BREACHED if any(series.is_slower for series in result.series) else EXIT_MET)


def _can_be_drawn() -> bool:
    """Tell whether standard output can show what curves are drawn with; say so where it cannot."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        _BRAILLE.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        click.echo(f"no plot: the output's encoding, {encoding}, lacks its dots; set PYTHONIOENCODING=utf-8")
        return False
    return True


def _columns() -> int:
    return shutil.get_terminal_size().columns


def _is_coloured() -> bool:
    return sys.stdout.isatty()
