"""Every command has help with an example, JSON where it prints data, errors in one line, and completes."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

click = pytest.importorskip("click", reason="click comes with the extra 'cli'")
click_testing = pytest.importorskip("click.testing")
shell_completion = pytest.importorskip("click.shell_completion")

from latency_kit.cli import main  # noqa: E402  # needs click


def leaves(group: Any = main, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


def groups(group: Any = main, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, group
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from groups(command, (*path, name))


COMMANDS = dict(leaves())
GROUPS = dict(groups())
every_command = pytest.mark.parametrize("path", COMMANDS, ids=" ".join)


def run(*arguments: str | Path) -> "click_testing.Result":
    return click_testing.CliRunner().invoke(main, [str(argument) for argument in arguments])


def completed(*words: str) -> list[str]:
    """What a shell offers after these words, of which the last is incomplete."""
    completion = shell_completion.ShellComplete(main, {}, "latency-kit", "_LATENCY_KIT_COMPLETE")
    return [item.value for item in completion.get_completions(list(words[:-1]), words[-1])]


def test_there_are_the_commands_that_the_documents_tell_of() -> None:
    assert {("report",), ("export",), ("compare",), ("trend",), ("baseline", "save")} <= COMMANDS.keys()


@every_command
def test_help_has_an_example_of_the_command_itself(path: tuple[str, ...]) -> None:
    ended = run(*path, "--help")
    assert ended.exit_code == 0
    assert f"Example: latency-kit {' '.join(path)}" in " ".join(ended.stdout.split())
    assert run(*path, "-h").stdout == ended.stdout


@pytest.mark.parametrize("path", GROUPS, ids=lambda path: " ".join(path) or "root")
def test_the_help_of_a_group_has_an_example_of_one_of_its_commands(path: tuple[str, ...]) -> None:
    shown = " ".join(run(*path, "--help").stdout.split())
    (example,) = re.findall(r"Example: latency-kit ([^.]*)", shown)
    words = tuple(example.split())
    assert words[: len(path)] == path
    assert words[len(path)] in GROUPS[path].commands


def test_exit_codes_of_a_target_that_fails_are_in_the_help_of_every_profiler_that_runs_one() -> None:
    for name in ("functions", "memory", "async"):
        assert "1 TARGET failed" in " ".join(run("profile", name, "--help").stdout.split())
    shown = " ".join(run("--help").stdout.split())
    assert "130 ended by Ctrl-C" in shown
    assert "its target failed" in shown


@every_command
def test_options_in_an_example_are_options_of_the_command(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    (example,) = re.findall(r"Example: (.*)", " ".join((command.help or "").split()))
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    own_words = example.split(" -- ")[0].split()
    assert {word.split("=")[0] for word in own_words if word.startswith("-")} <= known


@every_command
def test_what_it_finds_is_there_as_json(path: tuple[str, ...]) -> None:
    assert any("--json" in parameter.opts for parameter in COMMANDS[path].params)


@every_command
def test_every_option_says_what_it_does(path: tuple[str, ...]) -> None:
    options = [one for one in COMMANDS[path].params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []


@every_command
@pytest.mark.parametrize("wrong", [("--no-such-option",), ("a", "b", "c", "d", "--json=maybe")])
def test_wrong_use_is_one_line_on_standard_error_and_exit_code_2(
    path: tuple[str, ...], wrong: tuple[str, ...]
) -> None:
    ended = run(*path, *wrong)
    assert ended.exit_code == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("latency-kit: ")
    if "No such option" in line:
        assert line.endswith(f"(try: latency-kit {' '.join(path)} --help)")


def test_an_unknown_command_is_one_line_too() -> None:
    ended = run("repotr")
    assert (ended.exit_code, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("latency-kit: No such command 'repotr'.")
    assert line.endswith("(try: latency-kit --help)")


@every_command
def test_a_shell_completes_every_command_and_its_options(path: tuple[str, ...]) -> None:
    for depth, word in enumerate(path):
        assert word in completed(*path[:depth], word[:1])
    long_options = {one.opts[0] for one in COMMANDS[path].params if one.opts[0].startswith("--")}
    assert long_options <= set(completed(*path, "--"))


def test_a_shell_completes_the_values_that_an_option_may_have() -> None:
    assert completed("report", "run.json", "--format", "") == ["text", "markdown", "html"]
    assert completed("export", "run.json", "--to", "h") == ["hlog", "hgrm"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_each_shell_is_printed_by_the_command_itself(shell: str) -> None:
    ended = complete(shell, "source")
    if shell == "bash" and "bash" in ended.stderr.lower():
        pytest.skip(f"click looks at the installed bash: {ended.stderr.strip()}")
    assert "_LATENCY_KIT_COMPLETE" in ended.stdout


def test_a_shell_that_asks_the_command_gets_the_completions() -> None:
    ended = complete("zsh", "complete", COMP_WORDS="latency-kit baseline l", COMP_CWORD="2")
    assert ended.stdout.splitlines()[:2] == ["plain", "list"]


def complete(shell: str, instruction: str, **words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "latency_kit"],
        env={**os.environ, "_LATENCY_KIT_COMPLETE": f"{shell}_{instruction}", **words},
        capture_output=True,
        text=True,
        check=False,
    )
