"""How figures are written for people: milliseconds, shares, counts. No figure is computed here."""

from latency_kit.units import NS_PER_S, ns_to_ms

__all__ = ["counted", "ms_figure", "seconds_figure", "share_figure"]

_WHOLE_FROM_MS = 100
"""From here on whole milliseconds are written: histograms hold three significant figures."""

_THREE_FIGURES_FROM_MS = 0.1
"""Below it a third figure would only make the columns too wide for a terminal of 80."""


def ms_figure(duration_ns: float) -> str:
    """Write a duration in milliseconds: "4310 ms", "12.5 ms", "0.031 ms"; two figures stand below 0.1 ms."""
    duration_ms = ns_to_ms(round(duration_ns))
    figures = 3 if duration_ms >= _THREE_FIGURES_FROM_MS else 2
    rounded_ms = float(f"{duration_ms:.{figures}g}")
    if rounded_ms >= _WHOLE_FROM_MS:
        return f"{duration_ms:.0f} ms"
    if rounded_ms == 0:
        return "0 ms"
    exponent = int(f"{rounded_ms:e}".rpartition("e")[2])
    return f"{rounded_ms:.{figures - 1 - exponent}f} ms"


def seconds_figure(duration_ns: int) -> str:
    """Write how long a run was, in seconds: "62.3 s"."""
    return f"{duration_ns / NS_PER_S:.1f} s"


def share_figure(share: float) -> str:
    """Write a share of 1 in percent: "62 %", below ten percent with one decimal: "0.4 %"."""
    percent = 100 * share
    if 0 < percent < 0.05:  # noqa: PLR2004  # would be written as 0.0
        return "<0.1 %"
    return f"{percent:.0f} %" if round(percent, 1) >= 10 or percent == 0 else f"{percent:.1f} %"  # noqa: PLR2004  # ten


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Write a number with its noun: "1 call", "3 calls"."""
    return f"{count} {singular if count == 1 else plural or singular + 's'}"
