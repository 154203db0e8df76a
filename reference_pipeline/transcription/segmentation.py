"""From the text of an utterance to the sentences in which questions are looked for.

Works on text with punctuation (faster-whisper) and without (pocketsphinx). Whether a sentence asks
something is decided elsewhere; several questions that hang together ("what is a closure and how does it
work") are therefore left in one sentence. No word is ever dropped: what comes out, in order, is what came in.
"""

import re
from collections.abc import Callable

import latency_kit
from reference_pipeline.transcription.normalisation import words

__all__ = ["Segmenter", "is_unfinished", "split_sentences"]

DEFAULT_JOIN_WITHIN_NS = 10_000_000_000
"""How long an unfinished sentence waits for its rest: a hesitation and the time to say the rest."""

MOST_HELD_WORDS = 60
"""An unfinished sentence longer than this is let go: it is a tale, not half a question."""

_SENTENCE_END = re.compile(r"""(?<=[.?!])["'\u201d\u2019)]*\s+(?=\S)""")

_ABBREVIATION = re.compile(r"(?:\b(?:[a-z]\.)+[a-z]|\b(?:mr|mrs|ms|dr|vs|etc|approx))\.$", re.IGNORECASE)

_AUXILIARY = "am|is|are|was|were|do|does|did|have|has|had|will|would|can|could|shall|should|might|must"
_PRONOUN = "i|you|he|she|it|we|they|there|this|that|these|those"
_IMPERATIVE = (
    "tell me|tell us|describe|explain|walk me|walk us|talk me|talk us|give me|give us|show me|imagine|suppose"
)
_NEW_SENTENCE = re.compile(
    # "so" and its like begin a sentence where a question or a request follows at once, unless what stands
    # before shows that they belong to it ("if so would you ...", "how so", "i think so").
    r"(?<=\w)(?<!\bif)(?<!\bwhy)(?<!\bhow)(?<!\band)(?<!\bor)(?<!\bnot)(?<!\bthink)(?<!\beven)(?<!\bis)(?<!\bwas)\s+"
    r"(?=(?:so|okay|ok|alright|anyway)\s+(?:and\s+|then\s+|now\s+)?(?:"
    rf"(?:what|how|why|where|when|who|which)\s+(?:{_AUXILIARY})\b"
    rf"|(?:{_AUXILIARY})\s+(?:{_PRONOUN})\b"
    rf"|(?:{_IMPERATIVE})\b))",
    re.IGNORECASE,
)

_HESITATIONS = frozenset(("um", "uh", "er", "erm", "hm", "hmm"))
_NEVER_LAST = frozenset(
    words(
        "a an the my your our their its and or but because if although though while whereas than whether "
        "between into during without versus vs every"
    )
)
"""Words that no sentence ends with. Most prepositions are not among them: "what are you looking for"."""

_UNFINISHED = re.compile(
    r"(?:^|\s)(?:"
    r"(?:what|how|why|where|when|which)\s+(?:(?:do|does|did|would|could|can|should|will)(?:\s+(?:you|we|i|they))?"
    r"|is|are|was|were)"
    r"|(?:can|could|would|will)\s+you(?:\s+please)?"
    r"|(?:tell|give|show)\s+(?:me|us)(?:\s+(?:about|how|why|what))?"
    r"|(?:can|could|would)\s+you\s+(?:please\s+)?(?:describe|explain)"
    r"|and\s+so"
    r")$"
    r"|^(?:and|or|so|but)\s+(?:what|how|where|when|which)$"
)


class Segmenter:
    """Splits one speaker's utterances into sentences, over the cuts of the endpointer.

    * What was said comes out in order and whole: an unfinished sentence is held and put before the next
      utterance, and when none comes in time, or at `flush`, comes out as it is.
    * No word comes out twice, save where `flush` leaves them for a rest that comes late.
    * At most `MOST_HELD_WORDS` words are held.

    Args:
        join_within_ns: How long an unfinished sentence waits for its rest, in nanoseconds.
        clock: Monotonic nanoseconds.
    """

    def __init__(
        self,
        *,
        join_within_ns: int = DEFAULT_JOIN_WITHIN_NS,
        clock: Callable[[], int] = latency_kit.now_ns,
    ) -> None:
        self._join_within_ns = join_within_ns
        self._clock = clock
        self._held = ""
        self._held_since_ns = 0
        self._is_flushed = False

    @property
    def join_within_ns(self) -> int:
        """How long an unfinished sentence waits for its rest."""
        return self._join_within_ns

    @property
    def held(self) -> str:
        """The unfinished sentence that waits for its rest; empty where there is none."""
        return self._held

    def segment(self, text: str) -> tuple[str, ...]:
        """Return the sentences that the utterance completes."""
        now_ns = self._clock()
        text = " ".join(text.split())
        if not text:
            return ()
        late: tuple[str, ...] = ()
        if self._held and now_ns - self._held_since_ns > self._join_within_ns:
            late = self.flush()
        sentences = split_sentences(f"{self._held} {text}" if self._held else text)
        self._held, self._is_flushed = "", False
        if len(words(sentences[-1])) <= MOST_HELD_WORDS and is_unfinished(sentences[-1]):
            self._held = sentences.pop()
            self._held_since_ns = now_ns
        return (*late, *sentences)

    def flush(self, *, leave: bool = False) -> tuple[str, ...]:
        """Return what is held as it is, since no rest is waited for any longer; once.

        Args:
            leave: Whether a rest that comes in time nevertheless is put behind it.
        """
        flushed = (self._held,) if self._held and not self._is_flushed else ()
        self._is_flushed = leave and bool(self._held)
        if not leave:
            self._held = ""
        return flushed


def split_sentences(text: str) -> list[str]:
    """Split `text` at the ends of sentences and where a word such as "so" leads to a question or a request.

    Joined with single spaces, the sentences are the text again (its white space collapsed).
    """
    sentences: list[str] = []
    for piece in _split_at_punctuation(" ".join(text.split())):
        sentences.extend(_NEW_SENTENCE.split(piece))
    return sentences


def _split_at_punctuation(text: str) -> list[str]:
    pieces: list[str] = []
    start = 0
    for gap in _SENTENCE_END.finditer(text):
        piece = text[start : gap.end()].rstrip()
        if _ABBREVIATION.search(piece):
            continue
        pieces.append(piece)
        start = gap.end()
    if start < len(text):
        pieces.append(text[start:])
    return pieces


def is_unfinished(sentence: str) -> bool:
    """Return whether the sentence breaks off: "and how would you", "what is the difference between".

    Judged by its last words; a sentence that ends with punctuation is finished, save for an ellipsis.
    """
    stripped = sentence.rstrip("\"'\u201d\u2019) ")
    if stripped.endswith(("...", "\u2026", ",", "-")):
        return True
    if stripped.endswith((".", "?", "!")):
        return False
    said = words(stripped)
    while said and said[-1] in _HESITATIONS:
        said.pop()
    if not said:
        return False
    return said[-1] in _NEVER_LAST or _UNFINISHED.search(" ".join(said[-5:])) is not None
