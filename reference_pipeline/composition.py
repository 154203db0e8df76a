"""The only place that picks adapters: from settings to the parts of a session."""

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from latency_kit import Telemetry
from latency_kit.budget import BudgetPolicy, load_policy
from latency_kit.units import NS_PER_S
from reference_pipeline.answering.cached_answerer import CachedAnswerer
from reference_pipeline.answering.fallback import FallbackAnswerer
from reference_pipeline.answering.guarded_answerer import GuardedAnswerer
from reference_pipeline.answering.notes import bundled_notes, load_notes
from reference_pipeline.answering.notes_answerer import NotesAnswerer
from reference_pipeline.answering.prompt import PromptBuilder
from reference_pipeline.answering.retrieval import NoteIndex
from reference_pipeline.answering.terms import GlossaryExplainer, load_glossary
from reference_pipeline.answering.token_budget import TokenBudget
from reference_pipeline.capture.channel_source import ChannelSource
from reference_pipeline.capture.file_source import FileSource
from reference_pipeline.capture.paired_source import PairedSource
from reference_pipeline.capture.reopening import ReopeningSource
from reference_pipeline.capture.silero import SileroDetector
from reference_pipeline.conversation import Stages, TurnBudgets
from reference_pipeline.decision import Decider
from reference_pipeline.events import Provider
from reference_pipeline.ports import (
    Answerer,
    AudioSource,
    Display,
    EarlyAsker,
    SettingsError,
    TermExplainer,
    Transcriber,
    VoiceActivityDetector,
)
from reference_pipeline.questions.completeness import WordsCompletenessJudge
from reference_pipeline.questions.learned_detector import LearnedQuestionDetector
from reference_pipeline.serving.admission import Admission
from reference_pipeline.serving.load_watch import LoadWatch
from reference_pipeline.serving.pressure import PressureGauge, limits_of
from reference_pipeline.settings import AnswerTimes, Settings
from reference_pipeline.shedding import DEFAULT_STEPS, Shedding, Step
from reference_pipeline.transcription.deduplication import Deduplicator
from reference_pipeline.transcription.domain_language_model import read_notes, terms_of
from reference_pipeline.transcription.engines import Engine, choose_engine
from reference_pipeline.transcription.segmentation import Segmenter

__all__ = [
    "compose_answerer",
    "compose_detector",
    "compose_explainer",
    "compose_load_watch",
    "compose_policy",
    "compose_shedding",
    "compose_source",
    "compose_stages",
    "compose_transcriber",
    "compose_transcribers",
    "compose_turn_budgets",
]

_CLOUD_AT_ONCE = 8
_LOCAL_AT_ONCE = 2
"""Answers that a provider makes at a time; a model on this machine shares its processors."""

_log = logging.getLogger(__name__)


def compose_policy(settings: Settings) -> BudgetPolicy:
    """Load the budgets.

    Raises:
        PolicyError: The file has mistakes.
    """
    return load_policy(settings.budgets or Path(__file__).with_name("budgets.toml"))


def compose_turn_budgets(policy: BudgetPolicy) -> TurnBudgets:
    """Find the budgets that each turn carries along: the one of `turn.end_to_end`, and all that judge it.

    Raises:
        SettingsError: No budget of the policy measures `turn.end_to_end`.
    """
    judged = {placed.budget.measures: placed.budget for placed in policy.placements}
    end_to_end = judged.get("turn.end_to_end")
    if end_to_end is None:
        raise SettingsError(
            'the budgets have none for the whole turn; add one with measures = "turn.end_to_end", '
            "whose limit is the deadline of a turn"
        )
    return TurnBudgets(
        end_to_end=end_to_end,
        answer=AnswerTimes().within(end_to_end.limit_ns),
        judged=tuple(judged.values()),
    )


def compose_source(
    audio: Path | None,
    device: str | None = None,
    *,
    interviewer: str | None = None,
    own_device: str | None = None,
) -> AudioSource:
    """Open a recording, or the microphone where none is given.

    Args:
        audio: The recording.
        device: The device that hears the interviewer, by number or a part of its name; None: the default.
        interviewer: "left" or "right": the channel of who asks; the other one is the user's own.
        own_device: The device that hears the user alone.

    Raises:
        SettingsError: A device of the user's was given with a recording, or with a channel.
        SourceError: It cannot be opened.
        MissingExtraError: The extra `mic` is not installed.
    """
    if own_device is not None and (audio is not None or interviewer is not None):
        raise SettingsError(
            "a device of your own goes with a device for the interviewer; "
            "leave --audio and --interviewer out, or --own-device"
        )
    source = FileSource(audio) if audio is not None else _microphone(device)
    if interviewer is not None:
        return ChannelSource(source, interviewer=("left", "right").index(interviewer))
    return source if own_device is None else PairedSource(source, _microphone(own_device))


def _microphone(device: str | None) -> ReopeningSource:
    from reference_pipeline.capture.microphone_source import MicrophoneSource  # noqa: PLC0415  # an extra

    return ReopeningSource(MicrophoneSource(device))


def compose_detector() -> VoiceActivityDetector:
    """Load the voice activity detector; each session needs one of its own, since it keeps state."""
    return SileroDetector()


def compose_transcriber(settings: Settings, *, shedding: Shedding | None = None) -> Transcriber:
    """Load the engine that is wanted, or by default the best whose model is on disk, for one session.

    Raises:
        TranscriberError: There is no such engine, or its model is absent or broken.
        MissingExtraError: The engine is not installed.
    """
    return compose_transcribers(settings, shedding=shedding)()


def compose_transcribers(
    settings: Settings, *, shedding: Shedding | None = None
) -> Callable[[], Transcriber]:
    """Choose the engine, and return what makes a transcriber for each of several sessions.

    Whisper is loaded once and shared: one inference at a time, fair among the sessions. pocketsphinx, whose
    decoder has state, gets a process for each session. `shedding` says what load leaves out.

    Raises:
        TranscriberError: There is no such engine, or its model is absent or broken; what is returned raises
            it where a process cannot be started.
        MissingExtraError: The engine is not installed.
    """
    choice = choose_engine(settings.engine, find_whisper_model=lambda: _whisper_model(settings))
    if choice.notice:
        _log.warning("%s", choice.notice)
    if choice.engine is Engine.FASTER_WHISPER and choice.model_directory is not None:
        from reference_pipeline.transcription.faster_whisper_transcriber import (  # noqa: PLC0415  # heavy
            FasterWhisperTranscriber,
        )
        from reference_pipeline.transcription.whisper_engine import WhisperEngine  # noqa: PLC0415  # heavy

        whisper = WhisperEngine(choice.model_directory, threads=settings.threads)
        if shedding is not None:
            whisper.pressed = lambda: shedding.pressed
        if settings.domain_words:
            _log.warning("--domain-words is for pocketsphinx; faster-whisper goes without")
        return lambda: FasterWhisperTranscriber(whisper)
    from reference_pipeline.transcription.process_transcriber import (  # noqa: PLC0415  # one of several
        ProcessTranscriber,
    )

    arguments = _domain_arguments(settings) if settings.domain_words else ()
    return lambda: ProcessTranscriber(
        Engine.POCKETSPHINX.value, "reference_pipeline.transcription.pocketsphinx_process", arguments
    )


def _domain_arguments(settings: Settings) -> Sequence[str]:
    """Have the child read the notes itself: a command line may be read by everyone on the machine."""
    notes = settings.notes or bundled_notes()
    if not terms_of(read_notes(notes)):
        _log.warning("%s: the notes hold no word to expect; transcribing without --domain-words", notes)
        return ()
    return ("--domain-notes", str(notes))


def _whisper_model(settings: Settings) -> Path:
    from reference_pipeline.transcription.whisper_engine import find_model  # noqa: PLC0415  # heavy

    return find_model(settings.model, settings.model_directory)


def compose_stages(
    settings: Settings, *, answerer: Answerer, display: Display, shedding: Shedding | None = None
) -> Stages:
    """Put together what a session decides, answers and shows with.

    Args:
        settings: What was chosen.
        answerer: May be shared by sessions; where it can begin early, it will.
        display: The session's own.
        shedding: Shared by all sessions of a process where their load is measured.
    """
    return Stages(
        decider=Decider(Segmenter(), LearnedQuestionDetector(), Deduplicator(), WordsCompletenessJudge()),
        answerer=answerer,
        explainer=compose_explainer(settings),
        display=display,
        early=answerer if isinstance(answerer, EarlyAsker) else None,
        shedding=shedding or compose_shedding(settings),
    )


def compose_load_watch(
    budgets: TurnBudgets,
    *,
    telemetry: Telemetry,
    shedding: Shedding,
    tell: Callable[[str], None],
    admission: Admission | None = None,
) -> LoadWatch:
    """Put together what looks at the load; without an `admission` nobody is refused for it."""
    return LoadWatch(
        admission=admission or Admission(sessions=1),
        interval=lambda: telemetry.interval("load watch").series,
        gauge=PressureGauge(limits_of(budgets.end_to_end)),
        shedding=shedding,
        tell=tell,
    )


def compose_shedding(settings: Settings) -> Shedding:
    """Choose what may be left out: the large model only where a smaller one stands in."""
    has_small = bool(settings.small_cloud_model or settings.small_local_model)
    return Shedding([rule for rule in DEFAULT_STEPS if has_small or rule.step is not Step.LARGE_MODEL])


def compose_explainer(settings: Settings) -> TermExplainer:
    """Read the glossary of the notes."""
    return GlossaryExplainer(load_glossary(settings.notes or bundled_notes()))


def compose_answerer(settings: Settings) -> CachedAnswerer:
    """Put the providers in order: Ollama Cloud with a key, local Ollama where it answers, the notes.

    Raises:
        NotesError: The notes cannot be read.
        PolicyError: The budgets have mistakes.
        SettingsError: The budgets have none for a turn.
    """
    index = NoteIndex(load_notes(settings.notes or bundled_notes()))
    times = compose_turn_budgets(compose_policy(settings)).answer
    models = () if settings.offline else _ollama(settings, PromptBuilder(index), times)
    return CachedAnswerer(FallbackAnswerer(models, NotesAnswerer(index), times=times))


def _ollama(settings: Settings, prompts: PromptBuilder, times: AnswerTimes) -> Sequence[GuardedAnswerer]:
    from reference_pipeline.answering.ollama_answerer import (  # noqa: PLC0415  # an optional package
        CLOUD_HOST,
        LOCAL_HOST,
        OllamaAnswerer,
    )

    margin_s = (times.deadline_ns - times.ending_ns) / NS_PER_S
    asked: list[GuardedAnswerer] = []
    key = os.environ.get("OLLAMA_API_KEY", "").strip()
    if key:
        cloud = OllamaAnswerer(
            provider=Provider.OLLAMA_CLOUD,
            host=os.environ.get("OLLAMA_CLOUD_HOST", CLOUD_HOST),
            model=settings.cloud_model,
            small_model=settings.small_cloud_model,
            prompts=prompts,
            api_key=key,
            tokens=TokenBudget(margin_s=margin_s),
        )
        asked.append(GuardedAnswerer(cloud, at_once=_CLOUD_AT_ONCE))
    local = OllamaAnswerer(
        provider=Provider.OLLAMA_LOCAL,
        host=os.environ.get("OLLAMA_HOST", "").strip() or LOCAL_HOST,
        model=settings.local_model,
        small_model=settings.small_local_model,
        prompts=prompts,
        tokens=TokenBudget(tokens_per_s=20.0, margin_s=margin_s),
    )
    asked.append(GuardedAnswerer(local, at_once=_LOCAL_AT_ONCE))
    return asked
