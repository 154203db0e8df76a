"""Whether two sessions can be compared: what must be the same, and what may differ but should be known."""

from collections.abc import Iterator
from dataclasses import dataclass

from latency_kit.baseline.stored_session import StoredSession
from latency_kit.errors import UsageError

__all__ = ["Difference", "check_comparable", "differences"]

_UNKNOWN = "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One fact that two sessions do not share.

    Attributes:
        fact: What it is about.
        baseline: Its value in the baseline.
        candidate: Its value in the candidate.
        forbids: Whether figures cannot be compared across it; a mere remark otherwise.
    """

    fact: str
    baseline: str
    candidate: str
    forbids: bool

    def __str__(self) -> str:
        return f"{self.fact}: {self.baseline} against {self.candidate}"


def differences(baseline: StoredSession, candidate: StoredSession) -> tuple[Difference, ...]:
    """Return in what the circumstances of two sessions differ.

    Processor, architecture, number of cores, operating system, Python (to its minor version), and the
    conditions under which was measured forbid a comparison. A kernel, a bug-fix release of Python, memory and
    package versions do not: they are what a comparison is often about.
    """
    return tuple(
        Difference(fact=fact, baseline=before, candidate=after, forbids=forbids)
        for fact, before, after, forbids in _facts(baseline, candidate)
        if before != after
    )


def check_comparable(baseline: StoredSession, candidate: StoredSession) -> None:
    """Refuse two sessions that cannot be compared.

    Raises:
        UsageError: They cannot; the message shows both sides of every fact that forbids it.
    """
    forbidding = [str(one) for one in differences(baseline, candidate) if one.forbids]
    if forbidding:
        raise UsageError(
            "the sessions cannot be compared, baseline against candidate: "
            f"{'; '.join(forbidding)}; measure both under the same conditions, or compare all the same "
            "(--allow-different, in pytest --latency-allow-different)"
        )


def _facts(baseline: StoredSession, candidate: StoredSession) -> Iterator[tuple[str, str, str, bool]]:
    before, after = baseline.session.environment, candidate.session.environment
    yield "processor", before.processor or _UNKNOWN, after.processor or _UNKNOWN, True
    yield "architecture", before.machine or _UNKNOWN, after.machine or _UNKNOWN, True
    yield "cores", _number(before.cores), _number(after.cores), True
    yield (
        "Python",
        f"{before.python_implementation} {_minor(before.python_version)}",
        f"{after.python_implementation} {_minor(after.python_version)}",
        True,
    )
    yield "operating system", _family(before.operating_system), _family(after.operating_system), True
    for name in dict.fromkeys([*baseline.conditions, *candidate.conditions]):
        ours, theirs = baseline.conditions.get(name, _UNKNOWN), candidate.conditions.get(name, _UNKNOWN)
        yield name, ours, theirs, True
    yield "Python release", before.python_version, after.python_version, False
    yield "operating system release", before.operating_system, after.operating_system, False
    yield "memory in bytes", _number(before.memory_bytes), _number(after.memory_bytes), False
    for name in sorted({*before.packages, *after.packages}):
        ours, theirs = before.packages.get(name, "absent"), after.packages.get(name, "absent")
        yield f"package {name}", ours, theirs, False


def _number(value: int | None) -> str:
    return _UNKNOWN if value is None else str(value)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _family(operating_system: str) -> str:
    return operating_system.partition(" ")[0]
