"""One pair of processes, a worker of each version, measured in lock step.

Both live at the same time, are pinned to the same core and take turns, a batch of a few milliseconds each, in
the order A B B A: what the machine does meanwhile (another frequency, another program in the cache) falls on
both alike, and what drifts evenly cancels out. Every pair is two fresh processes with a hash seed of its own,
so that the luck of one layout of memory counts once.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import ceil, log
from random import Random
from statistics import median

from latency_kit.gate.worker_process import (
    Batches,
    BatchRequest,
    Benchmark,
    BenchmarkFailedError,
    Version,
    WorkerProcess,
)
from latency_kit.histogram.percentile import ceil_rank
from latency_kit.units import NS_PER_MS, NS_PER_US

__all__ = ["TAIL_PERCENTILE", "Batching", "LockStepPlan", "PairFigures", "figures_of", "measure_pair"]

TAIL_PERCENTILE = 99.0
_HASH_SEEDS = 2**32
_WARM_UP_ROUNDS = 2
_LEAD_IN_SHARE = 1 / 20
_CALIBRATION_SAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LockStepPlan:
    """How long to measure a pair.

    Attributes:
        batch_ns: About how long a batch is: long beside the change of processes, short beside what the
            machine does to either.
        sample_ns: Calls shorter than this are timed several together, so that reading the clock is nothing.
        rounds: How many rounds A B B A at least, where `pair_ns` lets them.
        tail_samples: How many samples of each version to take for the tail, where `pair_ns` lets them.
        fewest_tail_samples: Below this the tail is not looked at: too few samples lie beyond it.
        pair_ns: How long a pair may be measured; the first round is always finished.
    """

    batch_ns: int = 2 * NS_PER_MS
    sample_ns: int = 10 * NS_PER_US
    rounds: int = 25
    tail_samples: int = 1000
    fewest_tail_samples: int = 200
    pair_ns: int = 600 * NS_PER_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """How a benchmark is measured; the same for both versions and all pairs.

    Attributes:
        batch: What makes a batch.
        rounds: Rounds A B B A of a pair.
    """

    batch: BatchRequest
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """What one pair of processes showed.

    Attributes:
        log_median_ratio: Logarithm of the ratio of the medians, candidate over baseline: the median over the
            rounds, in each of which the two batches of either version are put together by their mean.
        baseline_median_ns: The median time of a call.
        candidate_median_ns: The same of the candidate.
        samples: How many samples of each.
        log_tail_ratio: As for the median, of the percentile of all samples, each relative to how fast the
            machine was in its round; None where they are too few.
        baseline_tail_ns: The percentile, by call; None as well.
        candidate_tail_ns: The same of the candidate.
    """

    log_median_ratio: float
    baseline_median_ns: float
    candidate_median_ns: float
    samples: int
    log_tail_ratio: float | None = None
    baseline_tail_ns: float | None = None
    candidate_tail_ns: float | None = None


def measure_pair(
    benchmark: Benchmark,
    baseline: Version,
    candidate: Version,
    *,
    plan: LockStepPlan,
    batching: Batching | None,
    core: int | None,
    source: Random,
) -> tuple[PairFigures, Batching]:
    """Measure a benchmark in a fresh pair of processes.

    Args:
        benchmark: What to call.
        baseline: The version it is compared with.
        candidate: The version that is judged.
        plan: How long.
        batching: That of the pairs before; None to find one.
        core: Where both run; None to leave it to the system.
        source: Of the hash seed, and of who begins.

    Returns:
        The figures, and the batching for the pairs to come.

    Raises:
        BenchmarkFailedError: A version cannot run the benchmark.
    """
    seed = source.randrange(_HASH_SEEDS)
    versions = {"A": baseline, "B": candidate}
    with ExitStack() as running:
        batons = _batons()
        try:
            workers = {
                own: running.enter_context(
                    WorkerProcess(versions[own], core=core, hash_seed=seed, baton=batons[own])
                )
                for own in source.sample(sorted(versions), 2)
            }
        finally:
            # Only the workers hold them then: where one ends, the other sees it.
            for end in {end for baton in batons.values() for end in baton}:
                os.close(end)
        for worker in workers.values():
            worker.open(benchmark)
        chosen = batching or _calibrated(workers, plan)
        rounds = [source.choice(("ABBA", "BAAB")) for _ in range(_WARM_UP_ROUNDS + chosen.rounds)]
        taken = _taken_in_turns(workers, chosen.batch, "".join(rounds))
    return figures_of(taken["A"], taken["B"], calls=chosen.batch.calls, plan=plan), chosen


def _batons() -> Mapping[str, tuple[int, int]]:
    """Return for each worker what it waits on and what it passes the turn to: two pipes, crossed."""
    to_a, from_b = os.pipe()
    to_b, from_a = os.pipe()
    return {"A": (to_a, from_a), "B": (to_b, from_b)}


def _calibrated(workers: Mapping[str, WorkerProcess], plan: LockStepPlan) -> Batching:
    """Find how many calls make a batch."""
    call_ns = max(_call_ns(worker, own, plan) for own, worker in workers.items())
    calls = max(1, ceil(plan.sample_ns / call_ns))
    sample_ns = calls * call_ns
    samples = max(1, round(plan.batch_ns / sample_ns))
    lead_in = ceil(samples * _LEAD_IN_SHARE) if samples > 1 else 0
    round_ns = 4 * (samples + lead_in) * sample_ns
    wanted = max(plan.rounds, ceil(plan.tail_samples / (2 * samples)))
    rounds = max(1, min(wanted, int(plan.pair_ns / round_ns)))
    return Batching(batch=BatchRequest(calls=calls, samples=samples, lead_in=lead_in), rounds=rounds)


def _call_ns(worker: WorkerProcess, own: str, plan: LockStepPlan) -> float:
    """Return how long a call takes, from ever more of them, until they take a good part of a batch."""
    calls = 1
    while True:
        # The median of some: what something else held up does not count.
        request = BatchRequest(calls=calls, samples=_CALIBRATION_SAMPLES)
        worker.ask_for_batches(request, order=own, own=own)
        sample_ns = max(1, median(worker.batches().durations_ns[0]))
        if sample_ns >= plan.batch_ns / 4:
            return sample_ns / calls
        calls *= max(2, min(10, int(plan.batch_ns / 2 / sample_ns)))


def _taken_in_turns(
    workers: Mapping[str, WorkerProcess], request: BatchRequest, order: str
) -> Mapping[str, Batches]:
    first = order[0]
    # The one that begins is asked last: the other one has read its request then, and waits.
    for own in sorted(workers, key=lambda own: own == first):
        workers[own].ask_for_batches(request, order=order, own=own)
    taken: dict[str, Batches] = {}
    failures: list[BenchmarkFailedError] = []
    for own, worker in workers.items():
        try:
            taken[own] = worker.batches()
        except BenchmarkFailedError as error:
            failures.append(error)
    if failures:
        raise min(failures, key=lambda error: error.is_left_alone)
    return taken


def figures_of(old: Batches, new: Batches, *, calls: int, plan: LockStepPlan) -> PairFigures:
    """Return what the batches of both versions show, without those of the rounds that warmed up.

    Args:
        old: Of the baseline, two for each round.
        new: Of the candidate.
        calls: How many calls each sample is.
        plan: How many samples the tail takes.
    """
    first = 2 * _WARM_UP_ROUNDS
    old_medians, new_medians = (
        [max(1, median(durations)) for durations in side.durations_ns[first:]] for side in (old, new)
    )
    old_logs, new_logs = ([log(one) for one in medians] for medians in (old_medians, new_medians))
    rounds = [
        (new_logs[at] + new_logs[at + 1] - old_logs[at] - old_logs[at + 1]) / 2
        for at in range(0, len(old_logs), 2)
    ]
    figures = PairFigures(
        log_median_ratio=median(rounds),
        baseline_median_ns=median(old_medians) / calls,
        candidate_median_ns=median(new_medians) / calls,
        samples=sum(map(len, old.durations_ns[first:])),
    )
    levels = _levels(old_medians, new_medians)
    old_ns, new_ns = (_tail_ns(side, first, levels, plan) for side in (old, new))
    if old_ns is None or new_ns is None:
        return figures
    return replace(
        figures,
        log_tail_ratio=log(new_ns / old_ns),
        baseline_tail_ns=old_ns / calls,
        candidate_tail_ns=new_ns / calls,
    )


def _levels(old_medians: Sequence[float], new_medians: Sequence[float]) -> Sequence[float]:
    """Return for each round how fast the machine was in it, 1 as mostly: by the four batches of the round."""
    rounds = [
        median((*old_medians[at : at + 2], *new_medians[at : at + 2])) for at in range(0, len(old_medians), 2)
    ]
    usual = median(rounds)
    return [one / usual for one in rounds]


def _tail_ns(side: Batches, first: int, levels: Sequence[float], plan: LockStepPlan) -> float | None:
    """Return the 99th percentile of a version's samples, of batches in which nothing else took the core.

    Where that happened in most of them, it is the benchmark's own threads that do it, or it cannot be
    avoided here: then all of them count. A sample counts relative to the level of its round: a round in
    which the machine was slow would else be all of the tail, of that version alone that had more of it.
    """
    batches = [
        [duration / levels[at // 2] for duration in durations]
        for at, durations in enumerate(side.durations_ns[first:])
    ]
    undisturbed = [
        durations for durations, count in zip(batches, side.disturbed[first:], strict=True) if not count
    ]
    chosen = batches if len(undisturbed) < len(batches) / 2 else undisturbed
    samples = sorted(duration for durations in chosen for duration in durations)
    if len(samples) < plan.fewest_tail_samples:
        return None
    return max(1.0, samples[ceil_rank(TAIL_PERCENTILE, len(samples)) - 1])
