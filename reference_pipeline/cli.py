"""`reference-pipeline demo | run | serve | devices`. Options and exit codes; the rest lives elsewhere.

Exit codes: 0 all budgets met, 1 a budget breached, 2 wrong use (one line on standard error says what).
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from latency_kit.errors import LatencyKitError, MissingExtraError, PolicyError
from reference_pipeline.ports import AudioSource, PipelineError
from reference_pipeline.results import EXIT_USAGE, RunResult
from reference_pipeline.settings import Settings

try:
    import click
except ImportError as missing:
    raise MissingExtraError("click", "cli") from missing

__all__ = ["main"]

_FILE = click.Path(path_type=Path)

_EXIT_INTERRUPTED = 130
"""Ctrl-C: 128 and the number of SIGINT, as shells have it."""


class _NewFile(click.Path):
    """A file to be written at the end of the run: checked before it, so that no run is for nothing."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            self.fail(f"{path}: there is no directory {path.parent}; make it first", param, ctx)
        return path


class _OneLineErrors(click.Group):
    """A group whose wrong use is told in one line, as every other error is."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command that the arguments name, and leave with its exit code."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as asked:
            click.echo(asked.ctx.get_help() if asked.ctx else asked.format_message(), err=True)
            sys.exit(EXIT_USAGE)
        except click.ClickException as error:
            context = error.ctx if isinstance(error, click.UsageError) else None
            path = context.command_path if context is not None else "reference-pipeline"
            _refuse(f"{' '.join(error.format_message().split())} (try: {path} --help)")
        except click.Abort:
            click.echo("reference-pipeline: interrupted", err=True)
            sys.exit(_EXIT_INTERRUPTED)
        sys.exit(code if isinstance(code, int) else 0)


_NEW_FILE = _NewFile(dir_okay=False, writable=True)

_OPTIONS = (
    click.option("--json", "json_file", type=_NEW_FILE, help="Write the run as JSON to this file."),
    click.option(
        "--report",
        "report_file",
        type=_NEW_FILE,
        default=Path("performance-report.md"),
        show_default=True,
        help="Write the report as Markdown to this file.",
    ),
    click.option("--engine", help="faster-whisper or pocketsphinx; by default whichever has a model here."),
    click.option("--model", default=Settings().model, show_default=True, help="Size of the Whisper model."),
    click.option("--model-directory", type=_FILE, help="Directory of a Whisper model (CTranslate2)."),
    click.option("--notes", type=_FILE, help="Directory of your own notes (*.md); a small set is bundled."),
    click.option(
        "--domain-words/--no-domain-words",
        default=Settings().domain_words,
        show_default=True,
        help="Have pocketsphinx expect the words and phrases of the notes.",
    ),
    click.option("--budgets", type=_FILE, help="Budget policy file (TOML); one is bundled."),
    click.option("--cloud-model", default=Settings().cloud_model, show_default=True, help="Ollama Cloud's."),
    click.option("--small-cloud-model", help="Asked at Ollama Cloud instead when time is short."),
    click.option("--local-model", default=Settings().local_model, show_default=True, help="Local Ollama's."),
    click.option("--small-local-model", help="Asked at local Ollama instead when time is short."),
    click.option("--offline", is_flag=True, help="Answer from notes only; ask no Ollama."),
    click.option("--host", default="127.0.0.1", show_default=True, help="Address of the page."),
    click.option("--token", help="What viewers must know; needed where --host is not this machine."),
    click.option("--page/--no-page", "serve", default=True, help="Serve the page, or only print."),
    click.option("--jsonl", type=_NEW_FILE, help="Append every measurement to this performance.jsonl."),
    click.option("--session", type=_NEW_FILE, help="Write the run as a session file (`latency-kit report`)."),
    click.option("--otlp", "endpoint", help="OTLP endpoint, such as http://localhost:4317."),
    click.option("--protocol", help="OTLP protocol: grpc or http/protobuf."),
)


def _run_options(*, port: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options that both commands share; only the page's default port differs."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        given = click.option(
            "--port", type=int, default=port, show_default=True, help="The page's port; 0: any."
        )
        for option in reversed((*_OPTIONS, given)):
            command = option(command)
        return command

    return add


@click.group(
    "reference-pipeline", cls=_OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option("-v", "--verbose", is_flag=True, help="Also say which single calls were over their budgets.")
@click.version_option(package_name="latency-kit")
def main(*, verbose: bool) -> None:
    """Answer spoken questions, and measure every step from the last spoken word to the painted answer."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("latency_kit.budget").setLevel(logging.WARNING if verbose else logging.ERROR)


@main.command()
@_run_options(port=0)
def demo(json_file: Path | None, report_file: Path, **chosen: Any) -> None:
    """Replay the bundled interview at the pace it was spoken in, answer its questions, and report.

    Example: reference-pipeline demo --json demo.json
    """
    with _errors_in_one_line():
        from reference_pipeline.composition import compose_source  # noqa: PLC0415  # seconds of imports
        from reference_pipeline.interview.manifest import load_manifest, recording_path  # noqa: PLC0415  # same

        source = compose_source(recording_path())
        result = _run(
            Settings(**chosen), source, title="Demo interview", duration_s=load_manifest().duration_s
        )
        _tell(result, json_file, report_file, chosen["session"])
    sys.exit(result.exit_code)


@main.command()
@click.option("--audio", type=_FILE, help="A recording (WAV or FLAC) instead of the microphone.")
@click.option("--device", help="Microphone, by number or a part of its name; see `devices`.")
@click.option(
    "--interviewer",
    type=click.Choice(("left", "right")),
    help="In stereo: the channel of who asks; the other is yours, and triggers nothing.",
)
@click.option("--own-device", help="A second device that hears you; what you say triggers nothing.")
@click.option("--once", is_flag=True, help="End when the recording has been heard and answered.")
@_run_options(port=8765)
def run(
    *,
    audio: Path | None,
    device: str | None,
    interviewer: str | None,
    own_device: str | None,
    once: bool,
    json_file: Path | None,
    report_file: Path,
    **chosen: Any,
) -> None:
    """Listen to the microphone or to a recording, and serve the page until stopped.

    Example: reference-pipeline run --audio interview.wav --once
    """
    if once and audio is None:
        raise click.UsageError("--once needs --audio FILE: a microphone has no end")
    with _errors_in_one_line():
        from reference_pipeline.composition import compose_source  # noqa: PLC0415  # seconds of imports

        source = compose_source(audio, device, interviewer=interviewer, own_device=own_device)
        title = f"Run over {source.name}"
        result = _run(Settings(**chosen), source, title=title, stay=audio is not None and not once)
        _tell(result, json_file, report_file, chosen["session"])
    sys.exit(result.exit_code)


@main.command()
@click.option(
    "--sessions",
    type=click.IntRange(min=1),
    default=Settings().sessions,
    show_default=True,
    help="Speakers at a time; further ones are refused.",
)
@_run_options(port=8765)
def serve(sessions: int, json_file: Path | None, report_file: Path, **chosen: Any) -> None:
    """Hear speakers that connect over WebSockets, each in a session of its own, until stopped.

    Example: reference-pipeline serve --sessions 4 --offline
    """
    if not chosen["serve"]:
        raise click.UsageError("serve needs its page: speakers come in by it; leave --no-page out")
    with _errors_in_one_line():
        from reference_pipeline.serve import serve_speakers  # noqa: PLC0415  # seconds of imports

        result = asyncio.run(serve_speakers(Settings(sessions=sessions, **chosen)))
        _tell(result, json_file, report_file, chosen["session"])
    sys.exit(result.exit_code)


@main.command()
def devices() -> None:
    """List the microphones.

    Example: reference-pipeline devices
    """
    with _errors_in_one_line():
        from reference_pipeline.capture.microphone_source import input_devices  # noqa: PLC0415  # an extra

        found = input_devices()
        if not found:
            click.echo("no input device was found; plug a microphone in", err=True)
        for device in found:
            click.echo(f"{device.index:>3}  {device.name}  ({device.sample_rate} Hz)")


def _run(
    settings: Settings,
    source: AudioSource,
    *,
    title: str,
    duration_s: float | None = None,
    stay: bool = False,
) -> RunResult:
    from reference_pipeline.runs import run_assistant  # noqa: PLC0415  # seconds of imports

    return asyncio.run(run_assistant(settings, source, title=title, duration_s=duration_s, stay=stay))


def _tell(result: RunResult, json_file: Path | None, report_file: Path, session_file: Path | None) -> None:
    from latency_kit.baseline import StoredSession, current_commit, write_session  # noqa: PLC0415  # few want it
    from latency_kit.report import print_report, render_markdown  # noqa: PLC0415  # extras

    session = result.session()
    click.echo()
    print_report(session)
    report_file.write_text(render_markdown(session), encoding="utf-8")
    click.echo(f"report: {report_file}")
    if session_file is not None:
        write_session(StoredSession(session=session, commit=current_commit()), session_file)
        click.echo(f"session: {session_file}")
    if json_file is not None:
        result.write_json(json_file)
        click.echo(f"data: {json_file}")


@contextlib.contextmanager
def _errors_in_one_line() -> Iterator[None]:
    try:
        yield
    except PolicyError as error:
        _refuse(str(error))
    except (PipelineError, LatencyKitError) as error:
        _refuse(" ".join(str(error).split()))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _refuse(f"{where}{error.strerror or error}")


def _refuse(reason: str) -> NoReturn:
    click.echo(f"reference-pipeline: {reason}", err=True)
    sys.exit(EXIT_USAGE)
