"""One answer of a chat model while it streams in: pieces to chunks, and what makes it no answer.

Knows neither the transport nor the clock; those are the adapter's.
"""

from reference_pipeline.events import AnswerChunk, Provider
from reference_pipeline.ports import AnswererError

__all__ = ["Reply"]


class Reply:
    """Takes the pieces of one answer in order.

    - No chunk before the last is empty, and white space before the first word is dropped.
    - An answer that ends without text is an error, and says so where the model only thought.
    - An answer that the token limit cut ends with an ellipsis, so that nobody takes it for whole.
    """

    def __init__(self, *, provider: Provider, model: str, name: str) -> None:
        self._provider = provider
        self._model = model
        self._name = name
        self._thought = False
        self._has_text = False

    @property
    def has_text(self) -> bool:
        """Whether any text has come."""
        return self._has_text

    def take(
        self, content: str | None, thinking: str | None, done: bool | None, done_reason: str | None
    ) -> AnswerChunk | None:
        """Take one piece; return the chunk to pass on, None where there is nothing to show yet.

        Raises:
            AnswererError: The answer ends here and was empty.
        """
        self._thought = self._thought or bool(thinking)
        text = content or ""
        if not self._has_text:
            text = text.lstrip()
        self._has_text = self._has_text or bool(text)
        if done:
            return self._last(text, done_reason)
        return self._chunk(text, last=False) if text else None

    def cut(self) -> AnswererError:
        """Return the error for a stream that ended without its last piece."""
        return AnswererError(f"{self._name} ended the stream in mid-answer")

    def _last(self, text: str, done_reason: str | None) -> AnswerChunk:
        if not self._has_text:
            why = "only thought and said nothing" if self._thought else "gave an empty answer"
            raise AnswererError(f"{self._name} ({self._model}) {why}")
        return self._chunk(text + " ..." if done_reason == "length" else text, last=True)

    def _chunk(self, text: str, *, last: bool) -> AnswerChunk:
        return AnswerChunk(text=text, provider=self._provider, source=self._model, last=last)
