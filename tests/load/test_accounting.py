"""What the load's table says, held against runs whose truth is made up here to the nanosecond."""

from typing import Any

import numpy as np
import pytest
from accounting import Heard, account, unspoken
from bars import NEVER_NS, Bar, ShareBar, all_met, bars_of, recorded, refusals_of, table
from profiles import PROFILES
from seen import Seen
from spoken_sound import RATE, Spoken, Stream

MS = 1_000_000
S = 1_000_000_000
BEGAN_NS = 50 * S


def heard(*spans_s: tuple[float, float], question: bool = True) -> Heard:
    spoken = [
        Spoken(text=f"utterance {number}", question=question, start=round(a * RATE), end=round(b * RATE))
        for number, (a, b) in enumerate(spans_s)
    ]
    return Heard(
        session="s1", began_ns=BEGAN_NS, stream=Stream(samples=np.zeros(0, np.int16), utterances=spoken)
    )


def turn(number: int, t0_s: float, **points_ms: float) -> dict[str, Any]:
    return {
        "session": "s1",
        "number": number,
        "t0_ns": BEGAN_NS + round(t0_s * S),
        "status": "answered",
        "text": "what is a mutex",
        "answered_by": "notes",
        "points_ms": points_ms,
    }


def answer(number: int, at_s: float, *, last: bool = False, text: int = 5, **data: object) -> Seen:
    at_ns = BEGAN_NS + round(at_s * S)
    return Seen(
        session="s1",
        seq=1,
        turn=number,
        kind="answer",
        text=text,
        last=last,
        data=data,
        sent_ns=at_ns - 10 * MS,
        received_ns=at_ns - 5 * MS,
        painted_ns=at_ns,
    )


def test_times_count_from_the_intended_end_of_speech_and_not_from_the_servers() -> None:
    told = turn(1, 2.03, endpoint_decided=200, transcription_complete=300)
    seen = [answer(1, 2.5, draft=True), answer(1, 2.8), answer(1, 3.0, last=True)]
    (outcome,) = account([heard((1.0, 2.0))], [told], seen)
    assert outcome.t0_error_ns == 30 * MS
    assert (outcome.endpoint, outcome.transcript) == (230 * MS, 330 * MS)
    assert (outcome.first_text, outcome.first_answer, outcome.whole_answer) == (500 * MS, 800 * MS, S)
    assert not outcome.cut


def test_an_utterance_that_the_server_never_heard_is_in_every_denominator() -> None:
    outcomes = account(
        [heard((1.0, 2.0), (5.0, 6.0))], [turn(1, 2.0, endpoint_decided=200)], [answer(1, 2.5, last=True)]
    )
    rows = {row.name: row for row in bars_of(outcomes, [], limits={"endpoint decision": {95: 350}})}
    for name in (
        "endpoint decision",
        "final transcript",
        "first answer text painted",
        "whole answer painted",
    ):
        row = rows[name]
        assert isinstance(row, Bar)
        assert row.values.count == 2
        assert row.at_ms(95) == NEVER_NS / MS
    assert rows["endpoint decision"].verdict == "BREACHED"
    assert outcomes[1].pieces == 0


def test_an_utterance_that_was_ended_before_its_end_is_a_false_cut_and_the_last_piece_decides() -> None:
    pieces = [turn(1, 1.5, endpoint_decided=200), turn(2, 3.0, endpoint_decided=210)]
    (outcome,) = account([heard((1.0, 3.0))], pieces, [])
    assert (outcome.cut, outcome.pieces, outcome.endpoint) == (True, 2, 210 * MS)


def test_an_answer_that_was_cut_off_is_not_whole() -> None:
    seen = [answer(1, 2.5), answer(1, 2.9, last=True, cut=True)]
    (outcome,) = account([heard((1.0, 2.0))], [turn(1, 2.0)], seen)
    assert outcome.first_answer == 500 * MS
    assert outcome.whole_answer is None


def test_an_answer_that_was_shortened_is_whole_sentences_and_is_counted_apart() -> None:
    seen = [answer(1, 2.5), answer(1, 2.9, last=True, text=0, shortened=True), answer(2, 6.9, last=True)]
    outcomes = account([heard((1.0, 2.0), (5.0, 6.0))], [turn(1, 2.0), turn(2, 6.0)], seen)
    assert [(one.whole_answer, one.shortened) for one in outcomes] == [(900 * MS, True), (900 * MS, False)]
    (row,) = [
        row for row in bars_of(outcomes, [], limits={}) if row.name == "answers shortened to be in time"
    ]
    assert not isinstance(row, Bar)
    assert (row.count, row.of, row.verdict) == (1, 2, "")


@pytest.mark.parametrize("status", ["dropped", "cancelled"])
def test_what_was_not_transcribed_has_no_transcript(status: str) -> None:
    told = turn(1, 2.0, transcription_complete=300) | {"status": status}
    (outcome,) = account([heard((1.0, 2.0))], [told], [])
    assert outcome.transcript is None


def test_statements_are_no_questions_but_utterances() -> None:
    outcomes = account([heard((1.0, 2.0), question=False)], [turn(1, 2.0)], [answer(1, 2.5)])
    rows = {row.name: row for row in bars_of(outcomes, [], limits={})}
    answered = rows["statements answered"]
    whole = rows["whole answer painted"]
    assert not isinstance(answered, Bar)
    assert (answered.count, answered.of) == (1, 1)
    assert isinstance(whole, Bar)
    assert whole.values.count == 0


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_at_several_times_the_load_only_whole_answers_of_the_admitted_and_refusals_are_judged(
    name: str,
) -> None:
    profile = PROFILES[name].at_times(3)
    late = [answer(1, 3.0), answer(1, 5.9, last=True)]
    outcomes = account([heard((1.0, 2.0))], [turn(1, 2.0, endpoint_decided=900)], late)
    rows = bars_of(outcomes, late, limits=profile.limits, most_cuts=profile.most_cuts)
    rows += refusals_of([("no place is free", 90 * MS)], limits=profile.limits)
    judged = {row.name: row.verdict for row in rows if row.verdict}
    assert judged == {
        "whole answer painted": "MET",
        "refusal of a speaker": "MET",
        "refused without a reason": "MET",
    }
    assert all_met(rows)
    once = bars_of(outcomes, late, limits=PROFILES[name].at_times(1).limits)
    assert not all_met(once)


@pytest.mark.parametrize(
    ("refused", "verdicts"),
    [
        ([("full", 90 * MS), ("full", 101 * MS)], ["BREACHED", "MET"]),
        ([("", 90 * MS)], ["MET", "BREACHED"]),
        ([], ["NO_DATA", "NO_DATA"]),
    ],
)
def test_a_refusal_that_is_late_or_without_a_reason_and_none_at_all_break_the_bars_of_overload(
    refused: list[tuple[str, int | None]], verdicts: list[str]
) -> None:
    rows = refusals_of(refused, limits=PROFILES["E"].at_times(3).limits)
    assert [row.verdict for row in rows] == verdicts
    assert not all_met(rows)


def test_an_admitted_question_that_is_never_answered_in_whole_breaks_the_bar_of_overload() -> None:
    profile = PROFILES["W"].at_times(3)
    outcomes = account([heard((1.0, 2.0))], [turn(1, 2.0)], [answer(1, 2.9, last=True, cut=True)])
    assert not all_met(bars_of(outcomes, [], limits=profile.limits, most_cuts=profile.most_cuts))


def test_false_cuts_are_judged_at_the_profiles_own_load() -> None:
    outcomes = account([heard((1.0, 3.0))], [turn(1, 1.5, endpoint_decided=200), turn(2, 3.0)], [])
    profile = PROFILES["E"].at_times(1)
    rows = {row.name: row for row in bars_of(outcomes, [], limits={}, most_cuts=profile.most_cuts)}
    assert isinstance(rows["false cuts"], ShareBar)
    assert rows["false cuts"].verdict == "BREACHED"


def test_turns_before_anything_was_said_are_told() -> None:
    assert unspoken([heard((1.0, 2.0))], [turn(1, 0.5), turn(2, 2.0)]) == 1


def test_a_bar_is_met_up_to_its_limit_and_breached_beyond() -> None:
    values, missing = recorded([100 * MS] * 19 + [400 * MS])
    assert missing == 0
    assert Bar(name="x", values=values, limits_ms={95: 101}).verdict == "MET"
    assert Bar(name="x", values=values, limits_ms={50: 101, 99: 101}).verdict == "BREACHED"
    assert Bar(name="x", values=recorded([])[0], limits_ms={95: 1}).verdict == "NO_DATA"


def test_the_table_has_a_line_for_every_row() -> None:
    outcomes = account([heard((1.0, 2.0))], [turn(1, 2.0, endpoint_decided=200)], [])
    rows = bars_of(outcomes, [], limits={"endpoint decision": {50: 220, 95: 350}})
    lines = table(rows).splitlines()
    assert len(lines) == len(rows) + 1
    assert lines[1].split()[-1] == "MET"
