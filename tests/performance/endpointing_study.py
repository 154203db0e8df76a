"""How soon and how rightly an utterance's end is decided: `python tests/performance/endpointing_study.py`.

In stream time: blocks carry their place in the sound as capture time, and a decision is as late as the last
block it rests on; what the stages cost is measured apart, by `listening_cost.py`. Needs flite and espeak-ng.

The words come from the script, as an engine would hear them that is one block late and mistakes one word in
twelve. With `--recognise FILE` pocketsphinx hears them, which takes minutes and is kept in the file;
`--part K/N` then does the K-th part of N and stops.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from endpointing_corpus import Take, bundled_takes, human_takes, synthesised_takes
from endpointing_words import ScriptedWords, WordsHeard, understand

from reference_pipeline.capture.endpointing_settings import EndpointingSettings
from reference_pipeline.capture.listener import Listener
from reference_pipeline.capture.silero import SileroDetector
from reference_pipeline.capture.understanding import LatestUnderstanding
from reference_pipeline.events import SAMPLE_RATE, AudioBlock, HeardText, RawBlock, Samples, Utterance
from reference_pipeline.ports import CompletenessJudge, SourceError

MS = SAMPLE_RATE // 1000
RAW = 16 * MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was decided of one take; times in milliseconds.

    Attributes:
        cuts: Decisions before the true end.
        wait: From the last voiced sample found (T0) to the decision.
        true_wait: From the true last sample of speech to the decision.
        end_error: T0 against the truth; positive is late.
        start_error: The first voiced sample found, against the truth.
    """

    source: str
    placement: str
    pause_ms: int
    condition: str
    cuts: int
    wait: float | None
    true_wait: float | None
    end_error: float | None
    start_error: float | None


class SampledSound:
    """Samples as an audio source whose clock is their place."""

    name, sample_rate, overruns = "sound", SAMPLE_RATE, 0

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def start(self, deliver: Callable[[RawBlock], None], ended: Callable[[SourceError | None], None]) -> None:
        """Deliver all at once, on the caller's thread; the clock began long ago, and never catches up."""
        for begin in range(0, len(self._samples), RAW):
            part = self._samples[begin : begin + RAW, None]
            # Far ahead of the monotonic clock, so that a decision is as late as its last block and no later.
            captured_ns = _FAR_AHEAD_NS + (begin + len(part)) * 62_500
            deliver(RawBlock(samples=part, first_sample=begin, captured_ns=captured_ns))
        ended(None)

    def stop(self) -> None:
        """Do nothing: the end has been told."""


_FAR_AHEAD_NS = 1 << 61


class Decisions:
    """A sink that keeps the utterances, and tells the words of each take to the endpointer."""

    def __init__(self, understood: LatestUnderstanding, words: Callable[[int], str] | None) -> None:
        self.utterances: list[Utterance] = []
        self._understood = understood
        self._words = words
        self._before = 0

    def speech_started(self, first_block: AudioBlock) -> None:
        """Forget what was understood of the utterance before."""
        self._before = first_block.first_sample
        self._understood.forget()

    def speech_block(self, block: AudioBlock) -> None:
        """Tell what was understood up to the block before."""
        if self._words is not None:
            self._understood.heard(HeardText(text=self._words(self._before), heard_to_sample=self._before))
        self._before = block.first_sample + len(block.samples)

    def speech_ended(self, utterance: Utterance) -> None:
        """Keep the decision."""
        self.utterances.append(utterance)

    def speech_paused(self, last_voiced_sample: int) -> None:
        """Do nothing."""

    speech_resumed = speech_discarded = source_ended = lambda *_: None


def decided(
    samples: Samples, judge: CompletenessJudge, words: Callable[[int], str] | None
) -> list[Utterance]:
    """Return the utterances that a new listener hears."""
    latest = LatestUnderstanding(judge)
    sink = Decisions(latest, words)
    listener = Listener(
        SampledSound(samples),
        SileroDetector(),
        sink,
        endpointing=EndpointingSettings(),
        understood=latest.latest,
    )
    listener.start()
    return sink.utterances


def judged(take: Take, utterances: Sequence[Utterance]) -> Row:
    """Compare the decisions with the truth."""
    ends = [(u, (u.decided_ns - _FAR_AHEAD_NS) / 62_500) for u in utterances]
    after = [(u, at) for u, at in ends if at >= take.end]
    last, at = after[0] if after else (None, 0.0)
    return Row(
        source=take.source,
        placement=take.placement,
        pause_ms=take.pause_ms,
        condition=take.condition,
        cuts=sum(at < take.end for _, at in ends),
        wait=None if last is None else (at - last.last_sample) / MS,
        true_wait=None if last is None else (at - take.end) / MS,
        end_error=None if last is None else (last.last_sample - take.end) / MS,
        start_error=(utterances[0].first_sample - take.start) / MS if utterances else None,
    )


def table(rows: Sequence[Row], name: str, key: Callable[[Row], str]) -> Iterator[str]:
    """Yield the lines of a table with a row for each value of `key`."""
    yield ""
    yield (
        f"{name:<28} {'takes':>5} {'cut':>4} {'missed':>6} | from T0 {'p50':>5} {'p95':>5} | from the truth "
        f"{'p50':>5} {'p95':>5} | T0 error {'p5':>5} {'p50':>5} {'p95':>5}"
    )
    for value in sorted({key(row) for row in rows}):
        group = [row for row in rows if key(row) == value]
        heard = [row for row in group if row.wait is not None]
        figures = [
            percentile([getattr(row, field) for row in heard], rank)
            for field, ranks in (("wait", (50, 95)), ("true_wait", (50, 95)), ("end_error", (5, 50, 95)))
            for rank in ranks
        ]
        one, two, three, four, five, six, seven = (f"{figure:5.0f}" for figure in figures)
        cut = sum(row.cuts > 0 for row in group)
        yield (
            f"{value:<28} {len(group):>5} {cut:>4} {len(group) - len(heard):>6} |         {one} {two} |"
            f"                {three} {four} |          {five} {six} {seven}"
        )


def percentile(values: Sequence[float], rank: int) -> float:
    """Return the smallest value with at least that share at or below it; nan of none."""
    return float(np.percentile(values, rank, method="inverted_cdf")) if values else float("nan")


def rhythm(judge: CompletenessJudge) -> Iterator[str]:
    """Yield what one listener learns of a speaker who pauses for 330 ms, told nothing of the words."""
    from endpointing_corpus import hesitant_talk  # noqa: PLC0415  # beside its only use

    sound, spans = hesitant_talk(24)
    utterances = decided(sound, judge, None)
    cuts = [sum(start < u.last_sample < end - 50 * MS for u in utterances) > 0 for start, end in spans]
    yield ""
    yield (
        "A speaker who pauses for 330 ms in every utterance, by the rhythm alone: cut of each eight in turn: "
        + (", ".join(str(sum(cuts[first : first + 8])) for first in (0, 8, 16)))
    )


def main() -> None:
    """Run the study and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--takes", type=int, default=300, help="synthesised takes beside the recorded ones")
    parser.add_argument("--recognise", metavar="FILE", type=Path, help="let pocketsphinx hear the words")
    parser.add_argument("--part", metavar="K/N", default="", help="recognise the K-th part of N and stop")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    given = parser.parse_args()
    takes = [*bundled_takes(), *human_takes(), *synthesised_takes(given.takes)]
    words: ScriptedWords | WordsHeard = ScriptedWords(takes)
    if given.recognise:
        words = WordsHeard(given.recognise)
        part, parts = (int(number) for number in (given.part or "1/1").split("/"))
        understand(takes, range(part - 1, len(takes), parts), words)
        if given.part:
            return
    judge = compose_judge()
    rows = [
        judged(take, decided(take.samples, judge, lambda at, number=number: words.until(number, at)))
        for number, take in enumerate(takes)
    ]
    lines = [f"{len(rows)} utterances; times in ms"]
    asked = [row for row in rows if row.placement != "after a whole"]
    lines += table(asked, "all but after a whole", lambda _: "all")
    lines += table(rows, "by source", lambda row: row.source)
    lines += table(rows, "by pause", lambda row: f"{row.placement} {row.pause_ms or ''}".strip())
    lines += table(rows, "by condition", lambda row: row.condition)
    lines += rhythm(judge)
    sys.stdout.write("\n".join(lines) + "\n")
    if given.json:
        given.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


def compose_judge() -> CompletenessJudge:
    """Return what judges the words in the assistant."""
    from reference_pipeline.decision import Decider  # noqa: PLC0415  # it loads what was learned
    from reference_pipeline.questions.completeness import WordsCompletenessJudge  # noqa: PLC0415
    from reference_pipeline.questions.learned_detector import LearnedQuestionDetector  # noqa: PLC0415
    from reference_pipeline.transcription.deduplication import Deduplicator  # noqa: PLC0415
    from reference_pipeline.transcription.segmentation import Segmenter  # noqa: PLC0415

    return Decider(Segmenter(), LearnedQuestionDetector(), Deduplicator(), WordsCompletenessJudge())


if __name__ == "__main__":
    main()
