"""One answer of a chat model while it streams in: pieces to chunks, and what makes it no answer.

Knows neither the transport nor the clock; those are the adapter's.
"""

from collections.abc import Sequence

from reference_pipeline.answering.terms_tail import TermsTail
from reference_pipeline.events import AnswerChunk, Provider, TermExplanation
from reference_pipeline.ports import AnswererError

__all__ = ["CUT_MARK", "Reply"]

CUT_MARK = " ..."
"""What ends an answer that is not whole, so that nobody takes it for whole."""


class Reply:
    """Takes the pieces of one answer in order.

    - No chunk before the last is empty, and white space before the first word is dropped.
    - The chunk with `last` comes as soon as the answer's text is complete; terms may follow it.
    - An answer that ends without text is an error, and says so where the model only thought.
    - An answer that the token limit cut ends with an ellipsis and is marked as cut.
    - The chunks' tokens add up to what the server said, or to the pieces where it says nothing.
    """

    def __init__(self, *, provider: Provider, model: str, name: str) -> None:
        self._provider = provider
        self._model = model
        self._name = name
        self._tail = TermsTail()
        self._thought = False
        self._has_text = False
        self._tokens = 0
        self._unsaid = 0

    @property
    def has_text(self) -> bool:
        """Whether any text has come."""
        return self._has_text

    @property
    def is_complete(self) -> bool:
        """Whether the answer's text is complete."""
        return self._tail.is_over

    @property
    def tokens(self) -> int:
        """How many pieces have come, which are tokens as Ollama streams them."""
        return self._tokens

    def take(
        self,
        content: str | None,
        thinking: str | None,
        done: bool | None,
        done_reason: str | None,
        *,
        prompt_tokens: int | None = None,
        answer_tokens: int | None = None,
    ) -> Sequence[AnswerChunk]:
        """Take one piece; return the chunks to pass on, none where there is nothing to show yet.

        Raises:
            AnswererError: The answer ends here and was empty.
        """
        self._thought = self._thought or bool(thinking)
        if content or thinking:
            self._tokens += 1
            self._unsaid += 1
        text = content or ""
        if not self._has_text:
            text = text.lstrip()
        was_over = self._tail.is_over
        text, terms = self._tail.take(text)
        self._has_text = self._has_text or bool(text)
        if done:
            more = (answer_tokens or self._tokens) - self._tokens
            self._unsaid += max(0, more)
            return self._ended(text, terms, was_over, done_reason == "length", prompt_tokens or 0)
        if self._tail.is_over and not was_over:
            return [self._chunk(text, last=True), *self._explained(terms)]
        if self._tail.is_over:
            return self._explained(terms)
        return [self._chunk(text, last=False)] if text else []

    def broken_off(self) -> AnswererError:
        """Return the error for a stream that ended without its last piece."""
        return AnswererError(f"{self._name} ended the stream in mid-answer")

    def _ended(
        self, text: str, terms: tuple[TermExplanation, ...], was_over: bool, cut: bool, prompt_tokens: int
    ) -> Sequence[AnswerChunk]:
        held, more = self._tail.end(cut=cut)
        text, terms = text + held, (*terms, *more)
        if not self._has_text and not text:
            why = "only thought and said nothing" if self._thought else "gave an empty answer"
            raise AnswererError(f"{self._name} ({self._model}) {why}")
        if was_over:
            return [self._chunk("", terms=terms, prompt_tokens=prompt_tokens)]
        cut = cut and not self._tail.is_over
        last = self._chunk(text + CUT_MARK if cut else text, last=True, cut=cut, prompt_tokens=prompt_tokens)
        return [last, *self._explained(terms)]

    def _explained(self, terms: tuple[TermExplanation, ...]) -> list[AnswerChunk]:
        return [self._chunk("", terms=terms)] if terms else []

    def _chunk(
        self,
        text: str,
        *,
        last: bool = False,
        cut: bool = False,
        terms: tuple[TermExplanation, ...] = (),
        prompt_tokens: int = 0,
    ) -> AnswerChunk:
        tokens, self._unsaid = self._unsaid, 0
        return AnswerChunk(
            text=text,
            provider=self._provider,
            source=self._model,
            last=last,
            cut=cut,
            terms=terms,
            tokens=tokens,
            prompt_tokens=prompt_tokens,
        )
