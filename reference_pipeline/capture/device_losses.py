"""That a device was lost or is heard again, for those who show it, and sources that can tell it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

__all__ = ["DeviceNotice", "TellsLosses", "losses_of", "tell_losses_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceNotice:
    """What became of a device.

    Attributes:
        text: A line for people.
        is_back: Whether it is heard again; else it is away, and waited for.
    """

    text: str
    is_back: bool


@runtime_checkable
class TellsLosses(Protocol):
    """A source that outlives the loss of a device."""

    @property
    def losses(self) -> int:
        """How often a device was lost."""
        ...

    def tell_losses(self, told: Callable[[DeviceNotice], None]) -> None:
        """Have each loss and return told, on a thread of the source's; to be called before `start`."""
        ...


def losses_of(*sources: object) -> int:
    """Return how often the devices of the sources were lost; those that end with a loss count none."""
    return sum(source.losses for source in sources if isinstance(source, TellsLosses))


def tell_losses_of(source: object, told: Callable[[DeviceNotice], None]) -> None:
    """Have the losses of a source told, where it can tell them."""
    if isinstance(source, TellsLosses):
        source.tell_losses(told)
