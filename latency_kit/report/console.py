"""The one door to rich: what is drawn in a terminal takes tables, text and live views from here."""

from latency_kit.errors import MissingExtraError

try:
    from rich import box
    from rich.console import Console, Group, RenderableType
    from rich.live import Live
    from rich.padding import Padding
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Table
    from rich.text import Text
except ImportError as error:
    raise MissingExtraError("rich", "cli") from error

__all__ = [
    "BarColumn",
    "Console",
    "Group",
    "Live",
    "Padding",
    "Progress",
    "RenderableType",
    "SpinnerColumn",
    "Table",
    "Text",
    "TextColumn",
    "TimeElapsedColumn",
    "box",
]
