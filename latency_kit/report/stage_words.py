"""What reports call the stages of turns: a wait says what it was before. Figures are not touched."""

from collections.abc import Sequence

from latency_kit.session import TurnAccount, wait_words

__all__ = ["is_wait_words", "waited_for", "worded"]

_BEFORE = "queue wait before "
_BARE = frozenset({"wait", "queue_wait"})


def worded(accounts: Sequence[TurnAccount]) -> tuple[TurnAccount, ...]:
    """Return the accounts with every queue wait called by what it was before.

    "llm.generate.wait" becomes "queue wait before llm.generate". A bare "queue_wait" is called by the stage
    that began next in the first turn that has one.
    """
    words: dict[str, str] = {}
    for account in accounts:
        names = list(account.stages_ns)
        for name, following in zip(names, [*names[1:], ""], strict=True):
            last = name.rpartition(".")[2]
            if last not in _BARE or name in words:
                continue
            if name not in _BARE:
                words[name] = wait_words(name)
            elif following:
                words[name] = f"{_BEFORE}{following}"
    return tuple(_renamed(account, words) for account in accounts) if words else tuple(accounts)


def is_wait_words(name: str) -> bool:
    """Tell whether a stage is called a queue wait."""
    return name.startswith(_BEFORE)


def waited_for(name: str) -> str:
    """Return what a queue wait was before."""
    return name.removeprefix(_BEFORE)


def _renamed(account: TurnAccount, words: dict[str, str]) -> TurnAccount:
    stages_ns: dict[str, int] = {}
    for name, part_ns in account.stages_ns.items():
        called = words.get(name, name)
        stages_ns[called] = stages_ns.get(called, 0) + part_ns
    return TurnAccount(end_to_end_ns=account.end_to_end_ns, stages_ns=stages_ns, rest_ns=account.rest_ns)
