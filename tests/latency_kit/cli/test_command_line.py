"""`latency-kit` says what it found, lists every mistake, and exits with 0 or 2."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

click_testing = pytest.importorskip("click.testing", reason="click comes with the extra 'cli'")

GOOD = """
[budgets.answer]
measures = "llm.generate"
limit_ms = 3000

[budgets.answer.allotments.prompt]
measures = "llm.prompt"
limit_ms = 50
percentile = 99
optional = true
"""

BAD = """
[budgets.answer]
measures = "llm.generate"
limit_ms = -1
percentil = 95

[budgets.other]
limit_ms = 5
"""

LINE = (
    '{"timestamp":"2026-01-01T00:00:00.000Z","component":"llm","operation":"generate",'
    '"duration_ms":12.5,"metadata":{}}\n'
)


def run(*arguments: str | Path) -> "click_testing.Result":
    from latency_kit.cli import main  # noqa: PLC0415  # needs the extra, which may be absent

    return click_testing.CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "budgets.toml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_a_good_policy_is_listed_with_its_tree(policy: Path) -> None:
    ended = run("budgets", "check", policy)
    assert ended.exit_code == 0
    assert ended.stdout.splitlines() == [
        f"{policy}: 2 budgets, no mistake",
        "  answer    p95 within 3000 ms  llm.generate",
        "    prompt  p99 within 50 ms  llm.prompt  (optional)",
    ]


def test_a_policy_is_given_as_json(policy: Path) -> None:
    listed = json.loads(run("budgets", "check", policy, "--json").stdout)["budgets"]
    assert [budget["name"] for budget in listed] == ["answer", "answer.prompt"]
    assert listed[1]["limit_ms"] == 50
    assert listed[1]["percentile"] == 99
    assert listed[1]["optional"] is True


def test_every_mistake_is_listed_with_its_key_and_the_exit_code_is_2(tmp_path: Path) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text(BAD, encoding="utf-8")
    ended = run("budgets", "check", path)
    assert ended.exit_code == 2
    assert ended.stdout == ""
    assert "budgets.answer.limit_ms (line 4)" in ended.stderr
    assert "budgets.answer.percentil (line 5)" in ended.stderr
    assert "budgets.other" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_absent_policy_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    ended = run("budgets", "check", tmp_path / "none.toml")
    assert ended.exit_code == 2
    assert "none.toml" in ended.stderr
    assert "cannot be read" in ended.stderr


def test_measurements_become_csv(tmp_path: Path) -> None:
    source, target = tmp_path / "performance.jsonl", tmp_path / "performance.csv"
    source.write_text(LINE * 2, encoding="utf-8")
    ended = run("export", source, "-o", target)
    assert ended.exit_code == 0
    assert ended.stdout == f"{target}: 2 measurements\n"
    header, first, *_ = target.read_text(encoding="utf-8").splitlines()
    assert header.startswith("timestamp,component,operation,duration_ms,metadata")
    assert first.startswith("2026-01-01T00:00:00.000Z,llm,generate,12.5,{}")


def test_an_absent_file_of_measurements_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    ended = run("export", tmp_path / "none.jsonl", "-o", tmp_path / "out.csv")
    assert ended.exit_code == 2
    assert len(ended.stderr.splitlines()) == 1


def test_without_click_the_extra_is_named(pytestconfig: pytest.Config) -> None:
    code = "import sys; sys.modules['click'] = None; import latency_kit.cli"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].endswith(
        "click is not installed; install it with: pip install 'latency-kit[cli]'"
    )
