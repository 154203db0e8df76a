"""The outcomes of the gate study: the bars they are held to, and the table that the docs show."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

import latency_kit.gate
from latency_kit.session import Environment

__all__ = ["Bar", "Outcome", "bars", "digest_of_gate", "markdown", "write_into_docs"]

WORKLOADS = Path(__file__).parent / "gate_study_workloads.py"

MACHINE = ("Processor", "Operating system", "Python")
BEGIN, END = "<!-- gate study: begin -->\n", "<!-- gate study: end -->\n"
CHANGED = {"slower", "faster"}
LEAST_UNCHANGED, LEAST_CHANGED = 300, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the gate said in one trial.

    Attributes:
        number: The trial's place in the study.
        effect: What the candidate had.
        work: Which workload.
        median: The verdict of the median.
        median_ratio: Its ratio.
        tail: The verdict of the p99.
        tail_ratio: Its ratio; None where there were too few calls.
        pairs: Pairs of processes.
        took_s: Seconds.
        gate: Digest of the code that decided and of what it measured (`digest_of_gate`).
        day: When, in ISO form.
    """

    number: int
    effect: str
    work: str
    median: str
    median_ratio: float | None
    tail: str
    tail_ratio: float | None
    pairs: int
    took_s: float
    gate: str
    day: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A share of trials, and what it is held to.

    Attributes:
        name: What is counted.
        count: In how many trials it was so.
        trials: Of how many.
        limit: The share.
        is_most: Whether the limit is the most that it may be, else the least.
        least_trials: Fewer of them show nothing.
    """

    name: str
    count: int
    trials: int
    limit: float
    is_most: bool = False
    least_trials: int = LEAST_CHANGED

    @property
    def is_met(self) -> bool:
        """Whether there were enough trials, and the share keeps the limit."""
        if self.trials < self.least_trials:
            return False
        share = self.count / self.trials
        return share <= self.limit if self.is_most else share >= self.limit

    def __str__(self) -> str:
        share = f"{self.count / self.trials:.1%}" if self.trials else "no trials"
        bound = f"{'at most' if self.is_most else 'at least'} {self.limit:.0%}"
        said = "met" if self.is_met else "too few" if self.trials < self.least_trials else "MISSED"
        return f"{said:8}{self.name:48}{self.count:4} of {self.trials:4} {share:>9}  {bound}"


@cache
def digest_of_gate() -> str:
    """Return a digest of the gate's code and workloads: outcomes of different ones are not one study."""
    home = Path(latency_kit.gate.__file__).parent
    digest = hashlib.sha256()
    for file in (*sorted(home.glob("*.py")), WORKLOADS):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def bars(outcomes: Sequence[Outcome]) -> list[Bar]:
    """Hold the outcomes to what the gate is meant to reach."""

    def counted(effect: str, holds: Callable[[Outcome], bool]) -> tuple[int, int]:
        chosen = [outcome for outcome in outcomes if outcome.effect == effect]
        return sum(map(holds, chosen)), len(chosen)

    alarms, unchanged = counted("none", lambda one: bool({one.median, one.tail} & CHANGED))
    slower_3, of_3 = counted("median +3 %", lambda one: one.median == "slower")
    slower_5, of_5 = counted("median +5 %", lambda one: one.median == "slower")
    tails, of_tails = counted("p99 +15 %", lambda one: one.tail == "slower")
    wrong, _ = counted("p99 +15 %", lambda one: one.median in CHANGED)
    return [
        Bar(
            name="unchanged: a change of median or p99 called",
            count=alarms,
            trials=unchanged,
            limit=0.01,
            is_most=True,
            least_trials=LEAST_UNCHANGED,
        ),
        Bar(name="median +3 %: called slower", count=slower_3, trials=of_3, limit=0.95),
        Bar(name="median +5 %: called slower", count=slower_5, trials=of_5, limit=0.99),
        Bar(name="p99 +15 %: called slower", count=tails, trials=of_tails, limit=0.90),
        Bar(
            name="p99 +15 %: a change of the median called",
            count=wrong,
            trials=of_tails,
            limit=0.01,
            is_most=True,
        ),
    ]


def markdown(outcomes: Sequence[Outcome]) -> str:
    """Return a table with a line for each effect and workload."""
    titles = ("median slower / faster / undecided", "p99 slower / faster / undecided", "seconds, median")
    lines = [
        f"| the candidate has | work | trials | {' | '.join(titles)} |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    effects = list(dict.fromkeys(["none", *sorted({outcome.effect for outcome in outcomes})]))
    for effect in effects:
        of_effect = [outcome for outcome in outcomes if outcome.effect == effect]
        for work in (*sorted({outcome.work for outcome in of_effect}), "all"):
            chosen = [outcome for outcome in of_effect if work in {outcome.work, "all"}]
            if chosen:
                lines.append(_line(effect, work, chosen))
    return "\n".join(lines)


def _line(effect: str, work: str, chosen: Sequence[Outcome]) -> str:
    medians = [outcome.median for outcome in chosen]
    tails = [outcome.tail for outcome in chosen]
    counts = [
        " / ".join(str(verdicts.count(word)) for word in ("slower", "faster", "undecided"))
        for verdicts in (medians, tails)
    ]
    seconds = median(outcome.took_s for outcome in chosen)
    return f"| {effect} | {work} | {len(chosen)} | {counts[0]} | {counts[1]} | {seconds:.1f} |"


def write_into_docs(outcomes: Sequence[Outcome], page: Path, *, note: str) -> None:
    """Replace the study's section of a page by these outcomes, with machine, date and a note on both."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    held = "\n".join(str(bar) for bar in bars(outcomes))
    days = sorted({outcome.day for outcome in outcomes})
    day = " to ".join(dict.fromkeys((days[0], days[-1])))
    facts = Environment.take().facts()
    known = [f"{name} {facts[name]}" for name in MACHINE if name in facts]
    machine = ", ".join([day, *known, *([note] if note else [])])
    section = f"{machine}:\n\n```text\n{held}\n```\n\n{markdown(outcomes)}\n"
    page.write_text(f"{before}{BEGIN}\n{section}\n{END}{after}", encoding="utf-8")
