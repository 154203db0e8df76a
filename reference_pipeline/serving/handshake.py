"""The beginning of a speaker's visit: who it is, whether it may speak, and what its clock says."""

import asyncio
from collections.abc import Callable

import latency_kit
from reference_pipeline.display.speaker_door import SpeakerConnection
from reference_pipeline.display.wire import MalformedMessageError
from reference_pipeline.serving.refusal import CLOSE_MALFORMED, CLOSE_NO_TOKEN, Refusal, RefusedError
from reference_pipeline.serving.sender_clock import SenderClock
from reference_pipeline.serving.speaker_wire import SpeakerBye, SpeakerHello, parse_hello, parse_said

__all__ = ["HANDSHAKE_BOUND_S", "greet", "malformed"]

HANDSHAKE_BOUND_S = 5.0
"""How long a speaker may take until it can be heard."""

_PINGS = 5
"""Exchanges before the first sound; the shortest round trip of them bounds the clock's error."""


async def greet(
    connection: SpeakerConnection, clock: SenderClock, *, token_allowed: Callable[[str | None], bool]
) -> SpeakerHello | None:
    """Have the speaker introduce itself and learn its clock; None where it has gone.

    Raises:
        RefusedError: It has no token where one is needed, makes no sense, or takes too long.
    """
    try:
        async with asyncio.timeout(HANDSHAKE_BOUND_S):
            first = await connection.receive()
            if first is None:
                return None
            hello = parse_hello(first if isinstance(first, str) else "")
            if not token_allowed(hello.token):
                raise RefusedError(
                    Refusal(code=CLOSE_NO_TOKEN, kind="token", reason="a token is needed in the hello")
                )
            return hello if await _learn_clock(connection, clock) else None
    except MalformedMessageError as error:
        raise malformed(error) from error
    except TimeoutError as error:
        reason = f"the hello and the answers to our pings took over {HANDSHAKE_BOUND_S:g} s"
        raise RefusedError(Refusal(code=CLOSE_MALFORMED, kind="handshake", reason=reason)) from error


def malformed(error: MalformedMessageError) -> RefusedError:
    """Return the refusal of a speaker that makes no sense."""
    return RefusedError(Refusal(code=CLOSE_MALFORMED, kind="malformed", reason=str(error)))


async def _learn_clock(connection: SpeakerConnection, clock: SenderClock) -> bool:
    for _ in range(_PINGS):
        await connection.send(clock.ping(latency_kit.now_ns()))
        said = await connection.receive()
        arrived_ns = latency_kit.now_ns()
        if said is None:
            return False
        pong = parse_said(said) if isinstance(said, str) else None
        if pong is None or isinstance(pong, SpeakerBye) or not clock.ponged(pong, arrived_ns=arrived_ns):
            raise MalformedMessageError("expected the answer to our ping, and no sound before the welcome")
    return True
