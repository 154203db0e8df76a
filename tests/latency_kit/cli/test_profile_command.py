"""`latency-kit profile` profiles what is named, keeps what it saw, and says in one line what it cannot do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

click_testing = pytest.importorskip("click.testing", reason="click comes with the extra 'cli'")

SHOP = """
import asyncio
import sys

import latency_kit


def crunch(count="20000"):
    return sum(number * number for number in range(int(count)))


@latency_kit.measure_latency("shop", "answer")
async def answer():
    crunch()
    await asyncio.sleep(0.01)


if __name__ == "__main__":
    print("arguments", sys.argv[1:])
    crunch()
    sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP, encoding="utf-8")
    (tmp_path / "boom.py").write_text("\nraise ValueError('not\\ntoday')\n", encoding="utf-8")
    (tmp_path / "unfinished.py").write_text("def main(:\n", encoding="utf-8")
    (tmp_path / "leaving.py").write_text("import sys\nsys.exit(3)\n", encoding="utf-8")
    (tmp_path / "deep.profile.json").write_text("[" * 100_000, encoding="utf-8")
    (tmp_path / "latin.profile.json").write_bytes(b"\xff\xfe")
    return tmp_path


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "latency_kit", "profile", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def test_a_script_is_profiled_with_its_own_arguments_and_exit_code(shop: Path) -> None:
    ended = run(shop, "functions", "--top", "5", "shop.py", "3", "--flag")
    assert ended.returncode == 3, ended.stderr
    assert "arguments ['3', '--flag']" in ended.stdout
    assert "shop.<genexpr>" in ended.stdout
    assert "20001" in ended.stdout
    assert sorted(path.name for path in (shop / "profiles").iterdir()) == [
        "functions-shop.profile.json",
        "functions-shop.pstats",
    ]


def test_a_coroutine_is_profiled_with_its_waits_and_calls(shop: Path) -> None:
    ended = run(shop, "async", "shop:answer")
    assert ended.returncode == 0, ended.stderr
    for part in ("Waits", "shop.answer (asyncio.tasks.sleep)", "Slowest of 1 measured calls"):
        assert part in ended.stdout


def test_a_profile_is_given_as_json_shown_again_and_compared(shop: Path) -> None:
    first = json.loads(run(shop, "functions", "--json", "shop:crunch", "1000").stdout)
    second = json.loads(run(shop, "functions", "--json", "shop:crunch", "50000").stdout)
    assert first["kind"] == "functions"
    paths = [next(path for path in one["files"] if path.endswith(".json")) for one in (first, second)]
    assert "shop.<genexpr>" in run(shop, "show", paths[0]).stdout
    compared = json.loads(run(shop, "compare", "--json", *paths).stdout)
    change = next(one for one in compared["changes"] if one["name"] == "shop.<genexpr>")
    assert (change["count_before"], change["count_after"]) == (1001, 50001)
    assert change["change"] == change["after"] - change["before"] > 0
    assert "look here, then measure" in run(shop, "compare", *paths).stdout


def test_memory_is_profiled_from_the_shell(shop: Path) -> None:
    pytest.importorskip("memray", reason="memray comes with the extra 'profile'")
    ended = run(shop, "memory", "shop:crunch")
    assert ended.returncode == 0, ended.stderr
    assert "peak:" in ended.stdout
    assert (shop / "profiles" / "memory-shop.crunch.memray.bin").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["functions", "none.py"], "there is no script none.py"),
        (["functions", "shop"], "neither a script"),
        (["functions", "nowhere:main"], "nowhere cannot be imported"),
        (["functions", "shop:nothing"], "no function 'nothing'"),
        (["functions", "shop:crunch", "1", "2"], "cannot be called with ['1', '2']"),
        (["async", "shop:crunch"], "no coroutine function"),
        (["async", "--interval", "0", "shop:answer"], "must be positive"),
        (["process", "99999999"], "there is no process 99999999"),
        (["show", "shop.py"], "no profile"),
        (["compare", "a.profile.json", "b.profile.json"], "No such file"),
        (["functions", ".:crunch"], "no module's full name"),
        (["functions", "..shop:crunch"], "no module's full name"),
        (["functions", "boom:main"], "boom cannot be imported: ValueError: not today (boom.py, line 2)"),
        (["functions", "unfinished:main"], "unfinished cannot be imported: SyntaxError: "),
        (["functions", "leaving:main"], "leaving cannot be imported: SystemExit: 3 (leaving.py, line 2)"),
        (
            ["functions", "--outptu", "x", "shop:crunch"],
            "No such option '--outptu'. (Did you mean one of: '--output'",
        ),
        (["async", "-x", "shop:answer"], "No such option '-x'."),
        (["async", "--interval", "nan", "shop:answer"], "no finite number"),
        (["process", "1", "--duration", "inf"], "not a valid integer"),
        (["process", "1", "--duration", "0"], "whole number of seconds from 1"),
        (["show", "deep.profile.json"], "nested too deeply"),
        (["show", "latin.profile.json"], "not UTF-8 text"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from latency_kit.cli import main  # noqa: PLC0415  # needs the extra, which may be absent

    monkeypatch.chdir(shop)
    monkeypatch.syspath_prepend(shop)
    monkeypatch.delitem(sys.modules, "shop", raising=False)
    ended = click_testing.CliRunner().invoke(main, ["profile", *arguments])
    assert ended.exit_code == 2
    assert ended.stderr.startswith("latency-kit: ")
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (shop / "profiles").exists()


def test_a_script_that_fails_shows_its_error_after_the_profile(shop: Path) -> None:
    (shop / "broken.py").write_text("sorted([3, 2, 1])\nraise ValueError('no')\n")
    ended = run(shop, "functions", "broken.py")
    assert ended.returncode == 1
    assert "broken.<module>" in ended.stdout
    assert "ValueError: no" in ended.stderr
