"""The terms of notes, the entries made of them, and what a recogniser hears with them."""

import logging
import math
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pocketsphinx
import pytest
import soundfile

from reference_pipeline import composition
from reference_pipeline.events import AudioBlock
from reference_pipeline.ports import Transcriber, TranscriberError
from reference_pipeline.settings import Settings
from reference_pipeline.transcription import domain_language_model as domain
from reference_pipeline.transcription.domain_language_model import (
    Term,
    domain_entries,
    read_notes,
    spoken_text,
    terms_of,
)
from reference_pipeline.transcription.pocketsphinx_decoder import general_log10
from reference_pipeline.transcription.pocketsphinx_transcriber import PocketsphinxTranscriber

NOTE = """# Idempotent writes

A write is idempotent when doing it twice is like doing it once. The write ahead log helps, and a retry
needs a key. The retry budget is small.

## Asked as

- why is a write idempotent
- what is a retry budget

See [the manual](https://example.org/quokka) and **exactly once delivery**.
"""


def unknown(words: Sequence[str]) -> float:
    return -math.inf


def lookup(word: str) -> Sequence[str]:
    return ["T EH S T"]


def texts(terms: Sequence[Term]) -> list[str]:
    return [term.text for term in terms]


def test_the_terms_are_content_words_and_phrases_that_are_repeated_or_emphasised() -> None:
    terms = texts(terms_of([NOTE]))
    assert {"idempotent", "retry", "retry budget", "idempotent writes", "delivery"} <= set(terms)
    assert not {"the", "is", "a", "when", "quokka", "example", "write ahead", "retry needs"} & set(terms)


def test_no_phrase_reaches_over_a_stop_a_common_word_or_more_than_three_words() -> None:
    terms = texts(terms_of(["# Alpha beta, gamma\n# Delta of epsilon\n# One big red fast car goes"]))
    assert "beta gamma" not in terms
    assert not any(" of " in term for term in terms)
    assert max(len(term.split()) for term in terms) == 3


def test_the_more_often_a_term_stands_there_the_earlier_it_comes() -> None:
    counts = [term.count for term in terms_of([NOTE, NOTE])]
    assert counts == sorted(counts, reverse=True)
    assert texts(terms_of([NOTE]))[0] == "idempotent"


def test_a_term_keeps_the_capitals_that_it_is_mostly_written_with() -> None:
    (term,) = (term for term in terms_of(["SQL and sql, or SQL"]) if term.text == "sql")
    assert term.words == ("SQL",)


@pytest.mark.parametrize("text", ["", "   \n", "1. 2. 3.", "the of and", "日本語"])
def test_texts_without_a_content_word_have_no_terms(text: str) -> None:
    assert terms_of([text]) == []


def test_however_many_the_terms_their_probabilities_stay_within_the_mass() -> None:
    many = [Term(words=(f"w{number}",), count=1) for number in range(3 * domain.MOST_TERMS)]
    entries = domain_entries(many, general=unknown, lookup=lookup, probability=0.01)
    assert len(entries) == domain.MOST_TERMS
    assert sum(entry.probability for entry in entries) <= domain.MOST_MASS * (1 + 1e-9)
    few = domain_entries(many[:3], general=unknown, lookup=lookup, probability=0.01)
    assert [entry.probability for entry in few] == [0.01] * 3


def test_what_the_general_model_finds_probable_enough_gets_no_entry() -> None:
    terms = [Term(words=("people",), count=9), Term(words=("mutex",), count=1)]

    def general(words: Sequence[str]) -> float:
        return math.log(1e-3) if words == ["people"] else math.log(1e-6)

    entries = domain_entries(terms, general=general, lookup=lookup, probability=1e-4)
    assert [entry.name for entry in entries] == ["mutex_"]


@pytest.mark.parametrize("probability", [0.0, 1.0, -1.0, math.nan])
def test_a_probability_that_is_none_is_refused(probability: float) -> None:
    with pytest.raises(TranscriberError, match="between 0 and 1"):
        domain_entries([], general=unknown, lookup=lookup, probability=probability)


def test_the_names_of_entries_are_read_back_as_their_words() -> None:
    terms = [Term(words=("Race", "condition"), count=1), Term(words=("mutex",), count=1)]
    names = [entry.name for entry in domain_entries(terms, general=unknown, lookup=lookup)]
    assert spoken_text(f"what is a {names[0]} without {names[1]}") == "what is a race condition without mutex"
    assert spoken_text("as it  was") == "as it  was"


def test_notes_are_read_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        (tmp_path / f"{number}.md").write_text("0123456789", encoding="utf-8")
    monkeypatch.setattr(domain, "MOST_NOTE_BYTES", 15)
    assert read_notes(tmp_path) == ["0123456789", "01234"]


def test_a_note_that_is_no_text_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    (tmp_path / "bad.md").write_bytes(b"\xff\xfe# Mutex\x00 and \xe2\x82")
    assert "mutex" in texts(terms_of(read_notes(tmp_path)))


def test_a_directory_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(TranscriberError, match="no such directory of notes"):
        read_notes(tmp_path / "none")


def test_in_the_recogniser_an_entry_has_its_probability_and_the_general_words_keep_theirs() -> None:
    """After a history the model backs off to it, so that the entries have their mass at most."""
    decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
    path = pocketsphinx.get_model_path("en-us/en-us.lm.bin")
    with_terms = PocketsphinxTranscriber(domain_terms=terms_of([NOTE]), domain_probability=1e-3)
    model = with_terms._decoder.get_lm("domain")
    plain = pocketsphinx.NGramModel(decoder.config, decoder.logmath, path)
    log = with_terms._decoder.logmath
    weight = log.log_to_log10(model.prob(["people"])) / decoder.logmath.log_to_log10(plain.prob(["people"]))
    assert log.log_to_log10(model.prob(["idempotent_"])) / weight == pytest.approx(-3.0, abs=0.01)
    for words in (["people"], ["is", "what"], ["condition", "race"]):
        general = decoder.logmath.log_to_log10(plain.prob(words))
        assert log.log_to_log10(model.prob(words)) / weight == pytest.approx(general, abs=0.01)
    with_terms.close()


def test_a_language_model_that_is_none_is_told_with_domain_words_too(tmp_path: Path) -> None:
    broken = tmp_path / "broken.lm"
    broken.write_text("no language model", encoding="utf-8")
    with pytest.raises(TranscriberError, match="cannot take the domain words"):
        PocketsphinxTranscriber(domain_terms=terms_of([NOTE]), language_model=broken)


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """Spoken by flite, as people say it."""
    flite = shutil.which("flite")
    if flite is None:
        pytest.skip("flite is not installed; apt-get install flite")
    path = tmp_path_factory.mktemp("speech") / "question.wav"
    said = "how would you use koober netties for this service"
    subprocess.run([flite, "-voice", "rms", "-t", said, "-o", str(path)], check=True)
    samples: np.ndarray = soundfile.read(path, dtype="float32")[0]
    return samples


def _hear(transcriber: Transcriber, samples: np.ndarray) -> str:
    transcriber.begin()
    for start in range(0, len(samples), 512):
        transcriber.feed(AudioBlock(samples=samples[start : start + 512], first_sample=start, start_ns=0))
    text = transcriber.finish().text
    transcriber.close()
    return text


def _notes(folder: Path, text: str) -> Settings:
    (folder / "note.md").write_text(text, encoding="utf-8")
    return Settings(engine="pocketsphinx", notes=folder, domain_words=True)


def test_a_word_that_the_general_model_cannot_know_is_heard_where_the_notes_have_it(
    question: np.ndarray, tmp_path: Path
) -> None:
    """In the child process, as a run composes it."""
    assert general_log10([("kubernetes",)]) == [-math.inf]
    assert "kubernetes" not in _hear(PocketsphinxTranscriber(), question)
    settings = _notes(tmp_path, "# Services on Kubernetes\n\nKubernetes schedules pods.")
    assert "kubernetes" in _hear(composition.compose_transcriber(settings), question)


def test_notes_without_words_are_told_in_a_line_and_transcribed_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert composition._domain_arguments(_notes(tmp_path, "日本語\n")) == ()
    assert "hold no word to expect" in caplog.text
    assert composition._domain_arguments(_notes(tmp_path, "# Mutex\n")) == ("--domain-notes", str(tmp_path))
