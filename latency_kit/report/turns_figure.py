"""Where the time of each turn went, as stacked bars, one for each turn in the order of time."""

from collections.abc import Sequence

from latency_kit.report.drawing import STAGE_INKS, Axes, Ink, draw, millisecond_tick, plain
from latency_kit.report.figure import ReportFigure
from latency_kit.report.stage_words import worded
from latency_kit.report.wording import counted, ms_figure, share_figure
from latency_kit.session import TurnAccount
from latency_kit.units import ns_to_ms

__all__ = ["turns_figure"]

_HATCHES = ("", "////", "", "\\\\\\\\", "", "||||", "")
"""On every second stage, so that neighbours are told apart without colour."""

_Layer = tuple[str, Ink, str, list[float]]
"""A stage, how it is drawn, and its milliseconds in each turn."""


def turns_figure(name: str, accounts: Sequence[TurnAccount]) -> ReportFigure:
    """Draw where the time of turns went; stages beyond the seven largest are drawn as one.

    Args:
        name: Identity of the figure in its page.
        accounts: At least one.
    """
    layers = _layers(worded(accounts))

    def paint(axes: Axes) -> None:
        edges = [at + 0.5 for at in range(len(accounts) + 1)]
        below = [0.0] * len(accounts)
        for stage, ink, hatch, heights in layers:
            tops = [low + height for low, height in zip(below, heights, strict=True)]
            axes.stairs(
                tops,
                edges,
                baseline=below,
                fill=True,
                facecolor=ink.value,
                hatch=hatch if len(accounts) <= 60 else "",  # noqa: PLR2004  # thinner bars show none
                linewidth=0,
                label=plain(stage, 44),
            )
            below = tops
        axes.set_xlim(0.5, len(accounts) + 0.5)
        axes.set_xlabel("turn")
        axes.locator_params(axis="x", integer=True)
        axes.yaxis.set_major_formatter(lambda value, _at: millisecond_tick(value))
        axes.grid(visible=False, axis="x")
        handles, labels = axes.get_legend_handles_labels()
        # As they are stacked: the uppermost first.
        axes.legend(
            handles[::-1],
            labels[::-1],
            loc="upper left",
            bbox_to_anchor=(-0.02, -0.17),
            fontsize=8.5,
            ncols=1,
        )

    whole = sum(account.end_to_end_ns for account in accounts) or 1
    shares = [f"{stage} {share_figure(1e6 * sum(heights) / whole)}" for stage, _, _, heights in layers]
    longest = max(account.end_to_end_ns for account in accounts)
    text = (
        f"{counted(len(accounts), 'turn')}, the longest {ms_figure(longest)}. "
        f"Of all their time: {', '.join(shares)}"
    )
    rows = len(layers)
    height_in = 2.55 + 0.165 * rows
    return ReportFigure(
        svg=draw(
            name,
            paint,
            height_in=height_in,
            margins={"bottom": (0.55 + 0.165 * rows) / height_in, "top": 1 - 0.1 / height_in},
        ),
        caption="Where the time of each turn went",
        text=f"{plain(text, 2000)}.",
    )


def _layers(accounts: Sequence[TurnAccount]) -> list[_Layer]:
    """Return the stages from below, in the order in which they come, then the others and the rest."""
    totals: dict[str, int] = {}
    for account in accounts:
        for stage, part_ns in account.stages_ns.items():
            totals[stage] = totals.get(stage, 0) + part_ns
    largest = sorted(totals, key=lambda stage: -totals[stage])[: len(STAGE_INKS)]
    # In the order in which the stages come, from below.
    named = [stage for stage in totals if stage in largest and totals[stage]]
    layers: list[_Layer] = [
        (stage, ink, hatch, [ns_to_ms(account.stages_ns.get(stage, 0)) for account in accounts])
        for stage, ink, hatch in zip(named, STAGE_INKS, _HATCHES, strict=False)
    ]
    others = [
        ns_to_ms(sum(part for stage, part in account.stages_ns.items() if stage not in named))
        for account in accounts
    ]
    if any(others):
        layers.append((counted(len(totals) - len(named), "other stage"), Ink.OTHERS, "", others))
    layers.append(("unexplained rest", Ink.REST, "", [ns_to_ms(account.rest_ns) for account in accounts]))
    return layers
