"""How often the detector is right, source by source: clean, with simulated errors, and truly misheard.

    python tests/performance/question_scores.py [--set tuning ...] [--all] [--talk] [--completeness]

Sets are pairs of files NAME-questions.txt and NAME-statements.txt beside the tests, one sentence a line. F1
comes with its 95 % confidence interval by bootstrap over sentences. `tuning` is for looking at what is judged
wrongly (`--errors`); the others are for measuring only.
"""

import argparse
import importlib.util
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from reference_pipeline.events import Completeness
from reference_pipeline.ports import QuestionDetector
from reference_pipeline.questions.completeness import WordsCompletenessJudge
from reference_pipeline.questions.detector import RuleQuestionDetector
from reference_pipeline.questions.learned_detector import THRESHOLD, LearnedQuestionDetector
from reference_pipeline.questions.network import WEIGHTS, load_network

TESTS = Path(__file__).parents[1] / "reference_pipeline" / "questions"
SENTENCES = TESTS / "sentences"
TOGETHER = ("second-backend", "second-manager", "second-radio", "second-planning", "second-clinic")
"""Sets that nobody looked at, which are scored together as well."""

SETS = (
    "tuning", "heldout", "blind-phone-screen", "blind-podcast", "blind-meeting",
    "fresh-recruiter", "fresh-systems", "fresh-trades", "fresh-meeting",
    *TOGETHER,
)  # fmt: skip
RATES = (0.0, 0.1, 0.2, 0.3)
REPEATS = 2
WORDS_AN_HOUR = 9000

Asks = Callable[[str], bool]


def main(arguments: list[str] | None = None) -> int:
    """Print the scores; return 0."""
    parser = argparse.ArgumentParser(description="Score question detection.")
    parser.add_argument("--set", action="append", dest="sets", metavar="NAME")
    parser.add_argument("--all", action="store_true", help="score all sets")
    parser.add_argument("--rules", action="store_true", help="score the rules alone")
    parser.add_argument("--errors", action="store_true", help="print what was judged wrongly")
    parser.add_argument("--talk", type=Path, nargs="?", const=SENTENCES / "talk.txt", metavar="FILE")
    parser.add_argument("--completeness", action="store_true")
    parser.add_argument("--threshold", type=float, default=THRESHOLD)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    options = parser.parse_args(arguments)
    network = load_network(options.weights)
    detector: QuestionDetector = LearnedQuestionDetector(threshold=options.threshold, network=network)
    if options.rules:
        detector = RuleQuestionDetector()
    for name in SETS if options.all else options.sets or ():
        questions, statements = (read_set(f"{name}-{kind}") for kind in ("questions", "statements"))
        print_scores(name, detector, questions, statements)
        if options.errors:
            print("  missed:", *[line for line in questions if not detector.detect(line)], sep="\n    ")
            print("  false alarms:", *[line for line in statements if detector.detect(line)], sep="\n    ")
        if options.completeness:
            print_completeness(name, WordsCompletenessJudge(network=network), questions)
    if options.all:
        pairs = [(read_set(f"{name}-questions"), read_set(f"{name}-statements")) for name in TOGETHER]
        questions, statements = ([line for pair in pairs for line in pair[side]] for side in (0, 1))
        print_scores("second, together", detector, questions, statements)
    if options.talk:
        print_false_alarms(options.talk, detector, errors=options.errors)
    return 0


def print_scores(
    name: str, detector: QuestionDetector, questions: Sequence[str], statements: Sequence[str]
) -> None:
    """Print a line for each rate of errors, and one for what was truly heard."""

    def asks(text: str) -> bool:
        return bool(detector.detect(text))

    for rate in RATES:
        print(f"{name:18} {rate:4.0%} errors  {score(asks, questions, statements, rate=rate)}", flush=True)
    heard = truly_heard()
    pairs = [[heard[line] for line in lines if line in heard] for lines in (questions, statements)]
    if all(pairs):
        lost = np.mean([words_lost(line, heard[line]) for line in (*questions, *statements) if line in heard])
        print(f"{name:18} {lost:4.0%} heard   {score(asks, *pairs, rate=0)}  of {sum(map(len, pairs))}")


def print_false_alarms(talk: Path, detector: QuestionDetector, *, errors: bool) -> None:
    """Print how often an hour of talk, an utterance a line, is taken for a question."""
    utterances = talk.read_text(encoding="utf-8").splitlines()
    hours = sum(len(line.split()) for line in utterances) / WORDS_AN_HOUR
    alarms = [line for line in utterances if detector.detect(line)]
    print(f"{talk.name}: {len(alarms)} false alarms in {hours:.2f} hours, {len(alarms) / hours:.2f} an hour")
    if errors:
        print(*alarms, sep="\n    ")


def print_completeness(name: str, judge: WordsCompletenessJudge, questions: Sequence[str]) -> None:
    """Print how whole questions are judged, and all their beginnings of two words or more."""
    whole = Counter(judge.completeness(line.rstrip("?.")) for line in questions)
    parts = Counter(
        judge.completeness(" ".join(line.split()[:end]))
        for line in questions
        for end in range(2, len(line.split()))
    )
    for what, counted in (("whole", whole), ("beginnings", parts)):
        shares = ", ".join(f"{each}: {counted[each] / counted.total():.1%}" for each in Completeness)
        print(f"{name:18} {what:12} {counted.total():4}  {shares}")


def words_lost(written: str, heard: str) -> float:
    """Return the word error rate of what was heard: edits for each word that was written."""
    wanted, got = written.lower().split(), heard.split()
    costs = list(range(len(got) + 1))
    for row, word in enumerate(wanted, 1):
        diagonal, costs[0] = costs[0], row
        for column, other in enumerate(got, 1):
            replaced = diagonal + (word != other)
            diagonal, costs[column] = costs[column], min(replaced, costs[column] + 1, costs[column - 1] + 1)
    return costs[-1] / len(wanted)


def read_set(name: str) -> list[str]:
    """Return the sentences of a file."""
    return (SENTENCES / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def score(asks: Asks, questions: Sequence[str], statements: Sequence[str], *, rate: float) -> str:
    """Return precision, recall and F1 at a rate of simulated errors."""
    repeats = REPEATS if rate else 1
    vocabulary = sorted({word for text in (*questions, *statements) for word in text.lower().split()})
    chance = random.Random(2026)
    with_errors = simulation()

    def judged(texts: Sequence[str]) -> np.ndarray:
        return np.array(
            [
                [asks(with_errors(text, rate=rate, vocabulary=vocabulary, chance=chance)) for text in texts]
                for _ in range(repeats)
            ]
        ).T

    found, triggered = judged(questions), judged(statements)
    resample = np.random.default_rng(1)
    drawn = [
        f1(
            found[resample.integers(0, len(found), len(found))],
            triggered[resample.integers(0, len(triggered), len(triggered))],
        )
        for _ in range(1000)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    precision = found.sum() / max(found.sum() + triggered.sum(), 1)
    return (
        f"precision {precision:.3f} recall {found.mean():.3f} "
        f"F1 {f1(found, triggered):.3f} [{low:.3f}, {high:.3f}]"
    )


def f1(found: np.ndarray, triggered: np.ndarray) -> float:
    """Return F1 of judgements over questions and over statements."""
    return float(2 * found.sum() / max(found.sum() + triggered.sum() + found.size, 1))


def simulation() -> Callable[..., str]:
    """Return the tests' own simulation of errors, which training does not know."""
    spec = importlib.util.spec_from_file_location("recognition_errors", TESTS / "recognition_errors.py")
    assert spec is not None  # the file is beside the sentences
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.with_errors  # type: ignore[no-any-return]


def truly_heard() -> dict[str, str]:
    """Return what pocketsphinx heard of the sentences that were spoken to it."""
    entries = (SENTENCES / "heard-evaluation.tsv").read_text(encoding="utf-8").splitlines()
    return {text: heard for text, _, heard in (entry.partition("\t") for entry in entries)}


if __name__ == "__main__":
    sys.exit(main())
