"""The measurements of one pytest run, and what becomes of them at its end. Knows nothing of pytest."""

import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from latency_kit.baseline import (
    DEFAULT_FOLDER,
    DEFAULT_TOLERANCE,
    BaselineStore,
    Comparison,
    StoredSession,
    compare,
)
from latency_kit.baseline.comparison_text import comparison_data, comparison_lines
from latency_kit.budget import BudgetPolicy, load_policy
from latency_kit.errors import LatencyKitError, UsageError
from latency_kit.pytest_plugin.result import LatencyResult, result_from_data, result_to_data
from latency_kit.pytest_plugin.run_session import session_of_run
from latency_kit.pytest_plugin.summary import results_to_json_data, summary_lines

__all__ = ["LatencyRun"]


class LatencyRun:
    """Keeps results, takes over those of other processes, and saves and compares them once at the end.

    * A baseline to compare with is read at construction: an absent one is found before anything is measured.
    * `must_fail` is set by a regression, and by anything asked for that could not be done.

    Args:
        root: The folder that relative paths are relative to.
        policy: The policy file; empty for `[tool.latency_kit]` of the root's pyproject.toml.
        folder: The folder of the baselines; empty for the default.
        tolerance: How much slower, as a share, is no regression yet; empty for the default.
        undecided: "fail" or "pass".
        json_file: Where to write all measurements as JSON; None for nowhere.
        save_as: Under which name to keep them as a baseline; None not to.
        compare_with: With which baseline, or session file, to compare them; None not to.
        allow_different: Compare although the circumstances forbid it.
        is_worker: Whether another process takes the results over: nothing is saved or compared then.
        packages: Distributions whose versions are kept; by default the project's own and its dependencies'.

    Raises:
        UsageError: A setting is unfit, or the baseline is not there.
        CorruptDataError: The baseline cannot be read.
    """

    def __init__(
        self,
        *,
        root: Path,
        policy: str = "",
        folder: str = "",
        tolerance: str = "",
        undecided: str = "fail",
        json_file: str | None = None,
        save_as: str | None = None,
        compare_with: str | None = None,
        allow_different: bool = False,
        is_worker: bool = False,
        packages: Sequence[str] = (),
    ) -> None:
        if undecided not in {"fail", "pass"}:
            raise UsageError(f"latency_undecided must be 'fail' or 'pass', got {undecided!r}")
        self.undecided_fails = undecided == "fail"
        self.must_fail = False
        self._root = root
        self._packages = packages
        self._policy_path = policy
        self._policy: BudgetPolicy | None = None
        self._tolerance = _tolerance(tolerance)
        self._store = BaselineStore(root / (folder or DEFAULT_FOLDER))
        self._json_file = None if is_worker or json_file is None else Path(json_file).absolute()
        self._save_as = None if is_worker else save_as
        self._compare_with = None if is_worker else compare_with
        self._allow_different = allow_different
        self._results: list[LatencyResult] = []
        self._workers: set[str] = set()
        self._remarks: list[str] = []
        self._comparison: Comparison | None = None
        self._start_unix_nano = time.time_ns()
        if self._save_as is not None:
            self._store.path_of(self._save_as)
        self._baseline = None if self._compare_with is None else self._store.find(self._compare_with)

    @property
    def results(self) -> tuple[LatencyResult, ...]:
        """All measurements so far: as they were taken, or by test where several processes took them."""
        if not self._workers:
            return tuple(self._results)
        return tuple(sorted(self._results, key=lambda result: result.node))

    def policy(self) -> BudgetPolicy:
        """Return the policy that tests name budgets of; it is read once.

        Raises:
            PolicyError: The file has mistakes, or is not there.
        """
        if self._policy is None:
            self._policy = load_policy(self._root / (self._policy_path or "pyproject.toml"))
        return self._policy

    def keep(self, result: LatencyResult) -> None:
        """Take a result of this process; a test that is run again replaces what it gave before."""
        self._results = [known for known in self._results if known.title != result.title]
        self._results.append(result)

    def handed_over(self) -> str:
        """Return all results as text for another process; the counts are in the V2 encoding."""
        return json.dumps([result_to_data(result) for result in self._results])

    def take_over(self, worker: str, text: str | None, reason: str = "") -> None:
        """Take the results of another process (an empty text: it has none); None means that they are lost."""
        if text is None:
            self._remarks.append(
                f"{worker} ended without handing over its measurements{reason}: they are lost"
            )
            self.must_fail = True
            return
        results = [result_from_data(entry) for entry in json.loads(text or "[]")]
        for result in results:
            self.keep(result)
        if results:
            self._workers.add(worker)

    def conclude(self) -> None:
        """Compare, save and write as asked; what fails becomes a remark, and makes the run fail."""
        if not self._results:
            if self._save_as or self._compare_with:
                self._give_up("no test measured anything: nothing to save or to compare")
            return
        stored = self._session()
        for step in (self._compare, self._save, self._write_json):
            try:
                step(stored)
            except LatencyKitError as error:
                self._give_up(str(error))

    def sections(self) -> Iterator[tuple[str, list[str]]]:
        """Yield what the terminal shows at the end: headings, each with its lines."""
        if self._results:
            workers = max(1, len(self._workers))
            yield "latency", [*summary_lines(self.results, workers=workers), *self._remarks]
        elif self._remarks:
            yield "latency", list(self._remarks)
        if self._comparison is not None:
            yield (
                "latency compared",
                list(comparison_lines(self._comparison, baseline=repr(self._compare_with))),
            )

    def _session(self) -> StoredSession:
        return session_of_run(
            self.results,
            start_unix_nano=self._start_unix_nano,
            end_unix_nano=time.time_ns(),
            folder=str(self._root),
            workers=max(1, len(self._workers)),
            packages=self._packages,
        )

    def _compare(self, stored: StoredSession) -> None:
        if self._baseline is None:
            return
        self._comparison = compare(
            self._baseline, stored, tolerance=self._tolerance, allow_different=self._allow_different
        )
        self.must_fail = self.must_fail or bool(self._comparison.regressed)

    def _save(self, stored: StoredSession) -> None:
        if self._save_as is not None:
            path = self._store.save(stored, self._save_as, replace=True)
            self._remarks.append(f"kept as baseline {self._save_as!r} in {path}")

    def _write_json(self, _stored: StoredSession) -> None:
        if self._json_file is None:
            return
        data: dict[str, object] = {"measurements": results_to_json_data(self.results)}
        if self._comparison is not None:
            data["comparison"] = comparison_data(self._comparison)
        try:
            self._json_file.parent.mkdir(parents=True, exist_ok=True)
            self._json_file.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{self._json_file}: cannot be written: {error.strerror or error}") from error

    def _give_up(self, remark: str) -> None:
        self._remarks.append(remark)
        self.must_fail = True


def _tolerance(text: str) -> float:
    if not text:
        return DEFAULT_TOLERANCE
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share < math.inf:
        raise UsageError(f"latency_tolerance must be a share from 0, such as 0.1, got {text!r}")
    return share
