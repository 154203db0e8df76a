"""From utterances to the questions that are answered: nothing twice, nothing lost at a cut, in context."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_pipeline.awaited_rest import REST_BEGINS_WITHIN_NS
from reference_pipeline.decision import CONTEXT_NS, TORN_WITHIN_NS, Decider
from reference_pipeline.events import Completeness, Utterance
from reference_pipeline.questions.completeness import WordsCompletenessJudge
from reference_pipeline.questions.learned_detector import LearnedQuestionDetector
from reference_pipeline.transcription.deduplication import DEFAULT_WINDOW_NS, Deduplicator
from reference_pipeline.transcription.segmentation import Segmenter, is_unfinished

SECOND_NS = 1_000_000_000

QUESTIONS = (
    "what is a thread",
    "what is a process",
    "what is the difference between a list and a tuple",
    "tell me about a time you failed",
    "how would you design a cache for a web shop",
    "why did you leave your last job",
    "can you explain how garbage collection works",
    "have you ever led a team",
)
TALK = ("we met in the spring", "it was a long project", "thank you", "that is what we use")


class Talk:
    """Says utterances to a decider, on a clock of its own."""

    def __init__(self) -> None:
        self.now_ns = 0
        clock = self._clock
        self.decider = Decider(
            Segmenter(clock=clock),
            LearnedQuestionDetector(),
            Deduplicator(clock=clock),
            WordsCompletenessJudge(),
        )

    def say(self, text: str, *, pause_ns: int = 3 * SECOND_NS) -> list[str]:
        """Say something after a pause; return the questions that are to be answered."""
        self.turn = self._turn(text, pause_ns)
        self.decided = self.decider.decide(self.turn)
        return [question.text for question in self.decided.new]

    def wait(self, wait_ns: int = REST_BEGINS_WITHIN_NS) -> list[str]:
        """Wait in vain for the rest of what was said last; return what is to be answered then."""
        self.now_ns += wait_ns
        decided = self.decider.decide_held(self.turn, at_ns=self.now_ns)
        return [question.text for question in decided.new]

    def _turn(self, text: str, pause_ns: int) -> Any:
        start_ns = self.now_ns + pause_ns
        self.now_ns = start_ns + SECOND_NS
        utterance = Utterance(
            number=1,
            first_sample=0,
            last_sample=16_000,
            start_ns=start_ns,
            end_ns=self.now_ns,
            decided_ns=self.now_ns,
        )
        return SimpleNamespace(said=SimpleNamespace(text=text), utterance=utterance, stage=_stage)

    def _clock(self) -> int:
        return self.now_ns


@contextmanager
def _stage(component: str, operation: str) -> Iterator[None]:
    assert component
    assert operation
    yield


@pytest.fixture
def talk() -> Talk:
    return Talk()


def _false_cuts(question: str) -> Sequence[int]:
    """Return after how many words a cut leaves something that nobody takes for whole."""
    words = question.split()
    return [at for at in range(1, len(words)) if is_unfinished(" ".join(words[:at]))]


@st.composite
def _utterances(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Draw a talk as it is cut into utterances, and the questions that it asks, each in its first place."""
    said: list[str] = []
    asked: list[str] = []
    for question in draw(st.lists(st.sampled_from(QUESTIONS), max_size=6)):
        words = question.split()
        cut = draw(st.sampled_from([0, *_false_cuts(question)]))
        said.extend([" ".join(words[:cut]), " ".join(words[cut:])] if cut else [question])
        said.extend(draw(st.lists(st.sampled_from(TALK), max_size=1)))
        if question not in asked:
            asked.append(question)
    return said, asked


@settings(deadline=None, max_examples=60)  # an example is up to twelve utterances
@given(_utterances())
def test_over_any_false_cuts_and_repetitions_each_question_is_answered_once_in_order(
    drawn: tuple[list[str], list[str]],
) -> None:
    said, asked = drawn
    talk = Talk()
    answered = [question for text in said for question in talk.say(text, pause_ns=SECOND_NS // 2)]
    assert answered == asked


@settings(deadline=None, max_examples=40)
@given(st.permutations(QUESTIONS), st.integers(1, 3))
def test_several_questions_in_a_breath_are_each_answered_once(order: list[str], number: int) -> None:
    talk = Talk()
    asked = order[:number]
    assert talk.say(" okay and ".join(asked)) == asked


def test_an_utterance_that_was_cut_in_two_is_joined_and_answered_once(talk: Talk) -> None:
    assert talk.say("tell me about") == []
    assert talk.say("a time you failed") == ["tell me about a time you failed"]


def test_unfinished_words_are_judged_as_they_are_once_where_no_rest_comes(talk: Talk) -> None:
    assert talk.say("what is a mutex and") == []
    assert [question.text for question in talk.decided.held] == ["what is a mutex and"]
    assert talk.wait() == ["what is a mutex and"]
    assert talk.wait() == []
    assert talk.say("we are a small team", pause_ns=5 * SECOND_NS) == []


def test_words_that_another_utterance_took_are_not_judged_again(talk: Talk) -> None:
    talk.say("what is a mutex and")
    before = talk.turn
    assert talk.say("what is a semaphore and", pause_ns=SECOND_NS) == []
    assert talk.decider.decide_held(before, at_ns=talk.now_ns).questions == ()
    assert talk.wait() == ["what is a mutex and what is a semaphore and"]


@pytest.mark.parametrize(
    ("words", "rest", "whole"),
    [
        ("how do you", "handle conflict in a team", "how do you handle conflict in a team"),
        (
            "what is the difference between a list and",
            "a tuple",
            "what is the difference between a list and a tuple",
        ),
    ],
)
def test_a_rest_that_comes_after_the_wait_is_not_lost(talk: Talk, words: str, rest: str, whole: str) -> None:
    talk.say(words)
    assert talk.wait() == [words]
    assert talk.say(rest, pause_ns=SECOND_NS) == [whole]


def test_what_asks_nothing_as_it_is_holds_no_question(talk: Talk) -> None:
    talk.say("tell me about")
    assert talk.decided.held == ()
    assert talk.wait() == []


def test_what_goes_on_at_once_after_a_whole_question_belongs_to_it(talk: Talk) -> None:
    assert talk.say("tell me about a time") == ["tell me about a time"]
    assert talk.say("when your team missed a deadline", pause_ns=SECOND_NS) == [
        "tell me about a time when your team missed a deadline"
    ]


@pytest.mark.parametrize(
    ("rest", "pause_ns"),
    [
        ("when i was at my first job we missed a deadline", SECOND_NS),
        ("of which nobody knew", TORN_WITHIN_NS + 1),
        ("the weather was fine and we went to the lake and swam until the sun went down", SECOND_NS),
    ],
)
def test_an_answer_is_no_rest_of_the_question(talk: Talk, rest: str, pause_ns: int) -> None:
    talk.say("tell me about a time you failed")
    assert talk.say(rest, pause_ns=pause_ns) == []


@pytest.mark.parametrize(
    ("follow_up", "whole"),
    [
        ("and why", "what is a closure and why"),
        ("why is that", "what is a closure why is that"),
        ("what about java", "what is a closure what about java"),
        ("can you give an example", "what is a closure can you give an example"),
    ],
)
def test_a_follow_up_is_asked_together_with_the_question_before_it(
    talk: Talk, follow_up: str, whole: str
) -> None:
    talk.say("what is a closure")
    talk.say("it is a function that remembers where it was made")
    assert [text.replace("okay and ", "") for text in talk.say(follow_up)] == [_same(whole, follow_up)]


def _same(whole: str, follow_up: str) -> str:
    """Return what is asked; a leading "and" is no part of a question."""
    return whole if not follow_up.startswith("and ") else f"what is a closure {follow_up[4:]}"


def test_a_follow_up_follows_the_question_and_not_another_follow_up(talk: Talk) -> None:
    talk.say("what is a closure")
    talk.say("why is that")
    assert talk.say("how so") == ["what is a closure how so"]


def test_the_same_follow_up_to_another_question_is_another_question(talk: Talk) -> None:
    talk.say("what is a closure")
    assert talk.say("can you give an example") == ["what is a closure can you give an example"]
    assert talk.say("can you give an example") == []
    talk.say("what is a mutex")
    assert talk.say("can you give an example") == ["what is a mutex can you give an example"]


def test_a_follow_up_to_nothing_stands_alone(talk: Talk) -> None:
    assert talk.say("why is that") == ["why is that"]
    talk.say("what is a closure")
    assert talk.say("how so", pause_ns=CONTEXT_NS + 1) == ["how so"]


def test_a_question_about_the_listener_is_no_follow_up(talk: Talk) -> None:
    talk.say("what is a closure")
    assert talk.say("how are you") == ["how are you"]


def test_a_question_is_answered_again_after_the_window(talk: Talk) -> None:
    assert talk.say("what is a thread") == ["what is a thread"]
    assert talk.say("so what is the thread") == []
    assert talk.say("what is a thread", pause_ns=DEFAULT_WINDOW_NS) == ["what is a thread"]


@pytest.mark.parametrize(
    ("text", "completeness"),
    [
        ("what is a memory leak", Completeness.COMPLETE),
        ("we are a small team so tell me about yourself", Completeness.COMPLETE),
        ("and how would you", Completeness.UNFINISHED),
        ("what is the difference between a process and", Completeness.UNFINISHED),
        ("tell me about the", Completeness.UNFINISHED),
        ("if a colleague does not agree with you", Completeness.UNFINISHED),
        ("if a colleague does not agree with you what do you do", Completeness.COMPLETE),
        ("because the deadline was close", Completeness.UNFINISHED),
        ("because the deadline was close we dropped two features", Completeness.COMPLETE),
        ("in your last job", Completeness.UNFINISHED),
        ("when would you use a relational database", Completeness.COMPLETE),
        ("", Completeness.UNKNOWN),
        ("  ", Completeness.UNKNOWN),
        ("Tell me more.", Completeness.COMPLETE),
        ("Well, when I started,", Completeness.UNFINISHED),
    ],
)
def test_the_words_tell_whether_they_may_be_all(talk: Talk, text: str, completeness: Completeness) -> None:
    assert talk.decider.completeness(text) is completeness
