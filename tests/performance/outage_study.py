"""What users see while a provider fails: one study for each way to fail, over a simulated Ollama Cloud.

    python tests/performance/outage_study.py                    # all faults, some minutes
    python tests/performance/outage_study.py --fault hang --cycles 1
    python tests/performance/outage_study.py --json figures.json

Sessions ask at the same time, each question once, half of them such that a note fits. A cycle: the fault
begins; all sessions ask (the turns of the failure) and, once the breaker is open, ask again; the fault ends,
and it is measured how long the recovery goes unnoticed; a question must then be answered by the cloud. T0
lies `TRANSCRIPT_MS` before a turn's transcript, as if somebody had spoken. It ends with exit code 1 where a
bar is missed.
"""

import argparse
import asyncio
import itertools
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "reference_pipeline"))

from ollama_simulator import PROFILE_W, Fault, OllamaSimulator

import latency_kit
from latency_kit.units import NS_PER_MS, ms_to_ns
from reference_pipeline.answering.circuit_breaker import BreakerState
from reference_pipeline.answering.fallback import FallbackAnswerer
from reference_pipeline.answering.guarded_answerer import GuardedAnswerer
from reference_pipeline.answering.notes import bundled_notes, load_notes
from reference_pipeline.answering.notes_answerer import NotesAnswerer
from reference_pipeline.answering.ollama_answerer import OllamaAnswerer
from reference_pipeline.answering.prompt import PromptBuilder
from reference_pipeline.answering.retrieval import NoteIndex
from reference_pipeline.answering.token_budget import TokenBudget
from reference_pipeline.composition import compose_policy, compose_stages, compose_turn_budgets
from reference_pipeline.conversation import Conversation
from reference_pipeline.decision import Decider
from reference_pipeline.events import (
    DisplayMessage,
    DisplayReceipt,
    Provider,
    Transcript,
    TurnStatus,
    Utterance,
)
from reference_pipeline.interview.manifest import load_manifest
from reference_pipeline.questions.detector import RuleQuestionDetector
from reference_pipeline.settings import ConversationSettings, Settings
from reference_pipeline.transcription.deduplication import Deduplicator
from reference_pipeline.transcription.segmentation import Segmenter
from reference_pipeline.transcription.worker import FinalState, FinalTranscript
from reference_pipeline.turn import Turn, TurnRecord

TRANSCRIPT_MS = 450
"""From T0 to the final transcript: the bar of profile E at its 95th percentile."""

BARS_MS = {"first text, turn of the failure": 1500, "first text, breaker open": 600, "recovery found": 10_000}

SUBJECTS = (
    "ledger",
    "parser",
    "roadmap",
    "release",
    "firewall",
    "invoice",
    "pager",
    "kernel",
    "canvas",
    "audit",
)
ASPECTS = ("owner", "risk", "weakness", "history", "purpose", "cost", "future", "limit", "origin", "test")


class InstantDisplay:
    """Paints at once: what is studied comes before the display."""

    name = "terminal"

    async def show(self, message: DisplayMessage) -> DisplayReceipt:
        now_ns = latency_kit.now_ns()
        return DisplayReceipt(
            sent_ns=now_ns,
            broadcast_ns=now_ns,
            received_ns=now_ns,
            dom_updated_ns=now_ns,
            painted_ns=now_ns,
            display="terminal",
        )

    async def close(self) -> None:
        """Do nothing."""


@dataclass
class Figures:
    """What one fault led to; times in milliseconds from T0."""

    failing: list[TurnRecord] = field(default_factory=list)
    opened: list[TurnRecord] = field(default_factory=list)
    recovered_ms: list[float] = field(default_factory=list)
    back_with_cloud: int = 0


class Study:
    """One provider with one fault, asked by several sessions."""

    def __init__(self, server: OllamaSimulator, *, sessions: int) -> None:
        settings = Settings(conversation=ConversationSettings(answers_at_once=4))
        index = NoteIndex(load_notes(bundled_notes()))
        budgets = compose_turn_budgets(compose_policy(settings))
        times = budgets.answer
        model = OllamaAnswerer(
            provider=Provider.OLLAMA_CLOUD,
            host=server.host,
            model=server.name,
            prompts=PromptBuilder(index),
            api_key="key",
            tokens=TokenBudget(margin_s=(times.deadline_ns - times.ending_ns) / 1e9),
        )
        self.server = server
        self.cloud = GuardedAnswerer(model, at_once=2 * sessions)
        self.answerer = FallbackAnswerer([self.cloud], NotesAnswerer(index), times=times)
        self._records: dict[int, asyncio.Future[TurnRecord]] = {}
        self._numbers = itertools.count(1)
        self._questions = _questions()
        self._conversations = [
            Conversation(
                replace(
                    compose_stages(settings, answerer=self.answerer, display=InstantDisplay()),
                    decider=_decider(),
                ),
                settings=settings.conversation,
                budgets=budgets,
                on_turn=self._ended,
            )
            for _ in range(sessions)
        ]

    def _ended(self, record: TurnRecord) -> None:
        waiting = self._records.pop(record.number)
        if not waiting.done():
            waiting.set_result(record)

    async def ask_all(self) -> Sequence[TurnRecord]:
        """Have each session ask one question, all at once."""
        return await asyncio.gather(*(self._ask(one) for one in self._conversations))

    async def ask_one(self) -> TurnRecord:
        """Have the first session ask."""
        return await self._ask(self._conversations[0])

    async def _ask(self, conversation: Conversation) -> TurnRecord:
        number = next(self._numbers)
        now_ns = latency_kit.now_ns()
        end_ns = now_ns - ms_to_ns(TRANSCRIPT_MS)
        utterance = Utterance(
            number=number,
            first_sample=0,
            last_sample=32_000,
            start_ns=end_ns - 2_000_000_000,
            end_ns=end_ns,
            decided_ns=end_ns + ms_to_ns(220),
        )
        final = FinalTranscript(
            utterance=utterance,
            state=FinalState.COMPLETE,
            transcript=Transcript(text=next(self._questions), engine="study", final=True),
            queued_ns=utterance.decided_ns,
            started_ns=utterance.decided_ns,
            finished_ns=now_ns,
        )
        ended = self._records[number] = asyncio.get_running_loop().create_future()
        conversation.heard(Turn(utterance), final)
        return await ended

    async def close(self) -> None:
        """End everything."""
        for conversation in self._conversations:
            await conversation.finish(0)
        await self.answerer.close()


def _decider() -> Decider:
    """Return a decider for which a question that is asked again is a new one."""
    return Decider(Segmenter(), RuleQuestionDetector(), Deduplicator(window_ns=1))


def _questions() -> "itertools.cycle[str]":
    noted = [question.text for question in load_manifest().questions]
    other = [f"what is the {aspect} of the {subject}" for aspect in ASPECTS for subject in SUBJECTS]
    mixed = [text for pair in zip(itertools.cycle(noted), other, strict=False) for text in pair]
    return itertools.cycle(mixed)


async def study(fault: Fault, *, sessions: int, cycles: int, seed: int) -> Figures:
    """Let the provider fail and recover `cycles` times."""
    figures = Figures()
    async with OllamaSimulator(model=PROFILE_W, seed=seed) as server:
        on = Study(server, sessions=sessions)
        try:
            await on.ask_one()
            for _ in range(cycles):
                await server.become(fault)
                while on.cloud.admits:
                    figures.failing += await on.ask_all()
                for _ in range(2):
                    if on.cloud.breaker.state is BreakerState.OPEN:
                        figures.opened += await on.ask_all()
                await server.become(Fault.NONE)
                begun_ns = latency_kit.now_ns()
                async with asyncio.timeout(120):
                    while on.cloud.breaker.state is not BreakerState.CLOSED:
                        if on.cloud.admits:
                            figures.recovered_ms.append((latency_kit.now_ns() - begun_ns) / NS_PER_MS)
                            record = await on.ask_one()
                            figures.back_with_cloud += record.answered_by == Provider.OLLAMA_CLOUD
                        await asyncio.sleep(0.02)
        finally:
            await on.close()
    return figures


def figures_of(fault: Fault, found: Figures) -> dict[str, Any]:
    """Return the figures of one fault as data."""
    turns = [*found.failing, *found.opened]
    statuses = Counter(record.status for record in turns)
    return {
        "fault": fault.value,
        "turns of the failure": len(found.failing),
        "turns with the breaker open": len(found.opened),
        "first text, turn of the failure": _p95(found.failing, "first_text_painted"),
        "first answer, turn of the failure": _p95(found.failing, "first_answer_painted"),
        "whole answer, turn of the failure": _p95(found.failing, "displayed"),
        "first text, breaker open": _p95(found.opened, "first_text_painted"),
        "first answer, breaker open": _p95(found.opened, "first_answer_painted"),
        "recovery found": round(max(found.recovered_ms, default=0.0), 1),
        "recoveries": len(found.recovered_ms),
        "first answers after it by the cloud": found.back_with_cloud,
        "unanswered": len(turns) - statuses[TurnStatus.ANSWERED] + sum(not record.answer for record in turns),
        "marked as cut": sum(record.answering.cut for record in turns),
    }


def _p95(records: Sequence[TurnRecord], point: str) -> float | None:
    values = sorted(record.points_ns[point] for record in records if point in record.points_ns)
    if len(values) < len(records):
        return None  # a turn without it is worse than any figure
    return round(values[-(-95 * len(values) // 100) - 1] / NS_PER_MS, 1) if values else 0.0


def missed(figures: dict[str, Any]) -> list[str]:
    """Return what is not as it must be."""
    found = [
        f"{name}: {figures[name]} ms, bar {bar} ms"
        for name, bar in BARS_MS.items()
        if figures[name] is None or figures[name] > bar
    ]
    return found + ([f"{figures['unanswered']} unanswered"] if figures["unanswered"] else [])


async def _all(options: argparse.Namespace) -> list[dict[str, Any]]:
    faults = [Fault(name) for name in options.fault] or [fault for fault in Fault if fault is not Fault.NONE]
    together = asyncio.Semaphore(options.together)

    async def one(seed: int, fault: Fault) -> dict[str, Any]:
        async with together:
            found = await study(fault, sessions=options.sessions, cycles=options.cycles, seed=seed)
            figures = figures_of(fault, found)
            _print(figures)
            return figures

    return list(await asyncio.gather(*(one(seed, fault) for seed, fault in enumerate(faults))))


def _print(figures: dict[str, Any]) -> None:
    lines = [f"  {name:<36} {value}" for name, value in figures.items() if name != "fault"]
    lines += [f"  MISSED {line}" for line in missed(figures)]
    sys.stdout.write("\n".join([f"\n{figures['fault']}", *lines, ""]))
    sys.stdout.flush()


def main() -> int:
    """Run as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fault", action="append", default=[], choices=[one.value for one in Fault][1:])
    parser.add_argument("--sessions", type=int, default=13, help="that ask at the same time")
    parser.add_argument("--cycles", type=int, default=8, help="failures and recoveries of each fault")
    parser.add_argument("--together", type=int, default=5, help="faults that are studied at a time")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    with latency_kit.configure(service_name="outage-study"):
        studied = asyncio.run(_all(options))
    if options.json is not None:
        options.json.write_text(json.dumps(studied, indent=2) + "\n", encoding="utf-8")
    return 1 if any(missed(figures) for figures in studied) else 0


if __name__ == "__main__":
    sys.exit(main())
