"""On which line each key of a TOML document stands; the values are tomllib's business.

tomllib gives no positions and neither does tomlkit, so this walks a document that tomllib has already
accepted: it only has to find the keys, and to step over strings, arrays and comments that look like keys.
"""

import contextlib
import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["KeyLines", "key_lines"]

_KEY_STEP: Final = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_KEY: Final = re.compile(rf"{_KEY_STEP}(?:[ \t]*\.[ \t]*{_KEY_STEP})*")
_BLANK: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_TABLE: Final = re.compile(rf"\[\[?[ \t]*({_KEY.pattern})[ \t]*\]\]?")
_EQUALS: Final = re.compile(r"[ \t]*=[ \t]*")
_STRING: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'  # up to two quotes may stand before the closing three
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE_VALUE: Final = re.compile(r"[^,\]}#\r\n]+")

Path = tuple[str, ...]


class KeyLines:
    """The line of each key, by its path from the top of the document.

    * Lines count from 1.
    * A key that was not found has the line of the nearest table around it that was, or none.
    """

    def __init__(self, lines: Mapping[Path, int]) -> None:
        self._lines = lines

    def line_of(self, path: Path) -> int | None:
        """Return the line where `path`, or the nearest table around it, is written."""
        for length in range(len(path), 0, -1):
            line = self._lines.get(path[:length])
            if line is not None:
                return line
        return None


def key_lines(text: str) -> KeyLines:
    """Find the line of every key of `text`, a document that tomllib accepts.

    A table that is spread over several places has the line of the first. Keys inside arrays are not
    listed. Text that is no TOML gives the keys up to where it stops being understood.
    """
    walk = _Walk(text)
    # A message without a line is better than no message.
    with contextlib.suppress(_LostError, RecursionError):
        walk.document()
    return KeyLines(walk.lines)


class _LostError(Exception):
    """The walk does not understand the text at its position."""


class _Walk:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counted_to = 0
        self._line = 1
        self.lines: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        while True:
            self._skip(_BLANK)
            if self._at == len(self._text):
                return
            header = _TABLE.match(self._text, self._at)
            if header is not None:
                table = _path_of(header[1])
                self._note(table, first=0)
                self._at = header.end()
            else:
                self._key_and_value(table)

    def _key_and_value(self, table: Path) -> None:
        key = _KEY.match(self._text, self._at)
        if key is None:
            raise _LostError
        path = table + _path_of(key[0])
        self._note(path, first=len(table))
        self._at = key.end()
        self._skip(_EQUALS)
        self._value(path)

    def _value(self, path: Path) -> None:
        opening = self._text[self._at : self._at + 1]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        elif opening in {'"', "'"}:
            self._skip(_STRING)
        else:
            self._skip(_BARE_VALUE)

    def _array(self, path: Path) -> None:
        self._at += 1
        while not self._closed_by("]"):
            known = len(self.lines)
            self._value(path)
            # A key inside an array would need the item's number in its path; the array's own line does.
            for _ in range(len(self.lines) - known):
                self.lines.popitem()

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while not self._closed_by("}"):
            self._key_and_value(path)

    def _closed_by(self, closing: str) -> bool:
        self._skip(_BLANK)
        if self._text[self._at : self._at + 1] == ",":
            self._at += 1
            self._skip(_BLANK)
        if self._text[self._at : self._at + 1] == closing:
            self._at += 1
            return True
        return False

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise _LostError
        self._at = match.end()

    def _note(self, path: Path, *, first: int) -> None:
        self._line += self._text.count("\n", self._counted_to, self._at)
        self._counted_to = self._at
        for length in range(first + 1, len(path) + 1):
            self.lines.setdefault(path[:length], self._line)


def _path_of(written: str) -> Path:
    # tomllib undoes quotes and escapes; a dotted key comes back as tables of one key each.
    steps = []
    table: Any = tomllib.loads(f"{written} = 0")
    while isinstance(table, dict):
        ((step, table),) = table.items()
        steps.append(step)
    return tuple(steps)
