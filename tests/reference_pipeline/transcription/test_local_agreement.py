"""What two successive hypotheses agree on, on tokens of which even ones begin a word."""

from hypothesis import given
from hypothesis import strategies as st

from reference_pipeline.transcription.local_agreement import LocalAgreement


def _agreement() -> LocalAgreement:
    return LocalAgreement(lambda token: token % 2 == 0)


def test_the_first_hypothesis_agrees_with_nothing() -> None:
    agreement = _agreement()
    assert not agreement.compare([2, 4, 6])
    assert agreement.agreed == ()


def test_two_agree_on_what_they_share_but_for_the_last_word() -> None:
    agreement = _agreement()
    agreement.compare([2, 4, 6])
    assert agreement.compare([2, 4, 6])
    assert agreement.agreed == (2, 4)


def test_a_word_is_agreed_on_whole_or_not_at_all() -> None:
    agreement = _agreement()
    agreement.compare([2, 4, 5, 7, 6])
    assert agreement.compare([2, 4, 5, 9, 6])
    assert agreement.agreed == (2,)


def test_a_hypothesis_that_takes_back_what_was_agreed_on_is_passed_over() -> None:
    agreement = _agreement()
    for hypothesis in ([2, 4, 6], [2, 4, 6], [8, 8, 8], [8, 8, 8]):
        agreement.compare(hypothesis)
    assert agreement.agreed == (2, 4)


def test_a_new_utterance_begins_with_nothing() -> None:
    agreement = _agreement()
    agreement.compare([2, 4])
    agreement.compare([2, 4])
    agreement.forget()
    assert agreement.agreed == ()
    assert not agreement.compare([2, 4])


_TOKENS = st.lists(st.integers(2, 6), max_size=8)


@given(st.lists(_TOKENS, max_size=12))
def test_what_is_agreed_on_never_changes_and_both_hypotheses_say_it(tails: list[list[int]]) -> None:
    agreement = _agreement()
    before: tuple[int, ...] = ()
    last: list[int] = []
    for tail in tails:
        hypothesis = [*agreement.agreed, *tail]
        grew = agreement.compare(hypothesis)
        now = agreement.agreed
        assert now[: len(before)] == before
        assert grew == (len(now) > len(before))
        if grew:
            assert tuple(hypothesis[: len(now)]) == tuple(last[: len(now)]) == now
            assert hypothesis[len(now)] % 2 == 0
        before, last = now, hypothesis
