"""The file in which windows outlive their process, read and replaced whole. What is in it: `window_state`."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from latency_kit.errors import CorruptDataError

__all__ = ["MOST_BYTES", "read_state", "write_state"]

MOST_BYTES = 64 * 1024 * 1024
"""A file that is larger is none of ours: a thousand budgets with full windows stay below."""


def read_state(path: Path) -> Any:
    """Return the JSON data in the file; None where there is no file.

    Raises:
        CorruptDataError: The file cannot be read, is too large, or is not JSON.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise CorruptDataError(f"{path}: more than {MOST_BYTES} bytes")
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise CorruptDataError(f"{path}: {error}") from error


def write_state(path: Path, state: Any) -> None:
    """Replace the file, so that at any moment it holds an old state or the new one, whole.

    Raises:
        OSError: The file cannot be written; the old one stands.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(json.dumps(state, separators=(",", ":"), allow_nan=False).encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
