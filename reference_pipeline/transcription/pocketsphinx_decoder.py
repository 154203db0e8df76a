"""The decoder of pocketsphinx 5 as the transcriber wants it: its parameters, and words added to its model.

The only module that imports pocketsphinx.

The parameters were chosen by measurement: on six clips of human and 48 of synthesised speech (560 words)
they have the word error rate of the defaults. `fwdflat` decodes the whole utterance a second time after
its end (the final text comes 5 to 10 times later, and is not better); `bestpath` costs some milliseconds and
spares errors; the bounds on active words and states only cut the dearest blocks (the longest from 45 ms to
20 ms); wider beams and more Gaussians bring no accuracy.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from latency_kit.errors import MissingExtraError
from reference_pipeline.events import SAMPLE_RATE
from reference_pipeline.ports import TranscriberError
from reference_pipeline.transcription.domain_language_model import DomainEntry, Term, domain_entries
from reference_pipeline.transcription.pronunciations import MOST_VARIANTS

try:
    import pocketsphinx  # type: ignore[import-untyped,unused-ignore]  # it ships no types
except ImportError as error:
    raise MissingExtraError("pocketsphinx", "assistant") from error

__all__ = ["FIRST_CEPSTRAL_MEAN", "general_log10", "load_decoder"]

FIRST_CEPSTRAL_MEAN = "47,3,5,17,-3,0,2,-6,-3,-3,5,1,2"
"""Where cepstral mean normalisation starts: about the mean over the speech described above.

With pocketsphinx' own start (40,3,-1) the first words of a session are misheard until the mean has moved."""

_GENERAL_MODEL = pocketsphinx.get_model_path("en-us/en-us.lm.bin")
_DOMAIN_SEARCH = "domain"
_PROBE = "_"
"""A word that is never said, by which the size of a model's vocabulary is found."""

_UNKNOWN_LN = -1000.0
"""Below it a word is unknown to the model, which says so by a logarithm of some ten thousands."""


def load_decoder(
    language_model: Path | None,
    dictionary: Path | None,
    domain_terms: Sequence[Term],
    domain_probability: float,
) -> pocketsphinx.Decoder:
    """Return a decoder that is ready for its first utterance.

    Args:
        language_model: An n-gram model (ARPA or binary) in place of the wheel's.
        dictionary: A pronunciation dictionary in place of the wheel's.
        domain_terms: Words and phrases that are made likelier, and known where they are not.
        domain_probability: Of each of them.

    Raises:
        TranscriberError: The model or the dictionary cannot be loaded.
    """
    decoder = _load(language_model, dictionary, searches=not domain_terms)
    if domain_terms:
        _add_domain(decoder, domain_terms, domain_probability, language_model)
    return decoder


def _load(language_model: Path | None, dictionary: Path | None, *, searches: bool) -> pocketsphinx.Decoder:
    """Load the decoder; without `searches` it waits for another language model."""
    given = {"lm": language_model, "dict": dictionary}
    for option, path in given.items():
        if path is not None and not path.is_file():
            raise TranscriberError(f"pocketsphinx: expected a file for {option!r}, {path} is none")
    options = {option: str(path) for option, path in given.items() if path is not None}
    try:
        return pocketsphinx.Decoder(
            **(options if searches else {**options, "lm": None}),
            samprate=SAMPLE_RATE,
            fwdflat=False,
            bestpath=True,
            maxhmmpf=5000,
            maxwpf=20,
            cmninit=FIRST_CEPSTRAL_MEAN,
            loglevel="FATAL",
        )
    except (RuntimeError, ValueError) as error:
        what = ", ".join(str(path) for path in given.values() if path is not None) or "the model of its wheel"
        raise TranscriberError(
            f"pocketsphinx cannot load {what}; reinstall it or give other files"
        ) from error


def _add_domain(
    decoder: pocketsphinx.Decoder, terms: Sequence[Term], probability: float, language_model: Path | None
) -> None:
    """Search with the general model and the entries of the terms from now on."""
    try:
        general = _GeneralModel(decoder, language_model)

        def lookup(word: str) -> Sequence[str]:
            forms = (word, *(f"{word}({number})" for number in range(2, MOST_VARIANTS + 1)))
            return [phones for form in forms if (phones := decoder.lookup_word(form))]

        entries = domain_entries(terms, general=general.ln, lookup=lookup, probability=probability)
        for entry in entries:
            for variant, phones in enumerate(entry.pronunciations, start=1):
                name = entry.name if variant == 1 else f"{entry.name}({variant})"
                decoder.add_word(name, phones, False)
        general.add(entries)
        decoder.add_lm(_DOMAIN_SEARCH, general.model)
        decoder.activate_search(_DOMAIN_SEARCH)
    except (RuntimeError, ValueError) as error:
        raise TranscriberError(f"pocketsphinx cannot take the domain words: {error}") from error


class _GeneralModel:
    """The general model, asked for probabilities and given new words."""

    def __init__(self, decoder: pocketsphinx.Decoder, path: Path | None) -> None:
        self._log = decoder.logmath
        self.model = pocketsphinx.NGramModel(decoder.config, self._log, str(path or _GENERAL_MODEL))

    def ln(self, words: Sequence[str]) -> float:
        """Return the logarithm of the probability of words in a row, minus infinity where one is unknown."""
        # The model wants each word first and then its history backwards.
        total = 0.0
        for at in range(len(words)):
            total += self._log.log_to_ln(self.model.prob(list(reversed(words[max(0, at - 2) : at + 1]))))
        return total if total > _UNKNOWN_LN else -math.inf

    def add(self, entries: Sequence[DomainEntry]) -> None:
        """Add entries: the model gives a word the share of one in its vocabulary times a weight."""
        self.model.add_word(_PROBE, 1.0)
        vocabulary = round(math.exp(-self.ln([_PROBE])))
        for number, entry in enumerate(entries, start=1):
            self.model.add_word(entry.name, entry.probability * (vocabulary + number))


def general_log10(phrases: Sequence[Sequence[str]]) -> Sequence[float]:
    """Return how probable phrases are in the wheel's model: base-10 logarithms, minus infinity if unknown."""
    decoder = _load(None, None, searches=False)
    general = _GeneralModel(decoder, None)
    return [general.ln(phrase) / math.log(10) for phrase in phrases]
