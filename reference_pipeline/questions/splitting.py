"""Whether a second question in the same breath stands alone, or belongs to the first.

"What is your greatest strength and what is your greatest weakness" are two; "what is a closure and how
does it work" is one, since the second half means nothing without the first.
"""

from collections.abc import Sequence

from reference_pipeline.questions.lexicon import CONNECTORS, FUNCTION_WORDS
from reference_pipeline.questions.phrases import word_set

__all__ = ["stands_alone"]

_ANAPHORA = word_set(
    "it its they them their that those this these he she him her one ones other either both so such "
    "then there"
)
_MIN_CONTENT = 2


def stands_alone(clause: Sequence[str], before: Sequence[str]) -> bool:
    """Return whether `clause`, which follows the question `before`, is a question of its own.

    Args:
        clause: The words from the second question's head to the end.
        before: The words of the question that runs, up to the second one's head.
    """
    if tuple(before[-2:]) == ("if", "so") or tuple(before[-3:]) == ("if", "so", "when"):
        return False
    if any(form == "if" and after == "so" for form, after in zip(before[-6:], before[-5:], strict=False)):
        return False
    content = [form for form in clause if form not in FUNCTION_WORDS]
    if len(content) < _MIN_CONTENT:
        return False
    joined = bool(before) and before[-1] in CONNECTORS
    return not (joined and any(form in _ANAPHORA for form in clause))
