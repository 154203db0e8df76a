"""Why a speaker is sent away: a WebSocket close code and a reason."""

from dataclasses import dataclass

__all__ = [
    "CLOSE_FAILED",
    "CLOSE_GOING",
    "CLOSE_HEARD",
    "CLOSE_MALFORMED",
    "CLOSE_NAME_TAKEN",
    "CLOSE_NO_SOUND",
    "CLOSE_NO_TOKEN",
    "CLOSE_TRY_LATER",
    "Refusal",
    "RefusedError",
]

CLOSE_HEARD = 1000
CLOSE_GOING = 1001
CLOSE_FAILED = 1011
CLOSE_TRY_LATER = 1013
"""The standard's "try again later": no place is free."""

CLOSE_MALFORMED = 4400
CLOSE_NO_TOKEN = 4401
CLOSE_NO_SOUND = 4408
CLOSE_NAME_TAKEN = 4409
"""Private codes, after HTTP's 400, 401, 408 and 409."""

_LONGEST_REASON = 123
"""Bytes that a close frame has room for (RFC 6455, section 5.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a speaker is not heard, or no longer.

    * `reason` fits a close frame, whatever was given.

    Attributes:
        code: The close code.
        kind: One word to count it by, such as "full".
        reason: What the speaker is told.
    """

    code: int
    kind: str
    reason: str

    def __post_init__(self) -> None:
        encoded = self.reason.encode()
        if len(encoded) > _LONGEST_REASON:
            object.__setattr__(self, "reason", encoded[:_LONGEST_REASON].decode(errors="ignore"))


class RefusedError(Exception):
    """Ends the hearing of a speaker with a refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal
