"""Lines of many sessions on one terminal: each begins with the name of its session."""

import io
from typing import TextIO

__all__ = ["NamedLines"]


class NamedLines(io.TextIOBase):
    """A text stream that passes whole lines on, each behind a name.

    * Lines of several streams never mix within a line, as long as one thread writes.
    * Text without a line's end waits for it, or for `close`.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        super().__init__()
        self._stream = stream
        self._name = name
        self._begun = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a property here, an attribute there
        """The encoding of the stream behind."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def writable(self) -> bool:
        """Lines can be written."""
        return True

    def isatty(self) -> bool:
        """Answer no: what moves a cursor would move that of all sessions."""
        return False

    def write(self, text: str) -> int:
        """Write what makes whole lines; keep the rest."""
        *lines, self._begun = (self._begun + text).split("\n")
        if lines:
            self._stream.write("".join(f"[{self._name}] {line}\n" for line in lines))
        return len(text)

    def flush(self) -> None:
        """Flush the stream behind."""
        if not self.closed:
            self._stream.flush()

    def close(self) -> None:
        """Write an open line; the stream behind stays open."""
        if not self.closed and self._begun:
            self.write("\n")
        super().close()
