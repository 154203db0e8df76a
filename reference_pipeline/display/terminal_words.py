"""What the terminal says of an answer and of a turn, each in a line: from a message's data to words. Pure."""

from collections.abc import Mapping

__all__ = ["cost_of", "number", "source_of", "stages_of", "total_of", "way_of"]

_PROVIDERS = {"notes": "from your notes", "ollama-cloud": "Ollama Cloud", "ollama-local": "local Ollama"}


def source_of(data: Mapping[str, object]) -> str:
    """Say who answered, from what, and whether from the cache; empty where nobody is named."""
    provider = str(data.get("provider", ""))
    source = str(data.get("source", ""))
    named = _PROVIDERS.get(provider, provider)
    told = f"{named}: {source}" if named and source else named or source
    if data.get("cached") is True:
        told = f"cached, {told}" if told else "cached"
    return told


def cost_of(cost: object) -> str:
    """Say what models did: "2 requests (1 wasted), 606 tokens"; empty where none was asked."""
    if not isinstance(cost, Mapping):
        return ""
    requests = number(cost.get("requests"))
    if not requests:
        return ""
    wasted = number(cost.get("wasted_requests"))
    told = f"{requests:.0f} request{'' if requests == 1 else 's'}" + (
        f" ({wasted:.0f} wasted)" if wasted else ""
    )
    tokens = (number(cost.get("prompt_tokens")) or 0) + (number(cost.get("answer_tokens")) or 0)
    return f"{told}, {tokens:.0f} tokens" if tokens else told


def total_of(data: Mapping[str, object]) -> tuple[str, bool]:
    """Say how long a turn took of its budget, and whether it was within; empty where it has no time."""
    end_to_end_ms, budget_ms = number(data.get("end_to_end_ms")), number(data.get("budget_ms"))
    if end_to_end_ms is None:
        return "", True
    within = budget_ms is None or end_to_end_ms <= budget_ms
    return f"{end_to_end_ms:.0f} ms" + ("" if budget_ms is None else f" of {budget_ms:.0f} ms"), within


def stages_of(data: Mapping[str, object]) -> list[str]:
    """Say where a turn's time went, stage by stage, with the rest that no stage explains."""
    stages = data.get("stages_ms")
    if not isinstance(stages, Mapping) or not stages:
        return []
    parts = {str(stage).replace("_", " "): number(spent) for stage, spent in stages.items()}
    parts["rest"] = number(data.get("rest_ms"))
    return [f"{name} {spent:.0f}" for name, spent in parts.items() if spent is not None]


def way_of(data: Mapping[str, object]) -> list[str]:
    """Say what else happened: first words, what began early, what was left out, what it cost."""
    told = []
    for key, name in (("first_text_ms", "first text"), ("first_model_token_ms", "first token of a model")):
        moment_ms = number(data.get(key))
        if moment_ms is not None:
            told.append(f"{name} {moment_ms:.0f}")
    speculation = data.get("speculation")
    if isinstance(speculation, Mapping):
        told.append(
            f"begun early, {speculation.get('adopted', 0)} of {speculation.get('started', 0)} adopted"
        )
    shed = data.get("shed")
    if isinstance(shed, list) and shed:
        told.append("left out: " + ", ".join(str(step).replace("_", " ") for step in shed))
    cost = cost_of(data.get("cost"))
    return [*told, cost] if cost else told


def number(value: object) -> float | None:
    """Return a figure of a message's data; None where it is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
