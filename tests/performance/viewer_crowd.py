"""Many viewers in a process of their own, so that what they cost is not counted as the server's.

python tests/performance/viewer_crowd.py ws://127.0.0.1:8765/viewer 49 1
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

__all__ = ["crowd"]


@asynccontextmanager
async def crowd(address: str, *, reading: int, stalled: int) -> AsyncIterator[None]:
    """Let viewers watch while the block runs: `reading` that report paints, `stalled` that never read."""
    program = [sys.executable, str(Path(__file__)), address, str(reading), str(stalled)]
    running = await asyncio.create_subprocess_exec(
        *program, stdin=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    try:
        yield
    finally:
        assert running.stdin is not None  # piped
        running.stdin.close()
        await running.wait()


async def watch(socket: ClientConnection) -> None:
    """Answer as the page does: pongs at once, a report for every frame with messages that are awaited."""
    async for text in socket:
        frame = json.loads(text)
        now_ms = time.perf_counter_ns() / 1e6
        if frame["type"] == "ping":
            said = {"type": "pong", "number": frame["number"], "received_ms": now_ms, "replied_ms": now_ms}
        elif frame["type"] == "messages" and frame["awaited"]:
            said = {
                "type": "painted",
                "messages": [{"seq": seq, "received_ms": now_ms} for seq in frame["awaited"]],
                "dom_updated_ms": now_ms,
                "painted_ms": now_ms,
                "replied_ms": now_ms,
                "hidden": False,
            }
        else:
            continue
        await socket.send(json.dumps(said))


async def attend(address: str, reading: int, stalled: int) -> None:
    """Watch until standard input ends."""
    # A small queue, which a viewer that never reads fills at once: then its socket stands still.
    idle = [await connect(address, max_queue=1, ping_interval=None) for _ in range(stalled)]
    sockets = [await connect(address, max_queue=None, ping_interval=None) for _ in range(reading)]
    watching = [asyncio.create_task(watch(socket)) for socket in sockets]
    await asyncio.to_thread(sys.stdin.buffer.read)
    for task in watching:
        task.cancel()
    for connection in (*idle, *sockets):
        connection.transport.abort()


if __name__ == "__main__":
    asyncio.run(attend(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
