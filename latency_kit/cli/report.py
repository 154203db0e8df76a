"""`latency-kit report`: what a session says, as text, Markdown or one HTML page."""

import io
import json
from dataclasses import asdict
from pathlib import Path

from latency_kit.baseline import BaselineStore, Comparison, StoredSession, compare
from latency_kit.budget import Verdict
from latency_kit.cli.baseline import AS_JSON, DIFFERENT, FOLDER, TOLERANCE
from latency_kit.cli.command_line import (
    EXIT_BREACHED,
    EXIT_MET,
    FILE,
    click,
    errors_on_standard_error,
    main,
)
from latency_kit.cli.output_file import refuse_source, source_file, write_whole
from latency_kit.errors import UsageError
from latency_kit.report import compose, print_report, render_markdown

__all__: list[str] = []

_SUFFIXES = {".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html"}

_COLUMNS_OF_A_FILE = 100


@main.command()
@click.argument("session")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "markdown", "html"]),
    help="By default that of the output's suffix (.md, .html), else text.",
)
@click.option("-o", "--output", type=FILE, help="Write to this file instead of standard output.")
@click.option("--baseline", "against", metavar="OTHER", help="Lay this session or baseline over it.")
@TOLERANCE
@DIFFERENT
@FOLDER
@AS_JSON
def report(
    session: str,
    *,
    format_: str | None,
    output: Path | None,
    against: str | None,
    tolerance: float,
    allow_different: bool,
    folder: Path,
    as_json: bool,
) -> None:
    """Report on SESSION, a session file or the name of a baseline.

    Exit code 1 if a budget is breached, or anything is slower than in the baseline.

    Example: latency-kit report run.json --baseline main -o report.html
    """
    with errors_on_standard_error():
        if as_json and format_ is not None:
            raise UsageError("--json and --format exclude each other; leave one out")
        store = BaselineStore(folder)
        if output is not None:
            read = [session] if against is None else [session, against]
            refuse_source(output, [source_file(called, store) for called in read])
        stored = store.find(session)
        before = None if against is None else store.find(against)
        compared = (
            None
            if before is None
            else compare(before, stored, tolerance=tolerance, allow_different=allow_different)
        )
        kind = "json" if as_json else format_ or _kind_of(output)
        called = against or ""
        if output is not None:
            write_whole(output, _rendered(kind, stored, compared, before, called))
            click.echo(f"{output}: {kind} report of {session}", err=as_json)
        elif kind == "text":
            print_report(stored.session, comparison=compared, baseline=called)  # in colour on a terminal
        else:
            click.echo(_rendered(kind, stored, compared, before, called), nl=False)
    breached = any(one.verdict is Verdict.BREACHED for one in stored.session.evaluations)
    regressed = compared is not None and compared.regressed
    raise SystemExit(EXIT_BREACHED if breached or regressed else EXIT_MET)


def _kind_of(output: Path | None) -> str:
    return "text" if output is None else _SUFFIXES.get(output.suffix.lower(), "text")


def _rendered(
    kind: str,
    stored: StoredSession,
    compared: Comparison | None,
    before: StoredSession | None,
    called: str,
) -> str:
    session = stored.session
    if kind == "markdown":
        return render_markdown(session, comparison=compared, baseline=called)
    if kind == "html":
        from latency_kit.report.html import render_html  # noqa: PLC0415  # half a second, and an extra

        return render_html(session, comparison=compared, baseline=before, baseline_name=called)
    if kind == "json":
        content = asdict(compose(session, comparison=compared, baseline=called))
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    text = io.StringIO()
    print_report(session, file=text, width=_COLUMNS_OF_A_FILE, comparison=compared, baseline=called)
    return text.getvalue()
