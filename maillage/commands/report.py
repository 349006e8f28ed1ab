"""The command that writes a monthly report."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from maillage.commands.owner import connect
from maillage.complaint import Complaint

if TYPE_CHECKING:
    from reports.model import Stored

Format = Literal["pdf", "html", "json", "csv", "parquet"]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report", short_help="Write a monthly report as PDF, HTML or a table.")(report)


def report(
    about: Annotated[
        str, typer.Argument(metavar="PLACE", help="A place's code, `network`, or a department such as `department:87`.")
    ],
    *,
    month: Annotated[str, typer.Option(help="For example 2026-10. Default: the last month that is over.")] = "",
    language: Annotated[Literal["fr", "en"], typer.Option(help="Of the document.")] = "fr",
    format_: Annotated[Format, typer.Option("--format", help="What to write.")] = "pdf",
    table: Annotated[
        str,
        typer.Option(help="Of csv and parquet: summary, days, hours, spaces, places, refusals, categories, devices."),
    ] = "summary",
    out: Annotated[
        Path | None, typer.Option(help="The file to write. Default: PLACE-MONTH.FORMAT; `-`: to the screen.")
    ] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Count now, also where a report is stored; nothing is stored.")
    ] = False,
) -> None:
    """Write a monthly report: the version that is stored, or, where there is none yet, as it is known now.

    Settings: MAILLAGE_DATABASE_URL (as the owner of the database).

    Example: maillage report limoges --month 2026-10 --language fr --format pdf --out limoges.pdf
    """
    from reports.month import Month
    from reports.tables import NAMES

    if table not in NAMES:
        raise Complaint(f"There is no table {table!r}: choose one of {', '.join(NAMES)}.")
    at = datetime.now(UTC)
    try:
        which = Month.parsed(month) if month else Month.of(at.date()).before
    except ValueError as error:
        raise Complaint(f"{error}.") from error
    if which.first > at.date():
        raise Complaint(f"{which} has not begun yet.")
    stored = _read(about, which, at, fresh=now)
    made = _written(stored, language, format_, table)
    if out is not None and str(out) == "-":
        sys.stdout.buffer.write(made)
        return
    path = out or Path(f"{about.replace(':', '-')}-{which}.{format_}")
    path.write_bytes(made)
    kind = "provisional, not stored" if stored.number is None else f"version {stored.version}"
    print(f"{path}: {len(made)} bytes, {kind}", file=sys.stderr)


def _read(about: str, month: object, at: datetime, *, fresh: bool) -> Stored:
    from jobs.traces import KEEP
    from reports.month import Month
    from reports.reading import read_or_make

    assert isinstance(month, Month)
    with connect("report") as connection:
        found = read_or_make(connection, about, month, now=at, keep=KEEP, fresh=fresh)
    if found is None:
        raise Complaint(f"There is no {'department' if about.startswith('department:') else 'place'} {about!r}.")
    return found


def _written(stored: Stored, language: Literal["fr", "en"], format_: Format, table: str) -> bytes:
    from process.documents import as_html, as_pdf
    from reports import tables
    from reports.document import report_document

    if format_ == "json":
        return stored.model_dump_json(indent=2).encode() + b"\n"
    if format_ in ("csv", "parquet"):
        make = tables.as_csv if format_ == "csv" else tables.as_parquet
        return make(stored.report, table)  # type: ignore[arg-type]  # checked against NAMES before
    document = report_document(stored, language)
    return as_pdf(document) if format_ == "pdf" else as_html(document)
