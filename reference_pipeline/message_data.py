"""What the `data` of a display message holds, by kind of message: the contract between answering and showing.

Types only. A key that does not apply is absent, never null; times are in milliseconds, counted from the end
of speech (T0) where the name does not say otherwise.
"""

from typing import TypedDict

__all__ = [
    "AnswerData",
    "BudgetVerdictData",
    "CostData",
    "InterimData",
    "NoticeData",
    "SpeculationData",
    "TermData",
    "TermsData",
    "TurnData",
]


class InterimData(TypedDict, total=False):
    """Of INTERIM.

    Attributes:
        stable: How many characters of the text will not change any more, as the engine knows: all that
            Whisper tells, which is what its hypotheses agree on, and nothing of what pocketsphinx does.
            Where it is absent the page shows as stable what two texts in a row agree on.
    """

    stable: int


class NoticeData(TypedDict):
    """Of NOTICE: what became of a device, in the message's text. `over` where all is well again."""

    over: bool


class CostData(TypedDict, total=False):
    """What models have done for a turn's answers.

    Attributes:
        requests: Chat requests sent, those of speculation included.
        wasted_requests: Of them, those that were given up or failed.
        prompt_tokens: Tokens that the servers said they had read; absent where none said so.
        answer_tokens: Tokens that were generated, as far as they came.
        wasted_tokens: Of them, those that nobody was shown.
        busy_ms: How long the requests ran, added up.
    """

    requests: int
    wasted_requests: int
    prompt_tokens: int
    answer_tokens: int
    wasted_tokens: int
    busy_ms: float


class SpeculationData(TypedDict):
    """Requests that began before the question was certain; at most two a turn.

    Attributes:
        started: How many began.
        adopted: How many of them became the answer.
    """

    started: int
    adopted: int


class AnswerData(TypedDict, total=False):
    """Of ANSWER. The text is to be appended, or with `restart` to replace all that the answer showed.

    Attributes:
        question: Which question of the turn is answered.
        provider: "ollama-cloud", "ollama-local" or "notes".
        source: The model, or the note; empty where no note was found.
        restart: What this answer showed so far is void (a draft, or half an answer of who failed).
        draft: The text is a note, shown until a model speaks; to be labelled as a draft. It is never `last`.
        cached: The answer was given before, to the same question.
        cut: The answer is not whole: its stream died, or its time was up. Only on the last message.
        shortened: It ended with a whole sentence to be in time; more was to come. Only on the last message.
        speculative: The request began before the question was certain.
        notice: Why a preferred provider does not answer, in a line; may come with any piece.
        cost: Of this question's answer; only on the last message.
        first_model_token_ms: When the first text of a model came; only on the last message, absent where
            no model spoke.
    """

    question: str
    provider: str
    source: str
    restart: bool
    draft: bool
    cached: bool
    cut: bool
    shortened: bool
    speculative: bool
    notice: str
    cost: CostData
    first_model_token_ms: float


class TermData(TypedDict):
    """A technical term in a sentence; `origin` is "glossary" or "model" (which may err)."""

    term: str
    explanation: str
    origin: str


class TermsData(TypedDict):
    """Of TERMS; may come twice for a question: from what is known, then what a model adds to it."""

    terms: list[TermData]


class BudgetVerdictData(TypedDict):
    """One budget held against this one turn; `measured` is the series, such as "turn.end_to_end"."""

    name: str
    measured: str
    limit_ms: float
    observed_ms: float
    met: bool


class TurnData(TypedDict, total=False):
    """Of TURN, the last message of each turn.

    Attributes:
        question: The turn's questions, joined by " / ".
        status: How it ended (`TurnStatus`).
        detail: Why, where it did not end well or somebody else than the preferred provider answered.
        answered_by: The provider of the last answer; empty where there was none.
        budget_ms: Limit of the whole turn.
        end_to_end_ms: From T0 to the paint of the last piece; only of turns that ask.
        stages_ms: Where that time went, by stage; with `rest_ms` it adds up to the whole.
        rest_ms: What no stage accounts for.
        trace_id: 32 hexadecimal digits, empty without tracing.
        first_text_ms: Paint of the first text of any kind, a draft included.
        first_answer_ms: Paint of the first text of the answer itself, a draft excluded.
        first_model_token_ms: Arrival of the first text of a model.
        cached: All answers of the turn came from the cache.
        cut: An answer of the turn is not whole.
        shortened: An answer of the turn ended before all was said, to be in time.
        speculation: Present where requests began before the question was certain.
        cost: Of all answers of the turn and of the speculation for it; absent where no model was asked.
        shed: What was left out to be in time or to carry the load, in the words of `shedding.Step`.
        budgets: The budgets that could be held against this turn.
    """

    question: str
    status: str
    detail: str
    answered_by: str
    budget_ms: float
    end_to_end_ms: float
    stages_ms: dict[str, float]
    rest_ms: float
    trace_id: str
    first_text_ms: float
    first_answer_ms: float
    first_model_token_ms: float
    cached: bool
    cut: bool
    shortened: bool
    speculation: SpeculationData
    cost: CostData
    shed: list[str]
    budgets: list[BudgetVerdictData]
