"""`latency-kit baseline | compare | trend`: what they print, write and exit with."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from latency_kit.baseline import StoredSession, read_session, write_session

click_testing = pytest.importorskip("click.testing", reason="click comes with the extra 'cli'")

Make = Callable[..., StoredSession]
MS = 1_000_000


def run(*arguments: str | Path) -> "click_testing.Result":
    from latency_kit.cli import main  # noqa: PLC0415  # needs the extra, which may be absent

    return click_testing.CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: Make) -> Path:
    """A folder with the session file run.json, in which all commands run."""
    monkeypatch.chdir(tmp_path)
    write_session(stored({"llm.answer": [10 * MS] * 100}), "run.json")
    write_session(stored({"llm.answer": [20 * MS] * 100}), "slow.json")
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        ["baseline", "save"],
        ["baseline", "import"],
        ["baseline", "list"],
        ["baseline", "check"],
        ["compare"],
        ["trend"],
    ],
)
def test_every_command_has_help_with_an_example_and_json(command: list[str]) -> None:
    ended = run(*command, "--help")
    assert ended.exit_code == 0
    assert f"Example: latency-kit {' '.join(command)} " in " ".join(ended.stdout.split())
    assert "--json" in ended.stdout


def test_a_session_is_kept_listed_and_checked(folder: Path) -> None:
    ended = run("baseline", "save", "run.json", "main")
    assert (ended.exit_code, ended.stdout) == (
        0,
        f"{Path('.latency-kit/main.json')}: kept as baseline 'main'\n",
    )
    assert read_session(folder / ".latency-kit" / "main.json") == read_session("run.json")
    ended = run("baseline", "list")
    assert (ended.exit_code, ended.stdout) == (
        0,
        "main  2026-01-05 08:00 UTC  aaaaaaaaaa  1 series, 100 calls\n",
    )
    assert run("baseline", "check", "run.json", "main").exit_code == 0
    ended = run("baseline", "check", "slow.json", "main")
    assert ended.exit_code == 1
    assert "p50       10.0 ms ->    20.0 ms  2.00 (2.00 to 2.00)     regressed" in ended.stdout
    assert run("baseline", "check", "slow.json", "main", "--tolerance", "1.5").exit_code == 0


def test_a_baseline_is_replaced_on_request_only(folder: Path) -> None:
    run("baseline", "save", "run.json", "main")
    ended = run("baseline", "save", "slow.json", "main")
    assert ended.exit_code == 2
    assert "there is already a baseline 'main'" in ended.stderr
    assert run("baseline", "save", "slow.json", "main", "--replace").exit_code == 0
    assert run("baseline", "save", "slow.json", "main", "--folder", "other").exit_code == 0
    assert (folder / "other" / "main.json").exists()


def test_the_list_is_data_on_request_and_names_what_cannot_be_read(folder: Path) -> None:
    assert run("baseline", "list").stdout == ".latency-kit: no baselines, nor such a folder\n"
    Path("empty").mkdir()
    assert run("baseline", "list", "--folder", "empty").stdout == "empty: no baselines\n"
    run("baseline", "save", "run.json", "main")
    (folder / ".latency-kit" / "broken.json").write_text("{", encoding="utf-8")
    ended = run("baseline", "list")
    assert ended.exit_code == 2
    assert "cannot be read: .latency-kit/broken.json: is cut short" in ended.stdout
    broken, good = json.loads(run("baseline", "list", "--json").stdout)
    assert "is cut short" in broken["refusal"]
    assert (good["name"], good["commit"], good["calls"]) == ("main", "a" * 40, {"llm.answer": 100})
    assert good["environment"]["Cores"] == "4"


def test_what_pytest_benchmark_saved_is_imported(folder: Path) -> None:
    document = {
        "machine_info": {"python_version": "3.12.4", "python_implementation": "CPython", "system": "Linux"},
        "benchmarks": [{"fullname": "t.py::x", "stats": {"data": [0.001] * 40, "iterations": 1}}],
        "datetime": "2026-01-05T08:00:00+00:00",
    }
    Path("0001_main.json").write_text(json.dumps(document), encoding="utf-8")
    assert run("baseline", "import", "0001_main.json").exit_code == 0
    ended = run("baseline", "import", "0001_main.json", "old", "--json")
    assert json.loads(ended.stdout) == {"name": "old", "path": ".latency-kit/old.json"}
    assert read_session(folder / ".latency-kit" / "old.json").histograms()["t.x"].count == 40
    ended = run("compare", "0001_main", "old", "--no-plot")
    assert ended.exit_code == 0


def test_two_sessions_are_compared_side_by_side_with_a_plot(folder: Path) -> None:
    ended = run("compare", "run.json", "slow.json", "--percentile", "50", "--percentile", "90")
    assert ended.exit_code == 1
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("against run.json: ratio of candidate to baseline with its 95% interval")
    assert lines[2] == "  p50       10.0 ms ->    20.0 ms  2.00 (2.00 to 2.00)     regressed"
    assert lines[3].startswith("  p90 ")
    assert "(percentile)" in ended.stdout
    assert "candidate" in lines[-1]
    assert max(len(line) for line in lines) <= 120
    assert "(percentile)" not in run("compare", "run.json", "slow.json", "--no-plot").stdout


def test_a_comparison_is_data_on_request(folder: Path) -> None:
    ended = run("compare", "slow.json", "run.json", "--json")
    assert ended.exit_code == 0
    data = json.loads(ended.stdout)
    assert data["regressed"] == []
    assert data["series"][0]["percentiles"][0]["change"] == "improved"


def test_sessions_that_cannot_be_compared_are_refused_unless_allowed(folder: Path, stored: Make) -> None:
    write_session(stored({"llm.answer": [10 * MS] * 100}, cores=64), "big.json")
    ended = run("compare", "run.json", "big.json")
    assert ended.exit_code == 2
    (line,) = ended.stderr.splitlines()
    assert line == (
        "latency-kit: the sessions cannot be compared, baseline against candidate: cores: 4 against 64; "
        "measure both under the same conditions, or compare all the same "
        "(--allow-different, in pytest --latency-allow-different)"
    )
    allowed = run("compare", "run.json", "big.json", "--allow-different", "--no-plot")
    assert allowed.exit_code == 0
    assert "what else differs: cores: 4 against 64" in allowed.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "run.json", "absent.json"],
        ["compare", "run.json", "bad.json"],
        ["compare", "run.json", "run.json", "--percentile", "100"],
        ["compare", "run.json", "run.json", "--confidence", "95"],
        ["baseline", "check", "run.json", "absent"],
        ["baseline", "save", "bad.json", "x"],
        ["baseline", "save", "run.json", "a/b"],
        ["baseline", "import", "run.json"],
        ["trend", "absent"],
        ["trend", ".", "--significance", "2"],
        ["trend", "run.json"],
        ["baseline", "list", "--folder", "run.json"],
        ["baseline", "import", "latin.json"],
    ],
)
def test_every_error_is_one_line_and_exit_code_2(folder: Path, arguments: list[str]) -> None:
    Path("bad.json").write_text('{"format": "latency-kit session", "ver', encoding="utf-8")
    Path("latin.json").write_bytes(b"\xff\xfe")
    ended = run(*arguments)
    assert ended.exit_code == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("latency-kit: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trend", "run.json"], "run.json: is no folder"),
        (["trend", "absent"], "absent: there is no such folder"),
        (["baseline", "list", "--folder", "run.json"], "run.json: is no folder"),
        (["baseline", "import", "latin.json"], "latin.json: is no file of pytest-benchmark: it is not UTF-8"),
    ],
)
def test_what_is_no_folder_or_no_text_is_told_so(folder: Path, arguments: list[str], said: str) -> None:
    (folder / "latin.json").write_bytes(b"\xff\xfe")
    assert said in run(*arguments).stderr


@pytest.mark.parametrize("arguments", [["compare", "run.json", "slow.json"], ["trend", "."]])
def test_where_dots_cannot_be_written_no_curve_is_drawn(folder: Path, arguments: list[str]) -> None:
    from latency_kit.cli import main  # noqa: PLC0415  # as above

    bare = click_testing.CliRunner(charset="cp1252").invoke(main, arguments)
    assert bare.exit_code in {0, 1}, bare.exception
    assert "no plot: the output's encoding, cp1252, lacks its dots" in bare.stdout
    assert "no plot" not in run(*arguments).stdout


@pytest.fixture
def history(tmp_path: Path, stored: Make) -> Path:
    source = random.Random(3)  # noqa: S311  # statistics, not secrets
    for day, level in enumerate([10.0] * 8 + [13.0] * 7):
        values = [round(level * source.uniform(0.95, 1.05) * MS) for _ in range(100)]
        write_session(
            stored({"llm.answer": values}, day=day, commit=f"{day:x}" * 40), tmp_path / f"{day:02}.json"
        )
    return tmp_path


def test_a_trend_is_drawn_and_its_change_marked(history: Path) -> None:
    ended = run("trend", history)
    assert ended.exit_code == 1
    lines = ended.stdout.splitlines()
    assert lines[0] == "llm.answer, p95 over 15 sessions"
    (marked,) = [line for line in lines if line.startswith("  slower")]
    assert marked.startswith("  slower from session 9, 08 (8888888888): 10.4 ms -> 13.6 ms (p = 0.00")
    assert "(session)" in ended.stdout
    assert "(session)" not in run("trend", history, "--no-plot").stdout


def test_a_trend_is_data_on_request(history: Path) -> None:
    (history / "15.json").write_text("{", encoding="utf-8")
    data = json.loads(run("trend", history, "--json", "--percentile", "50").stdout)
    (series,) = data["series"]
    assert (data["percentile"], series["is_slower"], len(series["points"])) == (50, True, 15)
    assert [change["session"] for change in series["changes"]] == ["08"]
    assert "is cut short" in data["left_out"]["15"][0]


def test_a_steady_trend_and_one_too_short_exit_with_0(folder: Path) -> None:
    ended = run("trend", folder)
    assert ended.exit_code == 0
    assert "a change of level can be told from chance from 11 sessions on" in ended.stdout
