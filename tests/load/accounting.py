"""What became of each utterance: the truth of what was said, held against what the server and viewers tell.

Every utterance that was spoken is here, whatever the server made of it: what never came has no time, and
counts as longer than any bar. All times count from the intended time of the last voiced sample, which the
generator knows by itself: neither a late generator nor a wrong T0 of the server can shorten them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seen import Seen
from spoken_sound import RATE, Spoken, Stream

TRUTH_NS = 10_000_000
"""The truth about an end of speech is known to 10 ms."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """One speaker that was let in: what it said, from when on, and under which name."""

    session: str
    stream: Stream
    began_ns: int


@dataclass(kw_only=True)
class UtteranceOutcome:
    """One utterance; times in nanoseconds after the truth, absent where what they tell of never came.

    Attributes:
        pieces: Turns that the server made of it; 0 means that it was not heard.
        cut: It was ended before its end, or became more than one turn.
        statuses: Of its turns.
        t0_error_ns: Where the server placed the last voiced sample, beside the truth.
        first_text: The paint of the first text of any kind of answer, a draft included.
        first_answer: The same without drafts.
        first_model_token: Arrival of the first token of a model.
        whole_answer: The paint of the last piece of an answer that was not cut. One that was shortened
            counts: its sentences are whole.
        shortened: An answer ended with a sentence, before the model had said all, to be in time.
    """

    session: str
    text: str
    question: bool
    pieces: int
    cut: bool
    statuses: Sequence[str]
    t0_error_ns: int = 0
    endpoint: int | None = None
    transcript: int | None = None
    first_text: int | None = None
    first_answer: int | None = None
    first_model_token: int | None = None
    whole_answer: int | None = None
    cached: bool = False
    shortened: bool = False
    providers: Sequence[str] = field(default_factory=tuple)


def account(
    heard: Iterable[Heard], turns: Sequence[Mapping[str, Any]], seen: Iterable[Seen]
) -> list[UtteranceOutcome]:
    """Return the outcome of every utterance that was spoken."""
    by_session: dict[str, list[Mapping[str, Any]]] = {}
    for turn in turns:
        by_session.setdefault(turn["session"], []).append(turn)
    painted: dict[tuple[str, int], list[Seen]] = {}
    for one in seen:
        painted.setdefault((one.session, one.turn), []).append(one)
    outcomes = []
    for speaker in heard:
        own = sorted(by_session.get(speaker.session, ()), key=lambda turn: turn["t0_ns"])
        spoken = speaker.stream.utterances
        starts = [_at(speaker, one.start) for one in spoken]
        for number, utterance in enumerate(spoken):
            until = starts[number + 1] if number + 1 < len(spoken) else float("inf")
            its = [turn for turn in own if starts[number] <= turn["t0_ns"] < until]
            outcomes.append(_outcome(speaker, utterance, its, painted))
    return outcomes


def unspoken(heard: Iterable[Heard], turns: Sequence[Mapping[str, Any]]) -> int:
    """Return how many turns rest on nothing that was said."""
    first = {one.session: _at(one, one.stream.utterances[0].start) for one in heard if one.stream.utterances}
    return sum(turn["t0_ns"] < first.get(turn["session"], float("inf")) for turn in turns)


def _outcome(
    speaker: Heard,
    utterance: Spoken,
    its: Sequence[Mapping[str, Any]],
    painted: Mapping[tuple[str, int], Sequence[Seen]],
) -> UtteranceOutcome:
    end_ns = _at(speaker, utterance.end)
    outcome = UtteranceOutcome(
        session=speaker.session,
        text=utterance.text,
        question=utterance.question,
        pieces=len(its),
        cut=len(its) > 1 or any(_decided_ns(turn) < end_ns - TRUTH_NS for turn in its),
        statuses=[turn["status"] for turn in its],
        providers=sorted({turn["answered_by"] for turn in its if turn["answered_by"]}),
    )
    if not its:
        return outcome
    last = its[-1]
    late_ns = last["t0_ns"] - end_ns
    outcome.t0_error_ns = late_ns
    outcome.endpoint = _point(last, "endpoint_decided", late_ns)
    if last["status"] not in {"dropped", "cancelled"} and last["text"]:
        outcome.transcript = _point(last, "transcription_complete", late_ns)
    for turn in its:
        messages = painted.get((speaker.session, turn["number"]), ())
        _take_answer(outcome, [one for one in messages if one.kind == "answer"], end_ns)
        for told in (one.data for one in messages if one.kind == "turn"):
            outcome.cached = bool(told.get("cached"))
            if "first_model_token_ms" in told:
                token_ns = turn["t0_ns"] + round(told["first_model_token_ms"] * 1e6)
                outcome.first_model_token = token_ns - end_ns
    return outcome


def _take_answer(outcome: UtteranceOutcome, pieces: Sequence[Seen], end_ns: int) -> None:
    texts = [one.painted_ns - end_ns for one in pieces if one.text]
    answers = [one.painted_ns - end_ns for one in pieces if one.text and not one.data.get("draft")]
    wholes = [one.painted_ns - end_ns for one in pieces if one.last and not one.data.get("cut")]
    outcome.shortened = outcome.shortened or any(one.last and one.data.get("shortened") for one in pieces)
    if texts:
        outcome.first_text = min(texts)
    if answers:
        outcome.first_answer = min(answers)
    if wholes:
        outcome.whole_answer = max(wholes)


def _point(turn: Mapping[str, Any], name: str, late_ns: int) -> int | None:
    at_ms = turn["points_ms"].get(name)
    return None if at_ms is None else round(at_ms * 1e6) + late_ns


def _decided_ns(turn: Mapping[str, Any]) -> int:
    return int(turn["t0_ns"]) + round(turn["points_ms"].get("endpoint_decided", 0.0) * 1e6)


def _at(speaker: Heard, sample: int) -> int:
    return speaker.began_ns + sample * 1_000_000_000 // RATE
