"""What `latency-kit baseline list` prints: pure functions, no terminal."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from latency_kit.baseline import FoundSession, StoredSession
from latency_kit.units import NS_PER_S

__all__ = ["began", "listing_data", "listing_lines"]


def listing_lines(found: Sequence[FoundSession], *, folder: Path) -> Iterator[str]:
    """Yield a line for each baseline; for one that cannot be read, the reason."""
    if not found:
        yield f"{folder}: no baselines" if folder.exists() else f"{folder}: no baselines, nor such a folder"
        return
    rows = [_row(one.name, one.stored) for one in found if one.stored is not None]
    widths = [max(len(row[column]) for row in rows) for column in range(4)] if rows else []
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    for one in found:
        if one.stored is None:
            yield f"cannot be read: {one.refusal}"


def listing_data(found: Sequence[FoundSession]) -> list[dict[str, Any]]:
    """Return the baselines for JSON."""
    return [_as_data(one) for one in found]


def began(stored: StoredSession) -> str:
    """Say when a session began, to the minute."""
    start = datetime.fromtimestamp(stored.session.start_unix_nano // NS_PER_S, tz=UTC)
    return f"{start:%Y-%m-%d %H:%M} UTC"


def _row(name: str, stored: StoredSession) -> tuple[str, ...]:
    histograms = stored.histograms().values()
    calls = sum(histogram.count for histogram in histograms)
    commit = "no commit" if stored.commit is None else str(stored.commit)
    return name, began(stored), commit, f"{len(histograms)} series, {calls} calls"


def _as_data(found: FoundSession) -> dict[str, Any]:
    data: dict[str, Any] = {"name": found.name, "path": str(found.path)}
    stored = found.stored
    if stored is None:
        return data | {"refusal": found.refusal}
    data["began"] = began(stored)
    data["start_unix_nano"] = stored.session.start_unix_nano
    data["title"] = stored.session.title
    if stored.commit is not None:
        data["commit"] = stored.commit.id
        data["commit_is_modified"] = stored.commit.is_modified
    data["environment"] = dict(stored.session.environment.facts())
    data["calls"] = {name: histogram.count for name, histogram in stored.histograms().items()}
    return data
