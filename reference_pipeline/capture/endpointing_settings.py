"""The limits of endpointing: from which probability, after how much silence. Data and its checks only."""

from dataclasses import dataclass, fields

__all__ = ["EndpointingSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointingSettings:
    """The limits of endpointing. Times are milliseconds of sound.

    Attributes:
        start_threshold: Probability from which a block counts as voiced while nobody speaks.
        keep_threshold: Probability from which a block counts as voiced while somebody speaks.
        doubt_threshold: From here up to `keep_threshold` a block is in doubt: energy decides. Detectors
            waver inside speech that is clipped, noisy or from a telephone, and at a released consonant.
        near_db: A block weaker than the loudest 8 ms of the utterance by more than this is not the speaker's,
            though voiced: final syllables stay within it, talk behind the speaker mostly does not.
        start_voiced_ms: Voiced sound in a row that begins an utterance.
        pause_ms: Silence inside it that is told as a pause: longer than the closure of a consonant (80 ms
            at most), and early enough that work begun then is done when the utterance is committed.
        complete_limit_ms: Silence after the last voiced sample that ends it where what was said is complete,
            and the shortest that ends it at all.
        silence_limit_ms: The same where the words do not tell, of a speaker who is not known yet.
        patient_limit_ms: The same, at most, of a speaker who is known to pause.
        hold_limit_ms: The same where what was said is unfinished.
        min_voiced_ms: An utterance with less voiced sound than this is discarded.
        max_utterance_ms: An utterance is ended here even if somebody still speaks.
        pre_roll_ms: Sound before the first voiced block that belongs to the utterance.
    """

    start_threshold: float = 0.5
    keep_threshold: float = 0.5
    doubt_threshold: float = 0.2
    near_db: float = 30.0
    start_voiced_ms: int = 64
    pause_ms: int = 96
    complete_limit_ms: int = 190
    silence_limit_ms: int = 300
    patient_limit_ms: int = 450
    hold_limit_ms: int = 800
    min_voiced_ms: int = 160
    max_utterance_ms: int = 20_000
    pre_roll_ms: int = 320

    def __post_init__(self) -> None:
        if not 0 < self.doubt_threshold <= self.keep_threshold <= self.start_threshold < 1:
            raise ValueError(
                "expected 0 < doubt_threshold <= keep_threshold <= start_threshold < 1, "
                f"got {self.doubt_threshold}, {self.keep_threshold} and {self.start_threshold}"
            )
        if self.near_db <= 0:
            raise ValueError(f"expected near_db over 0, got {self.near_db}")
        for field in fields(self):
            if field.name.endswith("_ms") and getattr(self, field.name) <= 0:
                raise ValueError(f"expected {field.name} to be over 0 ms, got {getattr(self, field.name)}")
        limits = ("pause_ms", "complete_limit_ms", "silence_limit_ms", "patient_limit_ms", "hold_limit_ms")
        given = [getattr(self, name) for name in limits]
        if given != sorted(given):
            raise ValueError(f"expected {' <= '.join(limits)}, got {', '.join(map(str, given))}")
        if self.max_utterance_ms <= self.min_voiced_ms + self.hold_limit_ms:
            raise ValueError(
                "expected max_utterance_ms to be longer than min_voiced_ms and hold_limit_ms together, "
                f"got {self.max_utterance_ms}"
            )
