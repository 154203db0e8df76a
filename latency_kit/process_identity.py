"""Which process this is: one random identifier for all that leaves it, and another one after a fork."""

import os

__all__ = ["instance_id"]

_known: tuple[int, str] = (0, "")


def instance_id() -> str:
    """Return the `service.instance.id` of this process.

    * The same one at every call within a process.
    * A forked child has another one, as has every other process on any machine.

    Source: https://opentelemetry.io/docs/specs/semconv/resource/#service-experimental
    """
    global _known  # noqa: PLW0603  # a fact of the process
    process_id, identifier = _known
    if process_id != os.getpid():
        import uuid  # noqa: PLC0415  # a fifth of our import time, needed with an export or a share only

        identifier = str(uuid.uuid4())
        _known = (os.getpid(), identifier)
    return identifier
