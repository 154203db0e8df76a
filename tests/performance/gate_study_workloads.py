"""What the gate study measures: work of several kinds, in the amounts that `amounts.py` beside it says.

It is copied into the two versions of a trial. One call in `SLOW_EVERY` (at random) does 3 to 4 times the
work, as slow paths do: the 99th percentile lies among those. `TAIL_FACTOR` makes their work more, and nothing
else.
"""

import os
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

from amounts import SLOW_EVERY, TAIL_FACTOR, UNITS  # type: ignore[import-not-found]  # written by the study

if TYPE_CHECKING:
    import socket

# Imports stand where they are needed: a trial starts many processes, and most need few of them.
BLOCK = bytes(2048)


def amount() -> int:
    """Return how much work this call is."""
    if SLOW_EVERY and random.random() * SLOW_EVERY < 1:  # noqa: S311  # no secret
        return round(UNITS * (3 + random.random()) * TAIL_FACTOR)  # noqa: S311  # as above
    return int(UNITS)


def bench_loop() -> int:
    """Count: nothing but the interpreter."""
    total = 0
    for number in range(amount()):
        total += number & 7
    return total


def bench_allocation() -> int:
    """Make objects that live for a while, so that the garbage collector has something to do."""
    made = [{"number": number, "words": [str(number)]} for number in range(amount())]
    return len(made)


async def bench_tasks() -> None:
    """Start tasks that each give way once."""
    import asyncio  # noqa: PLC0415  # see above

    await asyncio.gather(*(asyncio.sleep(0) for _ in range(amount())))


def bench_loopback(ends: "tuple[socket.socket, socket.socket]") -> None:
    """Send and receive over a loopback connection, both ends in this thread."""
    near, far = ends
    for _ in range(amount()):
        near.sendall(b"ping")
        far.recv(4)


def bench_echo(ends: "tuple[socket.socket, socket.socket]", answering: None) -> None:
    """Wait for a thread that sends back what it gets."""
    near, _ = ends
    for _ in range(amount()):
        near.sendall(b"ping")
        near.recv(4)


def bench_file(file: int) -> None:
    """Write blocks and read them back."""
    for _ in range(amount()):
        os.pwrite(file, BLOCK, 0)
        os.pread(file, len(BLOCK), 0)


def ends() -> "Iterator[tuple[socket.socket, socket.socket]]":
    """Connect two sockets over loopback."""
    import socket  # noqa: PLC0415  # see above

    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    with near, far:
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield near, far


def answering(ends: "tuple[socket.socket, socket.socket]") -> Iterator[None]:
    """Answer at the far end, on a thread."""
    import threading  # noqa: PLC0415  # see above

    near, far = ends

    def answer() -> None:
        while received := far.recv(4):
            far.sendall(received)

    thread = threading.Thread(target=answer)
    thread.start()
    yield
    near.shutdown(1)
    thread.join()


def file() -> Iterator[int]:
    """Make a file that goes away by itself."""
    import tempfile  # noqa: PLC0415  # see above

    with tempfile.TemporaryFile() as opened:
        yield opened.fileno()
