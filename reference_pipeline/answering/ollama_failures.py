"""What a failed request to Ollama is called: in our words for spans, with the server's own for the page.

A server's words may repeat the prompt, and a broken line is a piece of the answer: neither may be in the
message of an exception, which spans keep. Knows statuses and texts only, not the packages that raise.
"""

from reference_pipeline.ports import AnswererError

__all__ = ["nonsense", "one_line", "refused", "unreachable"]

MOST_CHARACTERS = 200
"""Of a server's own words; some send a whole page."""

_UNAUTHORISED = frozenset((401, 403))
_NOT_FOUND = 404


def refused(name: str, *, model: str, status: int, words: str) -> AnswererError:
    """Return the error for a server that answered with an error status, or with an error line (below 0)."""
    reason = one_line(words)
    if status in _UNAUTHORISED:
        return AnswererError(
            f"{name} refused the key ({status}); check OLLAMA_API_KEY",
            told=f"{name} refused the key ({status}: {reason}); check OLLAMA_API_KEY",
        )
    if status == _NOT_FOUND:
        return AnswererError(
            f"{name} has no model {model!r}; try: ollama pull {model}",
            told=f"{name} has no model {model!r} ({reason}); try: ollama pull {model}",
        )
    what = f"answered with status {status}" if status >= 0 else "broke off with an error"
    return AnswererError(f"{name} {what}", told=f"{name} {what}: {reason}")


def unreachable(name: str, *, host: str, error: Exception, lost: bool) -> AnswererError:
    """Return the error for a connection that failed, or was `lost` once it stood."""
    what = "broke the connection off" if lost else "cannot be reached"
    return AnswererError(
        f"{name} {what} ({type(error).__name__})", told=f"{name} at {host} {what}: {one_line(error)}"
    )


def nonsense(name: str, error: Exception) -> AnswererError:
    """Return the error for a line that is none of the protocol; what it holds is told to nobody."""
    return AnswererError(f"{name} sent a line that is no chat response ({type(error).__name__})")


def one_line(error: object) -> str:
    """Return the words of an error in a line of bounded length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + "..."
