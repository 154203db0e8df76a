"""`latency-kit budgets backtest` says when a policy would have alerted, from every kind of recorded file."""

import io
import json
from pathlib import Path

import pytest

from latency_kit.histogram import Histogram
from latency_kit.histogram.log import HistogramLogWriter
from latency_kit.measurement.measurement import Outcome
from latency_kit.storage.record import StoredMeasurement, line_of

click_testing = pytest.importorskip("click.testing", reason="click comes with the extra 'cli'")

S = 1_000_000_000
BEGIN = 1_767_225_600 * S

POLICY = """
[budgets.answer]
measures = "llm.generate"
limit_ms = 1000

[budgets.answer_now]
measures = "llm.generate"
limit_ms = 1000
percentile = 90
window = "10m"

[objectives.answers]
measures = "llm.generate"
threshold_ms = 1000
target = 0.99
window = "6h"

[objectives.answers.alerts.page]
long_window = "10m"
short_window = "1m"
burn_rate = 10

[objectives.parts]
measures = { component = "db pool", operation = "get.one" }
threshold_ms = 5
target = 0.9
alerts = {}
"""


def run(*arguments: str | Path) -> "click_testing.Result":
    from latency_kit.cli import main  # noqa: PLC0415  # needs the extra, which may be absent

    return click_testing.CliRunner().invoke(main, ["budgets", *(str(argument) for argument in arguments)])


def lines(seconds: range, *, bad_from: int = 10**9, outcome: Outcome = Outcome.OK) -> bytes:
    return b"".join(
        line_of(
            StoredMeasurement(
                start_unix_nano=BEGIN + at * S,
                component="llm",
                operation="generate",
                duration_ns=2 * S if at >= bad_from else S // 2,
                outcome=outcome,
            )
        )
        for at in seconds
    )


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "budgets.toml"
    path.write_text(POLICY, encoding="utf-8")
    return path


def test_a_quiet_history_ends_with_0(policy: Path, tmp_path: Path) -> None:
    history = tmp_path / "performance.jsonl"
    history.write_bytes(lines(range(600)))
    ended = run("backtest", policy, history)
    assert ended.exit_code == 0
    assert ended.stdout.splitlines() == [
        "history: 2026-01-01T00:00:00.500Z to 2026-01-01T00:09:59.500Z",
        "objective answers (llm.generate, 600 calls): no alert",
        "objective parts (db pool.get.one, 0 calls): no alert",
        "budget answer_now (llm.generate, 600 calls): no alert",
        "budget answer: MET, p95 is 500.0 ms of 1000 ms, 600 calls",
    ]


def test_an_incident_is_told_with_its_times_and_ends_with_1(policy: Path, tmp_path: Path) -> None:
    (tmp_path / "performance.jsonl.1").write_bytes(lines(range(4000)) + b'{"timestamp":"2026-')
    history = tmp_path / "performance.jsonl"
    history.write_bytes(lines(range(4000, 4300), bad_from=4000))
    ended = run("backtest", policy, history)
    assert ended.exit_code == 1
    assert "1 line could not be read" in ended.stdout
    told = json.loads(run("backtest", policy, history, "--json").stdout)
    assert told["all_well"] is False
    assert told["skipped_lines"] == 1
    answers = told["subjects"][0]
    assert (answers["name"], answers["events"]) == ("answers", 4300)
    (page,), (breach,) = answers["alerts"], answers["breaches"]
    # Calls 4000 .. n take 2 s. 1 % of all is exceeded by the 41st, which began at 4040 and ended at 4042.
    assert breach["fired"] == "2026-01-01T01:07:22.000Z"
    assert "ended" not in breach
    # A tenth of the ten minutes is exceeded by the 61st, give or take the window's edge of 5 s.
    assert page["fired"] == "2026-01-01T01:07:42.000Z"
    assert page["seconds_before_breach"] == -20
    assert "20s after the breach began" in ended.stdout


def test_interval_logs_are_read_with_their_outcomes_and_awkward_names(policy: Path, tmp_path: Path) -> None:
    stream = io.StringIO(newline="")
    writer = HistogramLogWriter(stream, start_unix_nano=BEGIN)
    fast, failed = Histogram(), Histogram()
    fast.record_many([S // 1000] * 100)
    failed.record_many([S // 1000] * 30)
    for minute in range(3):
        start, end = BEGIN + minute * 60 * S, BEGIN + (minute + 1) * 60 * S
        for tag, histogram in (("llm.generate", fast), ("db%20pool.get.one{a=b}", fast), ("x.y", fast)):
            writer.write(histogram.snapshot(), start_unix_nano=start, end_unix_nano=end, tag=tag)
        if minute == 2:
            writer.write(
                failed.snapshot(), start_unix_nano=start, end_unix_nano=end, tag="llm.generate.timed_out"
            )
    history = tmp_path / "latency.hlog"
    history.write_text(stream.getvalue(), encoding="ascii")
    told = json.loads(run("backtest", policy, history, "--json").stdout)
    by_name = {subject["name"]: subject for subject in told["subjects"]}
    assert {name: subject["events"] for name, subject in by_name.items()} == {
        "answers": 330,
        "parts": 300,
        "answer_now": 330,
    }
    assert by_name["answers"]["breaches"][0]["fired"] == "2026-01-01T00:03:00.000Z"
    assert by_name["parts"]["breaches"] == []
    assert told["budgets"][0]["verdict"] == "BREACHED"


@pytest.mark.parametrize("name", ["none.jsonl", "none.hlog"])
def test_an_absent_history_is_one_line_and_exit_code_2(policy: Path, tmp_path: Path, name: str) -> None:
    ended = run("backtest", policy, tmp_path / name)
    assert ended.exit_code == 2
    assert len(ended.stderr.splitlines()) == 1
    assert name in ended.stderr


def test_a_broken_interval_log_is_one_line_with_file_and_line(policy: Path, tmp_path: Path) -> None:
    broken = tmp_path / "latency.hlog"
    broken.write_text("1.000,1.000,5.0,nonsense\n2.000,1.000,5.0,nonsense\n", encoding="ascii")
    ended = run("backtest", policy, broken)
    assert ended.exit_code == 2
    assert "latency.hlog: line 1 of the histogram log" in ended.stderr


def test_a_policy_with_objectives_is_listed_with_its_alerts(policy: Path) -> None:
    ended = run("check", policy)
    assert ended.exit_code == 0
    assert ended.stdout.splitlines() == [
        f"{policy}: 2 budgets, 2 objectives, no mistake",
        "  answer      p95 within 1000 ms  llm.generate",
        "  answer_now  p90 within 1000 ms  llm.generate  (in 10m)",
        "  answers  0.99 within 1000 ms in 6h, from 100 calls on  llm.generate",
        "    page  burn rate over 10 in 10m and 1m  (page)",
        "  parts  0.9 within 5 ms in 30d, from 10 calls on  db pool.get.one",
    ]
    told = json.loads(run("check", policy, "--json").stdout)
    assert [objective["name"] for objective in told["objectives"]] == ["answers", "parts"]
    assert told["mistakes"] == []


def test_mistakes_are_given_as_json_too(tmp_path: Path) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text('[objectives.a]\nmeasures = "x.y"\nthreshold_ms = 5\ntarget = 0.9\n', encoding="utf-8")
    ended = run("check", path, "--json")
    assert ended.exit_code == 2
    (mistake,) = json.loads(ended.stdout)["mistakes"]
    assert mistake.startswith("objectives.a.target (line 4): the default alert page_fast: burn rate 14.4 can")
