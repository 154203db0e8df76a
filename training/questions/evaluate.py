"""How often the detector is right, source by source: clean, with simulated errors, and truly misheard.

    python -m training.questions.evaluate [--set tuning ...] [--rules] [--errors]

Sets are pairs of files NAME-questions.txt and NAME-statements.txt under tests/.../questions/sentences, one
sentence a line. F1 comes with its 95 % confidence interval by bootstrap over sentences.
"""

import argparse
import importlib.util
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from reference_pipeline.questions.detector import RuleQuestionDetector
from reference_pipeline.questions.learned_detector import THRESHOLD, LearnedQuestionDetector

TESTS = Path(__file__).parents[2] / "tests" / "reference_pipeline" / "questions"
SENTENCES = TESTS / "sentences"
RATES = (0.0, 0.1, 0.2, 0.3)
REPEATS = 5

Asks = Callable[[str], bool]


def main(arguments: list[str] | None = None) -> int:
    """Print the scores; return 0."""
    parser = argparse.ArgumentParser(description="Score question detection.")
    parser.add_argument("--set", action="append", dest="sets")
    parser.add_argument("--rules", action="store_true", help="score the rules alone")
    parser.add_argument("--errors", action="store_true", help="print what was judged wrongly")
    parser.add_argument("--threshold", type=float, default=THRESHOLD)
    options = parser.parse_args(arguments)
    detector = RuleQuestionDetector() if options.rules else LearnedQuestionDetector(threshold=options.threshold)

    def asks(text: str) -> bool:
        return bool(detector.detect(text))

    heard = _heard()
    for name in options.sets or ["tuning"]:
        questions, statements = (read_set(f"{name}-{kind}") for kind in ("questions", "statements"))
        for rate in RATES:
            print(f"{name:22} {rate:4.0%} errors  {score(asks, questions, statements, rate=rate)}")
        pairs = [[heard[line] for line in lines if line in heard] for lines in (questions, statements)]
        if all(pairs):
            print(f"{name:22} truly heard  {score(asks, *pairs, rate=0)}  of {sum(map(len, pairs))}")
        if options.errors:
            print("  missed:", *[line for line in questions if not asks(line)], sep="\n    ")
            print("  false alarms:", *[line for line in statements if asks(line)], sep="\n    ")
    return 0


def read_set(name: str) -> list[str]:
    """Return the sentences of a file."""
    return (SENTENCES / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def score(asks: Asks, questions: Sequence[str], statements: Sequence[str], *, rate: float) -> str:
    """Return precision, recall and F1 at a rate of simulated errors."""
    repeats = REPEATS if rate else 1
    vocabulary = sorted({word for text in (*questions, *statements) for word in text.lower().split()})
    chance = random.Random(2026)  # noqa: S311  # repeatable, not secret
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
    assert spec is not None  # noqa: S101  # the file is beside the sentences
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.with_errors  # type: ignore[no-any-return]


def _heard() -> dict[str, str]:
    entries = (SENTENCES / "heard-evaluation.tsv").read_text(encoding="utf-8").splitlines()
    return {text: heard for text, _, heard in (entry.partition("\t") for entry in entries)}


if __name__ == "__main__":
    sys.exit(main())
