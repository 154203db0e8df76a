"""The file of a profile: JSON of our own (`NAME.profile.json`), beside the files that other viewers open."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from latency_kit.errors import CorruptDataError, UsageError
from latency_kit.profiling.profile import Profile, ProfiledCall, ProfileEntry, ProfileKind

__all__ = ["SUFFIX", "load_profile", "profile_to_data", "save_files"]

SUFFIX = ".profile.json"

FORMAT = "latency-kit profile"
VERSION = 1

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


def save_files(profile: Profile, folder: Path | str, others: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write a profile, and beside it what other viewers open; return the paths, that of our own first.

    A file that is there already is not overwritten: the name gets a number.

    Args:
        profile: The profile.
        folder: Made where it does not exist.
        others: The contents of the other files, by suffix.

    Raises:
        UsageError: The folder cannot be written to.
    """
    folder = Path(folder)
    stem = f"{profile.kind.value}-{_UNFIT.sub('_', Path(profile.title).name).strip('_') or 'profile'}"
    contents = {SUFFIX: _encoded(profile), **others}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number, name = 1, stem
        while any((folder / f"{name}{suffix}").exists() for suffix in contents):
            number += 1
            name = f"{stem}-{number}"
        for suffix, content in contents.items():
            unfinished = folder / f"{name}{suffix}.part"
            unfinished.write_bytes(content)
            unfinished.replace(folder / f"{name}{suffix}")
    except OSError as error:
        raise UsageError(
            f"the profile cannot be written to {folder}: {error.strerror or error}; give another folder"
        ) from error
    return tuple(folder / f"{name}{suffix}" for suffix in contents)


def profile_to_data(profile: Profile) -> dict[str, Any]:
    """Return what JSON can hold of a profile."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "kind": profile.kind.value,
        "title": profile.title,
        "unit": profile.unit,
        "start_unix_nano": profile.start_unix_nano,
        "duration_ns": profile.duration_ns,
        "entries": [asdict(entry) for entry in profile.entries],
        "calls": [asdict(call) for call in profile.calls],
        "facts": dict(profile.facts),
    }


def load_profile(path: Path | str) -> Profile:
    """Read the file of a profile.

    Raises:
        UsageError: It cannot be read.
        CorruptDataError: It is no profile, is cut short, or a newer version wrote it.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; give a file that ends in {SUFFIX}") from error
    except UnicodeDecodeError as error:
        raise CorruptDataError(f"{path} is no profile: it is not UTF-8 text") from error
    except RecursionError as error:
        raise CorruptDataError(f"{path} is no profile: it is nested too deeply") from error
    except ValueError as error:
        raise CorruptDataError(f"{path} is no profile, or was cut short: {error}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise CorruptDataError(f"{path} is no profile of latency-kit; its profiles end in {SUFFIX}")
    if data.get("version") != VERSION:
        raise CorruptDataError(
            f"{path} has version {data.get('version')!r} of the format, this latency-kit reads {VERSION}; "
            "use a newer one"
        )
    try:
        return Profile(
            kind=ProfileKind(data["kind"]),
            title=str(data["title"]),
            start_unix_nano=int(data["start_unix_nano"]),
            duration_ns=int(data["duration_ns"]),
            entries=tuple(ProfileEntry(**_entry(one)) for one in data["entries"]),
            calls=tuple(ProfiledCall(**one) for one in data["calls"]),
            facts=dict(data["facts"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptDataError(f"{path}: something is missing or of the wrong kind: {error}") from error


def _entry(data: Mapping[str, Any]) -> dict[str, Any]:
    for name in ("line", "count", "own", "total"):
        if not isinstance(data[name], int):
            raise TypeError(f"{name} must be a whole number, got {data[name]!r}")
    return dict(data)


def _encoded(profile: Profile) -> bytes:
    return json.dumps(profile_to_data(profile), ensure_ascii=False, indent=1).encode()
