"""What becomes of the results of a pytest run: files, baselines, JUnit; beside xdist and pytest-benchmark."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from latency_kit.baseline import read_session, write_session

pytest_plugins = ["pytester"]

Project = Callable[..., pytest.RunResult]

TWO_TESTS = """
import pytest

@pytest.mark.latency(budget_ms=20)
def test_fast(latency, clock):
    latency(clock.advance, ms=12)

def test_without_budget(latency, clock):
    latency(clock.advance, ms=3)
"""


def test_figures_are_properties_of_the_junit_report(project: Project, pytester: pytest.Pytester) -> None:
    project(TWO_TESTS, "--junitxml=junit.xml")
    case = ET.parse(pytester.path / "junit.xml").find(".//testcase[@name='test_fast']")  # noqa: S314  # ours
    assert case is not None
    found = {one.get("name"): one.get("value") for one in case.iter("property")}
    assert found["latency_verdict"] == "met"
    assert found["latency_samples"] == "100"
    assert float(found["latency_p95_ms"] or 0) == pytest.approx(12, rel=1e-3)
    assert float(found["latency_max_ms"] or 0) == 12
    assert (found["latency_budget_ms"], found["latency_budget_percentile"]) == ("20", "95")


@pytest.mark.parametrize(
    ("declared", "ini", "named"),
    [
        (
            '[project]\nname = "pluggy"\ndependencies = ["iniconfig[x]>=1 ; extra", "absent-x"]',
            "",
            {"pluggy", "iniconfig"},
        ),
        ('[project]\nname = "pluggy"', "latency_packages = iniconfig absent-x", {"iniconfig"}),
        ("[tool.other]", "", set()),
    ],
)
def test_a_saved_run_names_the_versions_of_what_is_tested(
    project: Project, pytester: pytest.Pytester, declared: str, ini: str, named: set[str]
) -> None:
    (pytester.path / "pyproject.toml").write_text(declared, encoding="utf-8")
    project(TWO_TESTS, "--latency-save=main", ini=ini or "latency_tolerance = 0.1")
    packages = read_session(pytester.path / ".latency-kit" / "main.json").session.environment.packages
    assert {"pluggy", "iniconfig", "absent-x"} & packages.keys() == named
    assert "pytest" in packages


def test_measurements_are_written_as_json(project: Project, pytester: pytest.Pytester) -> None:
    project(TWO_TESTS, "--latency-json=out/latency.json")
    data = json.loads((pytester.path / "out" / "latency.json").read_text(encoding="utf-8"))
    fast, plain = data["measurements"]
    assert fast["test"].endswith("::test_fast")
    assert fast["budget"] == {"limit_ms": 20, "percentile": 95}
    assert fast["verdict"] == "met"
    assert fast["interval"] == {
        "percentile": 95,
        "confidence": 0.975,
        "samples": 100,
        "estimate_ms": 12,
        "lower_ms": 12,
        "upper_ms": 12,
    }
    assert plain["max_ms"] == 3
    assert "verdict" not in plain


def test_a_run_is_kept_as_a_baseline_and_compared_with_it(
    project: Project, pytester: pytest.Pytester
) -> None:
    project(TWO_TESTS, "--latency-save=main").assert_outcomes(passed=2)
    stored = read_session(pytester.path / ".latency-kit" / "main.json")
    (name, plain) = stored.histograms()
    assert name.endswith(".test_fast")
    assert stored.histograms()[name].max_ns == 12_000_000
    assert stored.durations_ns[name] == (12_000_000,) * 100
    assert [evaluation.verdict for evaluation in stored.session.evaluations] == ["MET"]
    assert plain.endswith(".test_without_budget")

    same = project(TWO_TESTS, "--latency-compare=main")
    assert same.ret == pytest.ExitCode.OK
    same.stdout.fnmatch_lines(["*= latency compared =*", "against 'main': *", "*p50*12.0 ms ->*12.0 ms*same"])

    slower = project(TWO_TESTS.replace("ms=3", "ms=4"), "--latency-compare=main", "--latency-json=x.json")
    slower.assert_outcomes(passed=2)
    assert slower.ret == pytest.ExitCode.TESTS_FAILED
    slower.stdout.fnmatch_lines(["*p50*3.00 ms ->*4.00 ms  1.33 (1.33 to 1.33)*regressed"])
    data = json.loads((pytester.path / "x.json").read_text(encoding="utf-8"))
    assert data["comparison"]["regressed"] == [plain]
    tolerant = project(
        TWO_TESTS.replace("ms=3", "ms=4"), "--latency-compare=main", ini="latency_tolerance = 0.5"
    )
    assert tolerant.ret == pytest.ExitCode.OK


def test_an_absent_baseline_ends_the_run_before_it_begins(project: Project) -> None:
    result = project(TWO_TESTS, "--latency-compare=main")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*latency-kit: *no baseline of that name in *"])
    assert project(TWO_TESTS, "--latency-save=a/b").ret == pytest.ExitCode.USAGE_ERROR


def test_a_baseline_that_cannot_be_compared_fails_the_run_with_the_reason(
    project: Project, pytester: pytest.Pytester
) -> None:
    project(TWO_TESTS, "--latency-save=main")
    path = pytester.path / ".latency-kit" / "main.json"
    stored = read_session(path)
    other = type(stored)(session=stored.session, conditions={"instrument": "a stop watch"})
    write_session(other, path)
    result = project(TWO_TESTS, "--latency-compare=main")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["the sessions cannot be compared, *instrument: a stop watch against latency-kit*"]
    )
    allowed = project(TWO_TESTS, "--latency-compare=main", "--latency-allow-different")
    assert allowed.ret == pytest.ExitCode.OK


def test_nothing_measured_but_something_asked_for_fails_the_run(project: Project) -> None:
    result = project("def test_nothing(): pass", "--latency-save=main")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["no test measured anything: nothing to save or to compare"])


def test_a_file_that_cannot_be_written_fails_the_run_in_a_line(
    project: Project, pytester: pytest.Pytester
) -> None:
    (pytester.path / "taken").mkdir()
    result = project(TWO_TESTS, "--latency-json=taken")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*taken: cannot be written: *"])


def test_a_long_measurement_shows_its_progress(project: Project, pytester: pytest.Pytester) -> None:
    """Past the capturing of output; by the real clock, of which the test takes two seconds and a bit."""
    result = project(
        """
        import time, pytest

        @pytest.mark.latency(samples=22)
        def test_long(latency):
            latency(time.sleep, 0.1)
        """
    )
    result.stdout.fnmatch_lines(["*::test_long: * of 22 samples, 2 s*"])


def test_results_of_workers_are_merged_on_the_controller(project: Project, pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    result = project(
        """
        import pytest

        @pytest.mark.latency(budget_ms=20)
        @pytest.mark.parametrize("ms", [11, 12, 13, 14])
        def test_fast(latency, clock, ms):
            latency(clock.advance, ms=ms)
        """,
        "-p",
        "xdist",
        "-n2",
        "--junitxml=junit.xml",
        "--latency-save=parallel",
    )
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(
        [
            "*test_fast?11? *100*11.0 ms*met",
            "*test_fast?12? *12.0 ms*met",
            "*test_fast?13? *13.0 ms*met",
            "*test_fast?14? *14.0 ms*met",
            "2 processes measured at the same time and disturbed each other; *",
        ]
    )
    stored = read_session(pytester.path / ".latency-kit" / "parallel.json")
    assert sorted(one.max_ns for one in stored.histograms().values()) == [
        ms * 10**6 for ms in (11, 12, 13, 14)
    ]
    assert stored.conditions == {"instrument": "latency-kit", "processes at once": "2"}
    junit = (pytester.path / "junit.xml").read_text(encoding="utf-8")
    assert junit.count('name="latency_verdict" value="met"') == 4


def test_the_results_of_a_worker_that_crashed_are_missed(project: Project) -> None:
    pytest.importorskip("xdist")
    result = project(
        """
        import os, pytest

        def test_measured(latency, clock):
            latency(clock.advance, ms=1)

        def test_crash():
            os._exit(1)
        """,
        "-p",
        "xdist",
        "-n1",
        "--latency-json=x.json",
    )
    assert result.ret != pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["gw0 ended without handing over its measurements*: they are lost"])


def test_it_runs_beside_pytest_benchmark(project: Project) -> None:
    pytest.importorskip("pytest_benchmark")
    result = project(
        TWO_TESTS
        + """
def test_other(benchmark):
    assert benchmark.pedantic(sum, ([1, 2],), rounds=5) == 3
""",
        "-p",
        "benchmark",
    )
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*benchmark: 1 tests*", "*= latency =*"])


def test_help_and_markers_tell_of_it(project: Project) -> None:
    project("", "--help").stdout.fnmatch_lines(
        ["*latency of what the tests measure (latency-kit)*", "*--latency-save=NAME*"]
    )
    project("", "--markers", "--strict-markers").stdout.fnmatch_lines(["@pytest.mark.latency(budget_ms, *"])


def test_the_plugin_is_loaded_by_its_entry_point_and_imports_little() -> None:
    """What it costs a run that measures nothing: no session, no statistics, no report."""
    code = (
        "import sys, latency_kit; before = set(sys.modules); import latency_kit.pytest_plugin; "
        "print(sorted(name for name in set(sys.modules) - before if name.startswith('latency_kit')))"
    )
    root = Path(__file__).resolve().parents[3]
    ended = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "['latency_kit.pytest_plugin', 'latency_kit.pytest_plugin.hooks']"
    pyproject = root / "pyproject.toml"
    table = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["entry-points"]["pytest11"]
    assert table == {"latency_kit.pytest_plugin": "latency_kit.pytest_plugin"}
