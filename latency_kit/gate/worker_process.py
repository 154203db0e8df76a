"""A running worker, as seen from outside: what it is asked, what it answers, and how it fails."""

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from latency_kit.errors import LatencyKitError

__all__ = ["BatchRequest", "Batches", "Benchmark", "BenchmarkFailedError", "Version", "WorkerProcess"]

WORKER = Path(__file__).with_name("worker.py")

DEFAULT_TIMEOUT_S = 60.0
_END_S = 5.0


class BenchmarkFailedError(LatencyKitError):
    """A version could not run a benchmark.

    Attributes:
        version: The label of the version.
        reason: Why, in one line.
        is_left_alone: Whether only because the other version ended.
    """

    def __init__(self, version: str, reason: str, *, is_left_alone: bool = False) -> None:
        self.version = version
        self.reason = reason
        self.is_left_alone = is_left_alone
        super().__init__(f"the {version} cannot run it: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One of the two versions that are compared.

    Attributes:
        label: `baseline` or `candidate`.
        checkout: Its files.
        python: Its interpreter.
        import_paths: Where its modules are imported from, before the interpreter's own packages.
    """

    label: str
    checkout: Path
    python: Path
    import_paths: tuple[Path, ...]

    def environment(self, hash_seed: int) -> Mapping[str, str]:
        """Return the environment variables of its processes."""
        inherited = os.environ.get("PYTHONPATH")
        paths = [str(path) for path in self.import_paths] + ([inherited] if inherited else [])
        return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": str(hash_seed)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What is measured in both versions.

    Attributes:
        file: Its file, relative to the checkout, with `/`.
        name: The function's name, or for a test what follows the file in its node id.
        is_test: Whether pytest runs it.
    """

    file: str
    name: str
    is_test: bool = False

    @property
    def id(self) -> str:
        """The name that people see: `file::name`."""
        return f"{self.file}::{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """What makes a batch.

    Attributes:
        calls: How many calls are timed together, as one sample.
        samples: How many samples.
        lead_in: Samples before, which are made but not timed: the other version has left its own data in the
            caches of the core.
    """

    calls: int = 1
    samples: int = 1
    lead_in: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """What a worker measured.

    Attributes:
        durations_ns: The samples of each batch.
        disturbed: How often, in each batch, something else took the core.
    """

    durations_ns: Sequence[Sequence[int]]
    disturbed: Sequence[int]


class WorkerProcess:
    """A worker of a version; leaving the context ends it.

    * Every failure is a `BenchmarkFailedError` with one line, also a worker that dies or answers too late.

    Args:
        version: Whose.
        core: The core to which it is pinned; None to leave it to the system.
        hash_seed: Of its hashes, from 0 to 2**32 - 1.
        baton: What it reads from until it is its turn, and what it writes to when that is over; None for a
            worker that is alone.
        timeout_s: How long an answer may take.
    """

    def __init__(
        self,
        version: Version,
        *,
        core: int | None = None,
        hash_seed: int = 0,
        baton: tuple[int, int] | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        self._version = version
        self._core = core
        self._baton = baton
        self._timeout_s = timeout_s
        self._is_late = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed on leaving the context
        try:
            self._process = subprocess.Popen(  # noqa: S603  # our own file, no shell
                [str(version.python), str(WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                cwd=version.checkout,
                env=version.environment(hash_seed),
                text=True,
                encoding="utf-8",
                pass_fds=baton or (),
            )
        except OSError as error:
            self._errors.close()
            raise BenchmarkFailedError(version.label, f"{version.python}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        process = self._process
        try:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(_END_S)
        except (OSError, subprocess.TimeoutExpired):
            pass
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
            self._errors.close()

    def listed(self, files: Sequence[str], *, are_tests: bool) -> list[str]:
        """Return the names of the benchmarks in `files`, each `file::name`.

        Raises:
            BenchmarkFailedError: A file cannot be imported.
        """
        answer = self._ask(command="list", files=list(files), is_test=are_tests)
        names: list[str] = answer["benchmarks"]
        return names

    def open(self, benchmark: Benchmark) -> None:
        """Set a benchmark up and call it once.

        Raises:
            BenchmarkFailedError: The version cannot run it.
        """
        self._ask(
            command="open",
            file=benchmark.file,
            name=benchmark.name,
            is_test=benchmark.is_test,
            core=self._core,
        )

    def ask_for_batches(self, request: BatchRequest, *, order: str, own: str) -> None:
        """Have the worker make the batches that are its own in `order`; the other worker makes the others.

        Args:
            request: What makes a batch.
            order: Whose each batch is, a letter each.
            own: This worker's letter.

        Raises:
            BenchmarkFailedError: The worker has ended.
        """
        self._send(
            order=order,
            own=own,
            calls=request.calls,
            samples=request.samples,
            lead_in=request.lead_in,
            baton=self._baton,
        )

    def batches(self) -> Batches:
        """Return the batches that were asked for.

        Raises:
            BenchmarkFailedError: A call failed.
        """
        answer = self._receive()
        return Batches(durations_ns=answer["batches_ns"], disturbed=answer["disturbed"])

    def _ask(self, **request: Any) -> dict[str, Any]:
        self._send(**request)
        return self._receive()

    def _send(self, **request: Any) -> None:
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101  # piped
        try:
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
        except OSError:
            # What it said before it ended says more than a broken pipe.
            self._receive()

    def _receive(self) -> dict[str, Any]:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101  # piped
        # Not by select(): it does not know pipes everywhere.
        alarm = threading.Timer(self._timeout_s, self._end_late)
        alarm.daemon = True
        alarm.start()
        try:
            line = stdout.readline()
        finally:
            alarm.cancel()
        if not line:
            raise BenchmarkFailedError(self._version.label, self._why_it_ended())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            alone = answer.get("is_left_alone", False)
            raise BenchmarkFailedError(self._version.label, answer["error"], is_left_alone=alone)
        return answer

    def _end_late(self) -> None:
        self._is_late = True
        self._process.kill()

    def _why_it_ended(self) -> str:
        code = self._process.wait()
        if self._is_late:
            return f"no answer within {self._timeout_s:g} s"
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"its process ended with code {code}" + (f": {last}" if last else "")
