"""What the speakers of a load say: questions that differ from each other, and statements among them.

No two questions of one list mean the same, so that none is taken for a repetition or answered from a cache.
"""

import random
from dataclasses import dataclass

THINGS = (
    "a binary tree", "a message queue", "a load balancer", "a hash table", "a foreign key", "a thread pool",
    "a web server", "a firewall", "a compiler", "a linked list", "a deadlock", "a database index",
    "a circuit breaker", "a feature flag", "a cache", "a proxy", "a unit test", "a microservice",
    "a container", "a virtual machine", "a transaction", "a garbage collector", "a pointer", "a closure",
    "an event loop", "an interface", "a stack overflow", "a regular expression", "a merge conflict",
    "a code review", "a rolling release", "a memory leak", "a race condition", "a relational database",
    "a search engine", "a data warehouse", "a design pattern", "a style guide", "a root cause", "a log file",
)  # fmt: skip

FORMS = (
    "what is {}",
    "can you explain {}",
    "when would you use {}",
    "how do you test {}",
    "how would you design {} for a large company",
    "what problems have you had with {} in your last project",
    "tell me about a time when you had trouble with {} at work",
    "what would you tell a new engineer who has never seen {} before about it",
)

STATEMENTS = (
    "i worked there for three years",
    "that was a very good summer for all of us",
    "we moved to another city after that",
    "the office was close to the river",
    "we had six people in the team",
    "my manager was very happy with the work",
    "i like to work in the morning",
    "the customer called us every week",
    "we finished the work on friday",
    "it was a small company with a big idea",
)

STATEMENT_SHARE = 0.15


@dataclass(frozen=True, kw_only=True)
class Line:
    """One utterance to be spoken."""

    text: str
    question: bool


def questions() -> list[str]:
    """Return all questions, 320 of them."""
    return [form.format(thing) for form in FORMS for thing in THINGS]


def lines_for(speakers: int, turns: int, *, seed: int) -> list[list[Line]]:
    """Return what each of `speakers` says in `turns` utterances; no question is asked by two of them.

    Where that takes more questions than there are, they begin again.
    """
    draw = random.Random(seed)  # noqa: S311  # a script, not a secret
    pool = questions()
    draw.shuffle(pool)
    told: list[list[Line]] = [[] for _ in range(speakers)]
    taken = 0
    for turn in range(turns):
        for lines in told:
            if turn and draw.random() < STATEMENT_SHARE:
                lines.append(Line(text=draw.choice(STATEMENTS), question=False))
            else:
                lines.append(Line(text=pool[taken % len(pool)], question=True))
                taken += 1
    return told
