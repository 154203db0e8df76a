"""The display port on a text stream: questions and answers as they come. Here alone rich is known.

It is the display of record where no browser watches; its times are those at which the text was flushed.
"""

import unicodedata
from typing import TextIO

import latency_kit
from latency_kit.errors import MissingExtraError
from reference_pipeline.display.show_spans import record_show
from reference_pipeline.display.terminal_words import source_of, stages_of, total_of, way_of
from reference_pipeline.events import DisplayMessage, DisplayReceipt, MessageKind, TurnStatus
from reference_pipeline.ports import PipelineError

try:
    from rich.console import Console
    from rich.text import Text
except ImportError as missing:
    raise MissingExtraError("rich", "cli") from missing

__all__ = ["TerminalDisplay"]

_MARGIN = 7
"""Columns left of the text: the turn's number, a mark and the spaces around them."""

_NARROWEST = 40

_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories of controls, lone surrogates and line separators; line breaks are ours to make."""


class TerminalDisplay:
    """Prints what is shown, in whole or as it streams.

    * A receipt's times are equal but for `sent_ns`: received, in the document and painted is when the
      stream was flushed.
    * Control characters in the text (escape sequences that would move the cursor) are never printed.
    * Where answers of two turns stream at once, each piece begins a line that bears its turn's number.
    * A stream that cannot take a character gets a question mark instead of an error.
    """

    def __init__(self, stream: TextIO, *, width: int | None = None, colour: bool | None = None) -> None:
        """Print to `stream`; `width` columns and `colour` follow the stream where they are not given."""
        self._stream = stream
        self._console = Console(
            file=stream,
            width=width,
            force_terminal=True if colour else None,
            color_system={None: "auto", True: "standard", False: None}[colour],
            no_color=False if colour else None,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._interactive = stream.isatty()
        self._width = max(self._console.width, _NARROWEST)
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._bar = "\u2502" if _encodes("\u2502\u00b7", self._encoding) else "|"
        self._dot = "\u00b7" if self._bar == "\u2502" else "-"
        self._open_turn: int | None = None
        self._column = 0
        self._below = False
        self._closed = False

    @property
    def name(self) -> str:
        """The display of record: "terminal"."""
        return "terminal"

    async def show(self, message: DisplayMessage) -> DisplayReceipt:
        """Print one message.

        Raises:
            PipelineError: The display is closed, or its stream is gone.
        """
        receipt = self.write(message)
        record_show(message, receipt)
        return receipt

    def write(self, message: DisplayMessage) -> DisplayReceipt:
        """Print one message without recording a span, for a display that keeps this one as its record.

        Raises:
            PipelineError: The display is closed, or its stream is gone.
        """
        if self._closed:
            raise PipelineError("the terminal display is closed and shows nothing any more")
        sent_ns = latency_kit.now_ns()
        if message.kind is MessageKind.INTERIM:
            self._show_below(f"{'':>{_MARGIN}}{message.text} ...")
        else:
            self._put(self._rendered(message))
        flushed_ns = latency_kit.now_ns()
        return DisplayReceipt(
            sent_ns=sent_ns,
            broadcast_ns=flushed_ns,
            received_ns=flushed_ns,
            dom_updated_ns=flushed_ns,
            painted_ns=flushed_ns,
            display="terminal",
        )

    def show_progress(self, text: str) -> None:
        """Show one line below everything else until the next one replaces it; only on a real terminal.

        While an answer streams it is put off to the next call.
        """
        if not self._closed:
            self._show_below(text)

    async def close(self) -> None:
        """End the open line; idempotent. The stream itself stays open."""
        if not self._closed:
            ending = self._line_end()
            self._closed = True
            self._put(ending)

    def _rendered(self, message: DisplayMessage) -> Text:
        match message.kind:
            case MessageKind.TRANSCRIPT:
                # A question's transcript comes again as the question itself.
                asked = message.data.get("question") is True
                return Text() if asked else self._lines(message.turn, self._dot, message.text, "dim")
            case MessageKind.QUESTION:
                return self._lines(message.turn, "?", message.text, "bold")
            case MessageKind.ANSWER:
                return self._answer(message)
            case MessageKind.TERMS:
                return self._terms(message)
            case MessageKind.TURN:
                return self._timing(message)
        return Text()  # interim text is shown below the lines, not among them; notices are logged

    def _answer(self, message: DisplayMessage) -> Text:
        piece = Text()
        notice = str(message.data.get("notice", ""))
        if notice:
            piece.append_text(self._lines(message.turn, "!", notice, "italic dim"))
        if message.data.get("restart") is True and self._open_turn == message.turn:
            piece.append_text(self._line_end())
        draft = message.data.get("draft") is True
        if self._open_turn != message.turn:
            piece.append_text(self._line_end())
            piece.append_text(self._margin(message.turn, "~" if draft else self._bar))
            self._open_turn = message.turn
            if draft:
                self._wrap(piece, "draft: ", "italic dim")
        self._wrap(piece, message.text, "dim" if draft else "")
        if message.last:
            piece.append_text(self._line_end())
            if message.data.get("cut") is True:
                piece.append_text(self._lines(None, "!", "cut short: the answer is not whole", "bold red"))
            if message.data.get("shortened") is True:
                told = "shortened to be in time: there was more to say"
                piece.append_text(self._lines(None, self._bar, told, "italic dim"))
            source = source_of(message.data)
            if source:
                piece.append_text(self._lines(None, self._bar, source, "italic dim"))
        return piece

    def _terms(self, message: DisplayMessage) -> Text:
        block = Text()
        terms = message.data.get("terms")
        for entry in terms if isinstance(terms, list) else []:
            if isinstance(entry, dict):
                told = f"{entry.get('term', '')}: {entry.get('explanation', '')}"
                block.append_text(self._lines(None, self._bar, told, "cyan"))
        return block

    def _timing(self, message: DisplayMessage) -> Text:
        data = message.data
        status = str(data.get("status", ""))
        if status in {TurnStatus.NO_QUESTION, TurnStatus.NO_SPEECH}:
            return Text()
        block = Text()
        if status not in {TurnStatus.ANSWERED, ""}:
            block.append_text(self._lines(message.turn, "!", status.replace("-", " "), "bold red"))
        detail = str(data.get("detail", ""))
        if detail and status not in {TurnStatus.ANSWERED, ""}:
            block.append_text(self._lines(None, self._bar, detail, "dim"))
        total, within = total_of(data)
        if not total:
            return block
        block.append_text(self._lines(None, self._bar, total, "green" if within else "bold red"))
        for parts in (stages_of(data), way_of(data)):
            if parts:
                block.append_text(self._lines(None, self._bar, f" {self._dot} ".join(parts), "dim"))
        return block

    def _lines(self, turn: int | None, mark: str, text: str, style: str) -> Text:
        block = self._line_end()
        block.append_text(self._margin(turn, mark))
        self._wrap(block, text, style)
        block.append_text(self._line_end())
        return block

    def _margin(self, turn: int | None, mark: str) -> Text:
        number = "" if turn is None else str(turn)
        self._column = _MARGIN
        return Text(f"{number:>4} {mark} ", style="dim")

    def _line_end(self) -> Text:
        self._open_turn = None
        if self._column == 0:
            return Text()
        self._column = 0
        return Text("\n")

    def _wrap(self, block: Text, text: str, style: str = "") -> None:
        # Streaming, so greedy: a word's later half, come with the next piece, cannot be pulled down again.
        line = ""
        for number, word in enumerate(_printable(text, self._encoding).split(" ")):
            space = " " if number > 0 and self._column > _MARGIN else ""
            if self._column + len(space) + len(word) > self._width and self._column > _MARGIN:
                block.append(line, style=style)
                block.append("\n")
                block.append_text(self._margin(None, self._bar))
                line = space = ""
            line += space + word
            self._column += len(space) + len(word)
        block.append(line, style=style)

    def _show_below(self, text: str) -> None:
        if self._open_turn is not None or not self._interactive:
            return
        self._put(Text(_printable(text, self._encoding)[: self._width - 1], style="dim"))
        self._below = True

    def _put(self, text: Text) -> None:
        try:
            if self._below:
                self._stream.write("\r\x1b[2K")
                self._below = False
            if text:
                with self._console.capture() as rendered:
                    self._console.print(text, end="", soft_wrap=True)
                self._stream.write(rendered.get())
            self._stream.flush()
        except (OSError, ValueError) as error:
            raise PipelineError(f"the terminal is gone ({error}); nothing can be shown on it") from error


def _printable(text: str, encoding: str) -> str:
    kept = "".join(" " if unicodedata.category(sign) in _UNPRINTABLE else sign for sign in text)
    return kept.encode(encoding, "replace").decode(encoding)


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
