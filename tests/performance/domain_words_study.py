"""Does a domain language model from the notes help? `python tests/performance/domain_words_study.py`.

Decodes the bundled interview, synthesised questions about notes, synthesised ordinary talk and human prose
without and with the notes' words. The probability of a term is chosen on every second pair of the sentences
of questions and of ordinary talk; the figures are of the others, and of the whole interview and prose.
Prints Markdown tables; `--write FILE` puts them between the marks of that document. `--keep FILE` stores
each pass as it is done and takes it from there the next time: a busy machine does the study in parts.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from domain_words_corpus import Spoken, human, interview, notes, synthesised

from reference_pipeline.events import SAMPLE_RATE, AudioBlock
from reference_pipeline.transcription.domain_language_model import Term, terms_of
from reference_pipeline.transcription.pocketsphinx_decoder import general_log10
from reference_pipeline.transcription.pocketsphinx_transcriber import PocketsphinxTranscriber

TRIED = (1e-5, 1e-4, 3e-4, 1e-3)
BLOCK = SAMPLE_RATE * 32 // 1000
RARE_LOG10 = -4.0
"""Below this unigram probability in the general model a word is rare in general English."""
CLOSE = 1 / 200
"""Errors a word by which a smaller probability may be behind the best one in tuning."""
RESAMPLES = 2000
MARKS = ("<!-- domain words study -->", "<!-- end of domain words study -->")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One utterance decoded: errors of all words, those of the words that matter missed and wrongly heard."""

    words: int
    errors: int
    matter: int
    missed: int
    invented: int
    decode_s: float
    finish_s: float
    sound_s: float


def align(said: Sequence[str], heard: Sequence[str]) -> tuple[int, list[bool]]:
    """Return the edit distance, and which words of `said` are right in one alignment of that distance."""
    table = np.zeros((len(said) + 1, len(heard) + 1), dtype=int)
    table[:, 0], table[0, :] = range(len(said) + 1), range(len(heard) + 1)
    for i, word in enumerate(said, start=1):
        for j, other in enumerate(heard, start=1):
            replaced = table[i - 1, j - 1] + (word != other)
            table[i, j] = min(replaced, table[i - 1, j] + 1, table[i, j - 1] + 1)
    right = [False] * len(said)
    i, j = len(said), len(heard)
    while i and j:
        if table[i, j] == table[i - 1, j - 1] + (said[i - 1] != heard[j - 1]):
            right[i - 1] = said[i - 1] == heard[j - 1]
            i, j = i - 1, j - 1
        elif table[i, j] == table[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return int(table[-1, -1]), right


def decode(
    spoken: Sequence[Spoken], matter: frozenset[str], terms: Sequence[Term], share: float
) -> list[Heard]:
    """Decode everything by one transcriber, in order, as in a session."""
    transcriber = PocketsphinxTranscriber(domain_terms=terms, domain_probability=share)
    transcriber.warm_up()
    found = []
    for one in spoken:
        begun = time.thread_time()
        transcriber.begin()
        for start in range(0, len(one.samples), BLOCK):
            transcriber.feed(
                AudioBlock(samples=one.samples[start : start + BLOCK], first_sample=start, start_ns=0)
            )
        fed = time.thread_time()
        text = transcriber.finish().text
        done = time.thread_time()
        said, heard = one.text.split(), text.split()
        errors, right = align(said, heard)
        found.append(
            Heard(
                words=len(said),
                errors=errors,
                matter=sum(word in matter for word in said),
                missed=sum(word in matter and not hit for word, hit in zip(said, right, strict=True)),
                invented=sum(word in matter and word not in said for word in heard),
                decode_s=fed - begun,
                finish_s=done - fed,
                sound_s=len(one.samples) / SAMPLE_RATE,
            )
        )
    transcriber.close()
    return found


def interval(without: Sequence[int], with_: Sequence[int], of: Sequence[int]) -> str:
    """Return the change of a rate in points with its 95 % interval: a bootstrap over paired utterances."""
    changes, sizes = np.subtract(with_, without), np.array(of)
    if not sizes.sum():
        return "none"
    picked = np.random.default_rng(1).integers(0, len(sizes), (RESAMPLES, len(sizes)))
    rates = changes[picked].sum(axis=1) / np.maximum(1, sizes[picked].sum(axis=1))
    low, high = 100 * np.quantile(rates, (0.025, 0.975))
    return f"{100 * changes.sum() / sizes.sum():+.1f} ({low:+.1f} to {high:+.1f})"


def rows(group: str, without: Sequence[Heard], with_: Sequence[Heard]) -> list[str]:
    """Return the lines of the table for one group."""
    lines = []
    for what, bad, of in (("all", "errors", "words"), ("notes' rare words", "missed", "matter")):
        sizes = [getattr(one, of) for one in without]
        old, new = ([getattr(one, bad) for one in heard] for heard in (without, with_))
        if not sum(sizes):
            continue
        rates = [f"{sum(count)} ({100 * sum(count) / sum(sizes):.1f} %)" for count in (old, new)]
        lines.append(
            f"| {group} | {what} | {sum(sizes)} | {rates[0]} | {rates[1]} | {interval(old, new, sizes)} |"
        )
    return lines


def rare_words(terms: Sequence[Term]) -> frozenset[str]:
    """Return the words of the notes that are rare in general English, by the general model."""
    words = sorted({word for term in terms for word in term.text.split()})
    known = general_log10([(word,) for word in words])
    return frozenset(word for word, log10 in zip(words, known, strict=True) if log10 < RARE_LOG10)


class Passes:
    """Decoding passes over the two halves, each done once and kept where that is asked for."""

    def __init__(self, kept: Path | None) -> None:
        self._kept = kept
        self._terms = terms_of(notes())
        self._matter = rare_words(self._terms)
        made = list(synthesised())
        sentences = list(dict.fromkeys(one.text for one in made))
        second = [sentences.index(one.text) // 2 % 2 for one in made]
        tuning = [one for one, is_second in zip(made, second, strict=True) if not is_second]
        rest = [one for one, is_second in zip(made, second, strict=True) if is_second]
        self.sets = {"tuning": tuning, "judged": [*interview(), *rest, *human()]}
        self._done = (
            json.loads(kept.read_text(encoding="utf-8")) if kept is not None and kept.is_file() else {}
        )

    def heard(self, which: str, share: float | None) -> list[Heard]:
        """Return one pass: a term's probability, or None for the general model alone."""
        key = f"{which} {share}"
        if key not in self._done:
            terms = () if share is None else self._terms
            found = decode(self.sets[which], self._matter, terms, share or TRIED[0])
            self._done[key] = [asdict(one) for one in found]
            if self._kept is not None:
                self._kept.write_text(json.dumps(self._done), encoding="utf-8")
        return [Heard(**one) for one in self._done[key]]


def study(passes: Passes) -> str:
    """Run it and return the Markdown."""
    lines = ["| a term's probability | errors in tuning | rare words missed |", "| --- | --- | --- |"]
    scores = {}
    for share in (None, *TRIED):
        heard = passes.heard("tuning", share)
        errors, missed = sum(one.errors for one in heard), sum(one.missed for one in heard)
        words, matter = sum(one.words for one in heard), sum(one.matter for one in heard)
        lines.append(f"| {share or 'without'} | {errors} of {words} | {missed} of {matter} |")
        if share is not None:
            scores[share] = errors
    # The bound on all terms together caps what many get; of those that hardly differ the gentlest is taken.
    best = min(share for share in scores if scores[share] <= min(scores.values()) + CLOSE * words)
    without, with_ = passes.heard("judged", None), passes.heard("judged", best)
    lines += ["", f"With {best:g}, on what was not tuned on:", ""]
    lines += ["| what | words | count | wrong without | wrong with | change in points (95 %) |"]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    groups = [one.group for one in passes.sets["judged"]]
    for group in dict.fromkeys(groups):
        at = [place for place, other in enumerate(groups) if other == group]
        lines += rows(group, [without[place] for place in at], [with_[place] for place in at])
    lines += ["", *_costs(without, with_)]
    return "\n".join(lines)


def _costs(without: Sequence[Heard], with_: Sequence[Heard]) -> list[str]:
    lines = ["| cost | without | with |", "| --- | --- | --- |"]
    sound = sum(one.sound_s for one in without)
    rates = [sum(one.decode_s for one in heard) / sound for heard in (without, with_)]
    lines.append(f"| processor seconds a second of sound | {rates[0]:.3f} | {rates[1]:.3f} |")
    for share in (0.5, 0.95):
        ends = [1000 * np.quantile([one.finish_s for one in heard], share) for heard in (without, with_)]
        lines.append(
            f"| final text after the last block, p{100 * share:.0f} (ms) | {ends[0]:.1f} | {ends[1]:.1f} |"
        )
    invented = [sum(one.invented for one in heard) for heard in (without, with_)]
    lines.append(f"| rare words of the notes heard that were not said | {invented[0]} | {invented[1]} |")
    return lines


def main() -> None:
    """Print the tables, and write them where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="A document with the marks of this study.")
    parser.add_argument("--keep", type=Path, help="A JSON file for the passes that are done.")
    chosen = parser.parse_args()
    text = study(Passes(chosen.keep))
    print(text)  # noqa: T201  # what this program is for
    if chosen.write is not None:
        before, rest = chosen.write.read_text(encoding="utf-8").split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        chosen.write.write_text(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
