"""The gate study: how often the gate cries wolf, and how much of what is there it finds.

    nox -s gate-study                                             # all trials, some forty minutes
    nox -s gate-study -- --unchanged 30 --changed 6               # a first look
    nox -s gate-study -- --results study.jsonl --minutes 9        # a part; once more to go on
    nox -s gate-study -- --results study.jsonl --write-docs       # into docs/latency-kit/gate.md

A trial is a comparison of two versions by what `latency-kit gate` runs, with its defaults: a benchmark of
`gate_study_workloads.py` in processes of its own, judged by the same rule. The versions differ by the amount
of work that they truly do. It ends with exit code 1 where a bar is missed.
"""

import argparse
import datetime as dt
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from gate_study_table import WORKLOADS, Outcome, bars, digest_of_gate, markdown, write_into_docs

from latency_kit.gate import Benchmark, LockStep, Version, compare_in_lock_step, idlest_core

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs" / "latency-kit" / "gate.md"

UNCHANGED, SLOWER_3, SLOWER_5, TAIL_15 = "none", "median +3 %", "median +5 %", "p99 +15 %"

AMOUNTS = {
    # work: what both do where nothing is changed or the tail only; by effect what each does otherwise.
    # 33 and 34 are the fewest that are 3 % apart.
    "loop": {UNCHANGED: (1000, 1000), SLOWER_3: (1000, 1030), SLOWER_5: (1000, 1050)},
    "allocation": {UNCHANGED: (100, 100), SLOWER_3: (100, 103), SLOWER_5: (100, 105)},
    "tasks": {UNCHANGED: (10, 10), SLOWER_3: (33, 34), SLOWER_5: (20, 21)},
    "loopback": {UNCHANGED: (10, 10), SLOWER_3: (33, 34), SLOWER_5: (20, 21)},
    "echo": {UNCHANGED: (10, 10), SLOWER_3: (33, 34), SLOWER_5: (20, 21)},
    "file": {UNCHANGED: (33, 33), SLOWER_3: (33, 34), SLOWER_5: (20, 21)},
}
SLOW_EVERY = 25
TAIL_FACTOR = 1.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One comparison.

    Attributes:
        number: Its place in the study.
        effect: What the candidate has.
        work: Which workload.
        slow_every: Of how many calls one takes the slow path; 0 for none.
    """

    number: int
    effect: str
    work: str
    slow_every: int


def trials(unchanged: int, changed: int) -> Iterator[Trial]:
    """List the trials, mixed, so that a part of them is a small study, too."""
    wanted = {UNCHANGED: unchanged, SLOWER_3: changed, SLOWER_5: changed, TAIL_15: changed}
    places = sorted(
        ((index + 0.5) / count, effect, index) for effect, count in wanted.items() for index in range(count)
    )
    works = list(AMOUNTS)
    for number, (_, effect, index) in enumerate(places):
        # Without a slow path the tail of unchanged code is what the machine does, and nothing else.
        has_slow_path = effect != UNCHANGED or index // len(works) % 2 == 0
        yield Trial(
            number=number,
            effect=effect,
            work=works[index % len(works)],
            slow_every=SLOW_EVERY if has_slow_path else 0,
        )


def run(trial: Trial, core: int | None) -> Outcome:
    """Compare two versions that differ by the effect."""
    amounts = AMOUNTS[trial.work]
    old, new = amounts.get(trial.effect, amounts[UNCHANGED])
    tail = TAIL_FACTOR if trial.effect == TAIL_15 else 1.0
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        baseline = _version("baseline", Path(place, "old"), old, trial.slow_every, 1.0)
        candidate = _version("candidate", Path(place, "new"), new, trial.slow_every, tail)
        result = compare_in_lock_step(
            Benchmark(file=WORKLOADS.name, name=f"bench_{trial.work}"),
            baseline,
            candidate,
            how=LockStep(core=core),
            source=Random(),  # noqa: S311  # statistics, not secrets
        )
    return Outcome(
        number=trial.number,
        effect=trial.effect,
        work=trial.work,
        median=result.median.verdict,
        median_ratio=result.median.ratio,
        tail=result.tail.verdict,
        tail_ratio=result.tail.ratio,
        pairs=len(result.pairs),
        took_s=round(time.monotonic() - began_s, 2),
        gate=digest_of_gate(),
        day=dt.datetime.now(dt.UTC).date().isoformat(),
    )


def _version(label: str, checkout: Path, units: int, slow_every: int, tail: float) -> Version:
    checkout.mkdir()
    (checkout / WORKLOADS.name).write_bytes(WORKLOADS.read_bytes())
    amounts = f"UNITS = {units}\nSLOW_EVERY = {slow_every}\nTAIL_FACTOR = {tail}\n"
    (checkout / "amounts.py").write_text(amounts, encoding="utf-8")
    return Version(label=label, checkout=checkout, python=Path(sys.executable), import_paths=(checkout,))


def read(file: Path) -> list[Outcome]:
    """Read the outcomes of trials so far; none where there is no file.

    Raises:
        SystemExit: They are of another gate than this checkout's.
    """
    if not file.exists():
        return []
    outcomes = [Outcome(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
    if {outcome.gate for outcome in outcomes} - {digest_of_gate()}:
        raise SystemExit(f"{file} holds trials of another version of the gate; begin a new file")
    return outcomes


def study(wanted: Sequence[Trial], file: Path, *, core: int | None, minutes: float) -> list[Outcome]:
    """Run the trials that `file` does not hold yet, and add each to it at once."""
    outcomes = read(file)
    done = {outcome.number for outcome in outcomes}
    left = [trial for trial in wanted if trial.number not in done]
    began_s = time.monotonic()
    for at, trial in enumerate(left):
        if time.monotonic() - began_s > 60 * minutes:
            say(f"the time is over with {len(left) - at} trials left; run it again to go on")
            break
        outcome = run(trial, core)
        outcomes.append(outcome)
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(outcome)) + "\n")
        left_min = (time.monotonic() - began_s) / (at + 1) * (len(left) - at - 1) / 60
        verdicts = f"median {outcome.median:10} p99 {outcome.tail:14}"
        say(
            f"{len(outcomes):4} of {len(wanted)}  {trial.effect:12} {trial.work:11} {verdicts}"
            f" {outcome.pairs:2} pairs {outcome.took_s:5.1f} s; {left_min:.0f} min left"
        )
    return outcomes


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201  # a script


def main() -> int:
    """Run the study, print its table, and tell by the exit code whether every bar is met."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--unchanged", type=int, default=300, help="trials of unchanged code")
    options.add_argument("--changed", type=int, default=60, help="trials of each effect")
    options.add_argument("--results", type=Path, help="keep the outcomes in this file, and go on from it")
    options.add_argument("--minutes", type=float, default=float("inf"), help="begin no trial after them")
    options.add_argument("--core", type=int, help="where to measure; by default the idlest core")
    options.add_argument("--write-docs", action="store_true", help="write the table into docs, run no trial")
    options.add_argument("--note", default="", help="what the docs should say of the machine besides")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        file: Path = chosen.results or Path(place, "outcomes.jsonl")
        if chosen.write_docs:
            outcomes = read(file)
            write_into_docs(outcomes, DOCS, note=chosen.note)
        else:
            core = idlest_core() if chosen.core is None else chosen.core
            wanted = list(trials(chosen.unchanged, chosen.changed))
            outcomes = study(wanted, file, core=core, minutes=chosen.minutes)
    say("\n" + markdown(outcomes))
    held = bars(outcomes)
    say("\n".join(map(str, held)))
    return 0 if all(bar.is_met for bar in held) else 1


if __name__ == "__main__":
    sys.exit(main())
