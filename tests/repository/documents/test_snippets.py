"""Every snippet of the documents is run: Python as it stands, TOML as a policy, commands as they are typed.

Python blocks of one document share their names and run in the order written, in an empty directory of their
own; a TOML block names the file that it stands for in its first line (`# budgets.toml`). A `console` block
holds commands after `$ `; those of latency_kit are run and must print what stands below them.
"""

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import latency_kit
from latency_kit.budget import load_policy

sybil = pytest.importorskip("sybil", reason="sybil comes with the extra 'dev'")
markdown = pytest.importorskip("sybil.parsers.markdown", reason="sybil comes with the extra 'dev'")
click_testing = pytest.importorskip("click.testing", reason="click comes with the extra 'cli'")

COLLECTOR = "http://localhost:4317"
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)

OTHERS_COMMANDS = (
    ("docker", "run"),
    ("git", "clone"),
    ("cd", "latency-kit"),
    ("ollama", "pull"),
    ("fastapi", "run"),
)
"""Commands of others that a reader needs; a new one is looked at by a person before it stands here."""


@pytest.fixture
def receiver(request: pytest.FixtureRequest, document: str, root: Path) -> Any:
    """A collector, for documents that export to one."""
    text = (root / document).read_text(encoding="utf-8")
    if any(COLLECTOR in snippet for snippet in PYTHON_BLOCK.findall(text)):
        return request.getfixturevalue("otlp_receiver")
    return None


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run in an empty directory, and leave nothing configured behind."""
    monkeypatch.chdir(tmp_path)
    configure = latency_kit.configure
    begun: list[latency_kit.Telemetry] = []

    def configure_and_remember(**settings: Any) -> latency_kit.Telemetry:
        begun.append(configure(**settings))
        return begun[-1]

    monkeypatch.setattr(latency_kit, "configure", configure_and_remember, raising=False)
    yield tmp_path
    for telemetry in begun:
        telemetry.shutdown()


def test_snippets_run(document: str, root: Path, receiver: Any, nox_sessions: frozenset[str]) -> None:
    parsers = [
        markdown.PythonCodeBlockParser(),
        markdown.CodeBlockParser(language="toml", evaluator=_write_policy),
        markdown.CodeBlockParser(language="console", evaluator=_typed(nox_sessions)),
    ]
    source = root / document
    text = source.read_text(encoding="utf-8")
    if receiver is not None:
        text = text.replace(COLLECTOR, receiver.grpc_endpoint)
    copy = Path(source.name)
    copy.write_text(text, encoding="utf-8")
    for example in sybil.Sybil(parsers=parsers).parse(copy.resolve()).examples():
        example.evaluate()
    if receiver is not None:
        receiver.wait_for(receiver.spans)


def _write_policy(example: Any) -> None:
    text = str(example.parsed)
    first = text.splitlines()[0]
    assert first.startswith("# "), f"{first!r} does not name the file that the block stands for"
    path = Path(first.removeprefix("# "))
    assert path.suffix == ".toml", first
    tomllib.loads(text)
    path.write_text(text, encoding="utf-8")
    policy = load_policy(path)
    assert policy.budgets or policy.objectives


def _typed(nox_sessions: frozenset[str]) -> Callable[[Any], None]:
    def evaluate(example: Any) -> None:
        for command, printed in _commands(str(example.parsed)):
            words = shlex.split(command, comments=True)
            while "=" in words[0]:
                assert words.pop(0).startswith(("OTEL_", "OLLAMA_")), command
            _check(words, printed, nox_sessions)

    return evaluate


def _commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with what stands below it."""
    assert block.startswith("$ "), f"a console block begins with a command: {block!r}"
    for part in block.removeprefix("$ ").split("\n$ "):
        command, _, printed = part.replace("\\\n", " ").partition("\n")
        yield command, printed


def _check(words: list[str], printed: str, nox_sessions: frozenset[str]) -> None:
    program, *rest = words
    if words[:2] == ["python3", "noxfile.py"] or words[:2] == ["nox", "-s"]:
        named = [word for word in words[2:] if not word.startswith("-")]
        assert named
        assert set(named) <= nox_sessions
    elif program in {"latency-kit", "reference-pipeline"}:
        _check_own_command(program, rest, printed)
    elif words[:2] == ["pip", "install"]:
        for wanted in rest[1:]:
            _check_extras(wanted)
    else:
        assert tuple(words[:2]) in OTHERS_COMMANDS


def _check_own_command(program: str, arguments: list[str], printed: str) -> None:
    if program == "latency-kit":
        from latency_kit.cli import main  # noqa: PLC0415  # needs an extra

        ended = click_testing.CliRunner().invoke(main, arguments)
        assert ended.exit_code == 0, ended.output
        assert not printed.strip() or ended.stdout.strip() == printed.strip()
    else:
        from reference_pipeline.cli import main as assistant  # noqa: PLC0415  # needs an extra

        context = assistant.make_context(program, list(arguments))
        # click keeps what follows a group's own options apart from them until it is invoked.
        name, command, rest = assistant.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        command.make_context(name, rest, parent=context)


def _check_extras(wanted: str) -> None:
    name, _, extras = wanted.rstrip("]").partition("[")
    assert name in {"latency-kit", "."}, wanted
    project = Path(__file__).resolve().parents[3] / "pyproject.toml"
    known = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {extra for extra in extras.split(",") if extra} <= set(known)
