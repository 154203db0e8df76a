"""What is said in the study of domain words: questions about notes, and talk in which nothing may change.

The sentences are new: none is a line of the notes. Truth is what flite was given, the bundled interview's
manifest, or the table beside the human recordings.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile
import soxr

from reference_pipeline.answering.notes import bundled_notes
from reference_pipeline.events import SAMPLE_RATE, Samples
from reference_pipeline.interview.manifest import load_manifest, recording_path
from reference_pipeline.transcription.domain_language_model import read_notes

__all__ = ["VOICES", "Spoken", "human", "interview", "notes", "synthesised"]

HUMAN_SPEECH = Path(__file__).resolve().parents[3] / "shared" / "speech"
VOICES = ("rms", "slt", "awb")
"""Of flite: men from the United States and from Scotland, and a woman."""

OWN_NOTES = """# Running services on Kubernetes

Kubernetes schedules pods onto nodes; a **liveness probe** restarts a pod, a **readiness probe** takes it out
of the service. I roll out with a **canary deployment** and roll back by the previous **replica set**.

# Postgres

Postgres keeps old row versions for **multiversion concurrency**, so vacuum must run. **Query planner**,
**covering index**, **write ahead log**, **connection pooling** with pgbouncer. Redis holds what may be lost.

# Messaging with Kafka

Kafka keeps a **partition** in order; a consumer group shares them. A consumer must be **idempotent**.
**Dead letter queue**, **exactly once delivery**, **back pressure**, **schema registry**.

# Threads

A **mutex** guards state, a **semaphore** counts, **deadlock** comes from two orders of locking.
**Thread pool**, **event loop**, **memory barrier**, **priority inversion**.

# Measuring

**Tail latency**, **latency budget**, **error budget**, **burn rate**, **flame graph**,
**distributed tracing**. Ask for the **percentile**, never the mean. **Coordinated omission** hides the worst.

# Web

**OAuth**, **JSON**, **GraphQL**, TCP, **load balancer**, **rate limiter**, **content delivery network**,
**memoization**, **hydration**, **webhook**, **microservice**, **sharding**, **refactoring**.
"""
"""A user's notes in the words of a trade, many of which general English has not."""

QUESTIONS = (
    "when does garbage collection pause a program",
    "how would you use kubernetes for this service",
    "who takes part in the code review on your team",
    "why did you choose postgres for that product",
    "is a race condition the same as a deadlock",
    "what does kafka promise about the order of messages",
    "where have you seen a memory leak in production",
    "why should a consumer be idempotent",
    "does binary search need a sorted list",
    "what happens when a mutex is never released",
    "why is public key encryption slower",
    "how do you measure tail latency",
    "what would you put behind a load balancer",
    "what is a semaphore good for",
    "how large should a pull request be",
    "what belongs in a dead letter queue",
    "which relational database do you know best",
    "can you draw a flame graph for me",
    "did continuous integration find that error",
    "what is the difference between a liveness probe and a readiness probe",
    "is a hash table always faster",
    "how does the query planner choose an index",
    "what did you learn from mentoring juniors",
    "when would you avoid sharding",
    "how do you keep to a tight deadline",
    "what does connection pooling save",
    "who decided to move to a microservice",
    "what is coordinated omission",
    "why is latency told in percentiles",
    "can you explain back pressure",
    "how do you write a unit test for that",
    "how does a rate limiter work",
    "what makes an operation atomic",
    "when is memoization worth it",
    "would you keep that in a cache or in redis",
    "how would you set an error budget",
    "what is a transaction in sql",
    "how do you roll out a canary deployment",
    "why does encryption need a secret key",
    "what is an event loop",
)
ORDINARY = (
    "we went to the lake on sunday and stayed until it was dark",
    "my sister works in a hospital and likes the people there",
    "the train was late again so i took a taxi to the office",
    "he told me that the house had been sold in the summer",
    "i would like a cup of coffee and something to eat",
    "the weather was better than anyone had expected",
    "they asked the bank for a letter and waited three weeks",
    "she has lived in this city since she was a child",
    "it took me a year to find work after the school closed",
    "we should call your mother before we leave tonight",
    "the children ran down the street and back to the river",
    "he could not remember where he had put his keys",
    "most of the money went to the people who needed it",
    "i read that book when i was young and never forgot it",
    "the doctor said that he should rest for a few days",
    "there was a long line in front of the theater",
    "you can leave the car here if you come back by ten",
    "nobody knew why the lights had gone out in the village",
    "the team played well but lost in the last minute",
    "i have known him for a long time and trust him",
)

_SAID = {
    "kubernetes": "koober netties", "postgres": "post gress", "redis": "reddiss", "mutex": "mew tex",
    "sql": "S Q L", "idempotent": "eye dem potent", "kafka": "kafka",
}  # fmt: skip  # a table
"""How flite must be told a word so that it says it as people do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """One utterance: which set it is of, its sound at 16 kHz and the words that were said."""

    group: str
    text: str
    samples: Samples


def notes() -> Sequence[str]:
    """Return the bundled notes and `OWN_NOTES`."""
    return [*read_notes(bundled_notes()), OWN_NOTES]


def interview() -> Iterator[Spoken]:
    """Yield the utterances of the bundled interview with the silence around them."""
    samples, _ = soundfile.read(recording_path(), dtype="float32")
    for one in load_manifest().utterances:
        start, end = one.speech_start - SAMPLE_RATE // 4, one.speech_end + SAMPLE_RATE // 4
        yield Spoken(group="interview", text=one.text, samples=samples[start:end])


def human() -> Iterator[Spoken]:
    """Yield the human recordings of prose beside the checkout."""
    table = (HUMAN_SPEECH / "README.md").read_text(encoding="utf-8")
    for name, text in re.findall(r"^\| (\S+\.flac) \| [\d.]+ \| (.*?) \|", table, re.MULTILINE):
        samples, _ = soundfile.read(HUMAN_SPEECH / name, dtype="float32")
        yield Spoken(group="human prose", text=text, samples=samples)


def synthesised() -> Iterator[Spoken]:
    """Yield each sentence in two of the voices.

    Raises:
        RuntimeError: flite is not installed.
    """
    flite = shutil.which("flite")
    if flite is None:
        raise RuntimeError("flite is not installed; install it with: apt-get install flite")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        for group, sentences in (("questions", QUESTIONS), ("ordinary talk", ORDINARY)):
            for number, text in enumerate(sentences):
                said = " ".join(_SAID.get(word, word) for word in text.split())
                for turn in range(2):
                    voice = VOICES[(number // 2 + turn) % len(VOICES)]
                    command = [flite, "-voice", voice, "-t", said, "-o", str(path)]
                    subprocess.run(command, check=True, capture_output=True)
                    samples, rate = soundfile.read(path, dtype="float32")
                    if rate != SAMPLE_RATE:
                        samples = soxr.resample(samples, rate, SAMPLE_RATE)
                    yield Spoken(group=group, text=text, samples=samples)
