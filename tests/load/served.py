"""The server of a load as a process of its own: started, watched, and ended as a person would."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

READY_BOUND_S = 120
END_BOUND_S = 60
LINES_KEPT = 400
HERE = Path(__file__).parent


@dataclass
class Served:
    """A running server.

    Attributes:
        url: Where speakers connect to.
        lines: The last lines that it printed.
        errors: The last lines of its log.
        result: What it wrote at its end, as JSON.
        exit_code: How it ended.
    """

    process: asyncio.subprocess.Process
    folder: Path
    url: str = ""
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    _reading: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        assert self.process.stderr is not None
        self._logging = asyncio.create_task(_keep(self.process.stderr, self.errors))

    async def until_ready(self) -> None:
        """Wait until speakers can come."""
        assert self.process.stdout is not None
        async with asyncio.timeout(READY_BOUND_S):
            while line := (await self.process.stdout.readline()).decode().rstrip():
                self.lines.append(line)
                if line.startswith("speakers: "):
                    self.url = line.removeprefix("speakers: ")
                    self._reading = asyncio.create_task(_keep(self.process.stdout, self.lines))
                    return
        await self._logging
        raise SystemExit("\n".join(["the server did not start:", *self.lines, *self.errors]))

    async def stop(self) -> None:
        """Ask it to end, and read what it says of its run."""
        if self.process.returncode is None:
            self.process.terminate()
        try:
            async with asyncio.timeout(END_BOUND_S):
                self.exit_code = await self.process.wait()
        except TimeoutError:
            self.process.kill()
            self.exit_code = await self.process.wait()
        await self._logging
        if self._reading is not None:
            await self._reading
        text = "\n".join([*self.lines, "", *self.errors, ""])
        (self.folder / "server.txt").write_text(text, encoding="utf-8")
        with contextlib.suppress(OSError):
            self.result = json.loads((self.folder / "run.json").read_text())


async def _keep(stream: asyncio.StreamReader, lines: list[str]) -> None:
    """Keep the last lines of a stream."""
    while line := await stream.readline():
        lines[:] = [*lines[1 - LINES_KEPT :], line.decode(errors="replace").rstrip()]


@contextlib.asynccontextmanager
async def serving(
    arguments: Sequence[str],
    folder: Path,
    *,
    environment: Mapping[str, str],
    program: str = "server_program.py",
) -> AsyncIterator[Served]:
    """Start a server in `folder`; it has ended when the block has."""
    command = [sys.executable, str(HERE / program), *arguments]
    command += ["--port", "0", "--json", "run.json", "--report", "report.md"]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        limit=1 << 20,
    )
    served = Served(process=process, folder=folder)
    try:
        await served.until_ready()
        yield served
    finally:
        await served.stop()


def processor_ticks(pid: int) -> int:
    """Return what a process and the children that it waited for have had of the processors, in ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


def busy_share(before: Sequence[int], after: Sequence[int]) -> float:
    """Return the share of all cores' time that was not idle between two readings of `machine_ticks`."""
    spent = [late - early for early, late in zip(before, after, strict=True)]
    return 1 - (spent[3] + spent[4]) / max(1, sum(spent[:8]))


def machine_ticks() -> Sequence[int]:
    """Return what all cores together have done since the start, by kind (proc(5), /proc/stat)."""
    with Path("/proc/stat").open(encoding="utf-8") as file:
        return [int(field) for field in file.readline().split()[1:]]
