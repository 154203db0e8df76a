"""What a person may choose about a run: frozen data. Where a choice comes from is not its concern."""

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["AnswerTimes", "ConversationSettings", "Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTimes:
    """By when an answer is to be what, in nanoseconds after the end of speech (T0).

    Attributes:
        first_text_ns: A model that has not spoken by then is joined by the notes.
        ending_ns: From then on the next end of a sentence is the end of the answer.
        deadline_ns: Then it is cut.
    """

    first_text_ns: int = 1_400_000_000
    ending_ns: int = 2_450_000_000
    deadline_ns: int = 3_700_000_000

    def within(self, limit_ns: int) -> "AnswerTimes":
        """Return the times for a turn of at most `limit_ns`, whose last 7 % belong to the display.

        They shrink with the limit and do not grow with it.
        """
        share = min(1.0, 0.925 * limit_ns / self.deadline_ns)
        return AnswerTimes(
            first_text_ns=round(share * self.first_text_ns),
            ending_ns=round(share * self.ending_ns),
            deadline_ns=round(share * self.deadline_ns),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSettings:
    """Bounds of what one session does at a time.

    Attributes:
        answers_at_once: Answers that are worked on beside each other.
        answers_waiting: Questions that may wait for that; one beyond them is dropped, and counted.
        turn_limit_ns: The longest that a turn may take before it ends as timed out.
        explain_limit_ns: The longest that terms are waited for when the answer is whole already.
        speculations: Requests that may begin before a turn's question is certain; 0 for none.
    """

    answers_at_once: int = 2
    answers_waiting: int = 8
    turn_limit_ns: int = 30_000_000_000
    explain_limit_ns: int = 1_500_000_000
    speculations: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One run of the assistant.

    Attributes:
        engine: "pocketsphinx", "faster-whisper", or None for the default by what is on disk.
        model: Size of the Whisper model.
        model_directory: Where that model lies, if not where faster-whisper looks by itself.
        threads: Processor threads of the engine; None leaves one core to everything else.
        notes: Directory of the user's own notes; None takes the bundled ones.
        domain_words: Whether pocketsphinx expects the words and phrases of the notes.
        budgets: Budget policy file; None takes the bundled one.
        cloud_model: Model asked at Ollama Cloud.
        small_cloud_model: Asked at Ollama Cloud instead when time or load demand it.
        local_model: Model asked at the local Ollama.
        small_local_model: The same at the local Ollama.
        offline: Asks neither, whatever the environment says.
        host: Address that the page is served on.
        port: Its port; 0 takes any that is free.
        serve: Whether the page is served at all.
        sessions: Speakers that are served at a time, where speakers come over sockets.
        token: Wanted of viewers when the page is served beyond this machine.
        jsonl: Path of a `performance.jsonl`.
        session: Path of a session file.
        endpoint: OTLP endpoint; None leaves it to the `OTEL_*` variables.
        protocol: OTLP protocol, "grpc" or "http/protobuf".
        conversation: Bounds of what goes on at a time.
    """

    engine: str | None = None
    model: str = "base.en"
    model_directory: Path | None = None
    threads: int | None = None
    notes: Path | None = None
    domain_words: bool = False
    budgets: Path | None = None
    cloud_model: str = "gpt-oss:20b"
    small_cloud_model: str | None = None
    local_model: str = "llama3.2:3b"
    small_local_model: str | None = None
    offline: bool = False
    host: str = "127.0.0.1"
    port: int = 8765
    serve: bool = True
    sessions: int = 16
    token: str | None = None
    jsonl: Path | None = None
    session: Path | None = None
    endpoint: str | None = None
    protocol: str | None = None
    conversation: ConversationSettings = field(default_factory=ConversationSettings)
