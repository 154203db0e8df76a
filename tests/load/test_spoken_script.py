"""What is said under load is what the accounting takes it for."""

from spoken_script import lines_for, questions

from reference_pipeline.questions.detector import RuleQuestionDetector


def test_no_two_speakers_ask_the_same_and_the_same_seed_gives_the_same_script() -> None:
    told = lines_for(4, 75, seed=1)
    asked = [line.text for lines in told for line in lines if line.question]
    assert len(set(asked)) == len(asked)
    assert told == lines_for(4, 75, seed=1)
    assert [len(lines) for lines in told] == [75] * 4


def test_every_question_is_one_and_no_statement_is() -> None:
    detector = RuleQuestionDetector()
    assert [text for text in questions() if len(detector.detect(text)) != 1] == []
    statements = {line.text for lines in lines_for(4, 75, seed=1) for line in lines if not line.question}
    assert statements
    assert [text for text in statements if detector.detect(text)] == []
