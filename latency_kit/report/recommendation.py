"""One piece of advice. The rules that give it live in `recommendations` and `causes`."""

from dataclasses import dataclass

__all__ = ["Recommendation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """One piece of advice.

    Attributes:
        about: The budget, stage, series or count that it is about.
        finding: What was measured, with the figure.
        advice: What to do about it.
    """

    about: str
    finding: str
    advice: str

    @property
    def text(self) -> str:
        """Finding and advice in one line."""
        return f"{self.finding}: {self.advice}."
