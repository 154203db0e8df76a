"""The session file: one run as one JSON file, with its version and a checksum over what it says.

    {"format": "latency-kit session", "version": 2, "checksum": "sha256:...", "session": {...}}

The checksum is of the session's canonical JSON (sorted keys, no spaces), so that a tool may lay the file out
anew but nobody can change a figure unnoticed. It guards against accidents and edits by hand, not forgery.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from latency_kit.baseline.session_data import session_from_data, session_to_data
from latency_kit.baseline.stored_session import StoredSession
from latency_kit.errors import CorruptDataError, UsageError

__all__ = ["FORMAT", "VERSION", "read_session", "write_session"]

FORMAT = "latency-kit session"
VERSION = 2
"""Version 2 has intervals, traces and what was left out; a file of version 1 is read as one without."""


def write_session(stored: StoredSession, path: str | os.PathLike[str]) -> None:
    """Write a session file, with its folders; whoever reads meanwhile finds the old file or the new one.

    Raises:
        UsageError: The file cannot be written.
    """
    target = Path(path)
    data = session_to_data(stored)
    document = {"format": FORMAT, "version": VERSION, "checksum": _checksum(data), "session": data}
    try:
        text = json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # half a surrogate pair, which UTF-8 cannot hold and JSON escapes
        text = json.dumps(document, indent=1).encode() + b"\n"
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(text)
        unfinished.replace(target)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise UsageError(f"{target}: cannot be written: {error.strerror or error}") from error


def read_session(path: str | os.PathLike[str]) -> StoredSession:
    """Read a session file.

    Raises:
        CorruptDataError: The file is cut short, of a newer version, changed since it was written, or another
            kind of file.
        UsageError: The file cannot be opened.
    """
    source = os.fspath(path)
    data = _checked_data(_document(source), source)
    try:
        return session_from_data(data)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        # UsageError and CorruptDataError are ValueErrors, with messages that say what does not fit.
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise CorruptDataError(f"{source}: the session in it cannot be read: {reason}") from error


def _document(source: str) -> Mapping[str, Any]:
    try:
        text = Path(source).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CorruptDataError(f"{source}: is no session file: it is not UTF-8 text") from error
    except OSError as error:
        raise UsageError(f"{source}: cannot be read: {error.strerror or error}") from error
    if not text.strip():
        raise CorruptDataError(f"{source}: is empty; it was cut short, or never written")
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        what = "is cut short" if _ends_too_early(error) else "is not JSON"
        where = f"line {error.lineno}, column {error.colno}"
        raise CorruptDataError(f"{source}: {what} ({error.msg} at {where}); measure again") from error
    except RecursionError as error:
        raise CorruptDataError(f"{source}: is no session file: it is nested too deeply") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CorruptDataError(f'{source}: is no session file: it does not say "format": "{FORMAT}"')
    return document


def _ends_too_early(error: json.JSONDecodeError) -> bool:
    # An open string is reported where it begins; everything else where the text ends.
    return error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")


def _checked_data(document: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise CorruptDataError(f"{source}: its version must be a whole number from 1, got {version!r}")
    if version > VERSION:
        raise CorruptDataError(
            f"{source}: is of version {version}, this latency_kit reads up to {VERSION}; update latency-kit"
        )
    data = document.get("session")
    if not isinstance(data, dict):
        raise CorruptDataError(f"{source}: has no session in it")
    if document.get("checksum") != _checksum(data):
        raise CorruptDataError(
            f"{source}: was changed after it was written (its checksum is another one); measure again"
        )
    return data


def _checksum(data: Mapping[str, Any]) -> str:
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{hashlib.sha256(canonical.encode('ascii')).hexdigest()}"
