"""Files that commands write: whole or not at all, and never over what they were made of."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from latency_kit.baseline import BaselineStore
from latency_kit.errors import UsageError

__all__ = ["refuse_source", "source_file", "write_whole"]


def write_whole(path: Path, text: str) -> None:
    """Write a file so that whoever reads meanwhile finds the old one or the new one.

    Raises:
        UsageError: It cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error


def refuse_source(output: Path, sources: Iterable[Path]) -> None:
    """See that writing `output` destroys none of the files that are read for it, nor a device.

    Raises:
        UsageError: It is one of them, by whatever name, or there is something else than a file.
    """
    if output.exists() and not output.is_file():
        # A whole file is put in its place: root could replace even /dev/null.
        raise UsageError(f"{output}: cannot be written: it is no ordinary file; name one, or leave -o out")
    for source in sources:
        if source.exists() and output.exists() and source.samefile(output):
            raise UsageError(f"{output}: is the source itself; give the output a name of its own")


def source_file(called: str, store: BaselineStore) -> Path:
    """Return the file that `BaselineStore.find` reads for this path, or name of a baseline."""
    path = Path(called)
    if not path.is_file():
        with suppress(UsageError):
            return store.path_of(called)
    return path
