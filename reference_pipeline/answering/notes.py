"""The user's own notes: Markdown files of one directory, read once. Finding among them lives in `retrieval`.

A note is one file. Its first heading is its title; a section "Asked as" lists questions that it answers,
one a bullet; everything else is what is shown. Text is kept as it was written: nothing is escaped,
rendered or executed here, the display shows it as text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reference_pipeline.ports import PipelineError

__all__ = [
    "GLOSSARY",
    "MAX_NOTE_BYTES",
    "Note",
    "NotesError",
    "bundled_notes",
    "load_note",
    "load_notes",
    "read_text",
]

GLOSSARY = "glossary.md"
"""The file of a notes directory that holds terms and is no note (see `terms`)."""

MAX_NOTE_BYTES = 256 * 1024
"""A note is something to read while speaking; a larger file was put there by mistake."""

_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*$")
_BULLET = re.compile(r"^[ \t]*[-*+][ \t]+(.+?)[ \t]*$")
_ASKED_AS = "asked as"

_STANDS_ALONE = re.compile(r"\s{4}|\s*(?:[-*+>|#]|\d+[.)]\s|```|~~~)")
"""Lines that Markdown does not join with the line before them."""


class NotesError(PipelineError):
    """Notes cannot be read; the message names the file and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note.

    Attributes:
        name: The file's name without its ending; what an answer names as its source.
        title: The first heading, or the name with its hyphens as spaces.
        asked_as: Questions that the note says it answers.
        body: What is shown: as it was written, but that a paragraph is one line, as Markdown means it.
    """

    name: str
    title: str
    asked_as: tuple[str, ...]
    body: str


def bundled_notes() -> Path:
    """Return the directory of the notes that come with the demo's interview."""
    return Path(__file__).parent.parent / "interview" / "notes"


def load_notes(directory: Path) -> Sequence[Note]:
    """Read all notes of a directory (`*.md` except the glossary), ordered by name.

    Raises:
        NotesError: The directory is absent or holds no note, or a note cannot be read.
    """
    if not directory.is_dir():
        raise NotesError(f"{directory}: no such directory of notes; give a directory with Markdown files")
    paths = sorted(path for path in directory.glob("*.md") if path.is_file() and path.name != GLOSSARY)
    if not paths:
        raise NotesError(f"{directory}: holds no notes; put at least one Markdown file (*.md) there")
    return [load_note(path) for path in paths]


def load_note(path: Path) -> Note:
    """Read one note.

    Raises:
        NotesError: The file cannot be read, is too large, is not UTF-8, or says nothing.
    """
    text = read_text(path)
    title, asked_as, shown = "", [], []
    in_asked_as = False
    for line in text.splitlines():
        heading = _HEADING.match(line)
        if heading:
            in_asked_as = heading[2].casefold() == _ASKED_AS
            if not title and not in_asked_as:
                title = heading[2]
                continue
        if not in_asked_as:
            shown.append(line)
        elif bullet := _BULLET.match(line):
            asked_as.append(bullet[1])
    body = _unwrapped(shown)
    if not body:
        raise NotesError(f"{path}: the note has no text beyond its headings; write the answer or remove it")
    return Note(
        name=path.stem, title=title or path.stem.replace("-", " "), asked_as=tuple(asked_as), body=body
    )


def _unwrapped(lines: Sequence[str]) -> str:
    """Join the lines of each paragraph; lists, quotes, tables, code and blank lines stay as they are."""
    joined: list[str] = []
    in_code = False
    flows = False
    for line in lines:
        if line.lstrip().startswith(("```", "~~~")):
            in_code = not in_code
        plain = bool(line.strip()) and not in_code and not _STANDS_ALONE.match(line)
        if plain and flows:
            joined[-1] = f"{joined[-1].rstrip()} {line.strip()}"
        else:
            joined.append(line)
        # Two spaces or a backslash at the end of a line ask for a break.
        flows = plain and not line.endswith(("  ", "\\"))
    return "\n".join(joined).strip()


def read_text(path: Path) -> str:
    """Return the text of a Markdown file, without a byte-order mark.

    Raises:
        NotesError: The file cannot be read, is larger than `MAX_NOTE_BYTES`, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_NOTE_BYTES + 1)
    except OSError as error:
        raise NotesError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(raw) > MAX_NOTE_BYTES:
        raise NotesError(f"{path}: over {MAX_NOTE_BYTES // 1024} KiB; split it into several files")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotesError(f"{path}: not UTF-8 text (byte {error.start}); save the note as UTF-8") from error
