"""`latency-kit export`: sessions and measurements for spreadsheets and HdrHistogram's tools."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from latency_kit.baseline import BaselineStore
from latency_kit.cli.baseline import FOLDER
from latency_kit.cli.command_line import FILE, click, errors_on_standard_error, main
from latency_kit.cli.export_formats import series_csv, series_hgrm, series_hlog, series_jsonl
from latency_kit.cli.exported_source import (
    ExportedSource,
    SkippedLines,
    is_jsonl,
    measurements_in,
    source_of,
)
from latency_kit.cli.output_file import refuse_source, source_file, write_whole
from latency_kit.errors import UsageError
from latency_kit.storage import JsonlReader, export_csv, write_csv
from latency_kit.storage.record import line_of
from latency_kit.storage.rotation import rotated_files

__all__: list[str] = []

_FORMATS: Mapping[str, Callable[[ExportedSource], str]] = {
    "csv": series_csv,
    "jsonl": series_jsonl,
    "hlog": series_hlog,
    "hgrm": series_hgrm,
}


@main.command()
@click.argument("source")
@click.option(
    "--to",
    "format_",
    type=click.Choice(list(_FORMATS)),
    help="By default that of the output's suffix.",
)
@click.option("-o", "--output", type=FILE, help="Write to this file instead of standard output.")
@click.option("--series", "names", multiple=True, metavar="NAME", help="Only this component.operation.")
@click.option("--rotated", is_flag=True, help="Read the older, rotated parts of a performance.jsonl first.")
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Say as JSON what was written (with --output).")
def export(
    source: str,
    *,
    format_: str | None,
    output: Path | None,
    names: tuple[str, ...],
    rotated: bool,
    folder: Path,
    as_json: bool,
) -> None:
    """Write SOURCE (a session file, a baseline, or a performance.jsonl) in a format of other tools.

    csv: a row for each series, of a performance.jsonl a row for each measurement. jsonl: the same as JSON
    objects. hlog: HdrHistogram's interval log. hgrm: HdrHistogram's percentiles of one series. Lines that are
    no measurements are left out and counted. Exit codes: 0 written, 2 wrong use or unreadable input.

    Example: latency-kit export run.json --to hgrm --series shop.pay -o pay.hgrm
    """
    with errors_on_standard_error():
        kind = format_ or ("" if output is None else output.suffix.lower().removeprefix("."))
        if kind not in _FORMATS:
            raise UsageError(f"give the format with --to, one of {', '.join(_FORMATS)}")
        if as_json and output is None:
            raise UsageError("--json says what was written to a file; give one with -o")
        path, store = Path(source), BaselineStore(folder)
        if output is not None:
            refuse_source(output, [source_file(source, store), *(rotated_files(path) if rotated else ())])
        is_calls = kind in {"csv", "jsonl"} and path.is_file() and is_jsonl(path)
        if is_calls and names:
            raise UsageError("--series chooses among the series of a session; measurements are written all")
        if is_calls:
            said, skipped = _export_calls(path, kind, output, rotated=rotated)
        else:
            found = source_of(source, store, rotated=rotated).chosen(names)
            text = _FORMATS[kind](found)
            said, skipped = f"{len(found.series)} series", found.skipped
            if output is None:
                click.echo(text, nl=False)
            else:
                # Excel knows UTF-8 by this mark; what is ASCII needs none.
                write_whole(output, text if kind != "csv" or text.isascii() else f"\ufeff{text}")
        if output is not None:
            data = {
                "path": str(output),
                "format": kind,
                "written": said,
                "skipped_bad": skipped.bad,
                "skipped_torn": skipped.torn,
            }
            click.echo(json.dumps(data, ensure_ascii=False) if as_json else f"{output}: {said}")
        if skipped and not as_json:
            click.echo(f"{source}: {skipped.describe()}", err=True)


def _export_calls(path: Path, kind: str, output: Path | None, *, rotated: bool) -> tuple[str, SkippedLines]:
    reader = JsonlReader(path, rotated=rotated)
    records = measurements_in(reader, path)
    if kind == "csv" and output is not None:
        count = export_csv(records, output)
    elif kind == "csv":
        count = write_csv(records, sys.stdout)
    else:
        lines = [line_of(record).decode("ascii") for record in records]
        count = len(lines)
        if output is None:
            click.echo("".join(lines), nl=False)
        else:
            write_whole(output, "".join(lines))
    return f"{count} {'measurement' if count == 1 else 'measurements'}", SkippedLines.of(reader)
