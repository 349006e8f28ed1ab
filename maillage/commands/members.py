"""Members, cards and passes as CSV files, through the API: what a key may change, and the audit, stay the same."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from maillage.commands.address import api_address
from maillage.complaint import Complaint

app = typer.Typer(help="Members, cards and passes as CSV files.", no_args_is_help=True)

_LONGEST_S: Final = 600
_SHOWN: Final = 50
Url = Annotated[
    str | None,
    typer.Option(
        envvar="MAILLAGE_API_URL", help="The API, like https://maillage.example.org; else the stack's that runs here."
    ),
]


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV file; - is standard input.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; show what would change.")] = False,
    skip_refused: Annotated[bool, typer.Option("--skip-refused", help="Store the lines that can be.")] = False,
    card_format: Annotated[
        str,
        typer.Option(
            help="How the card numbers are written, where a line doesn't say: uid (hexadecimal), MIFARE4-decimal, "
            "EM4100-0A-decimal (10 printed digits; 0A: the first byte, which isn't printed), H10301 (68:41551) …"
        ),
    ] = "",
    url: Url = None,
) -> None:
    """Import members, cards and passes. All lines or none; a second time changes nothing. Key: MAILLAGE_API_KEY."""
    key, url = _key(), api_address(url)
    data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    lines = max(0, data.count(b"\n"))
    print(f"{file}: about {lines} lines are sent to {url} …", file=sys.stderr)
    question = {"dry_run": str(dry_run).lower(), "skip_refused": str(skip_refused).lower(), "card_format": card_format}
    started = time.monotonic()
    status, body = _ask("POST", f"{url}/v1/members/import?{urlencode(question)}", key, data)
    report = json.loads(body)
    if "counts" not in report:
        raise Complaint(f"the import was refused ({status}): {report.get('detail', body[:200])}")
    print("\n".join(told(report)))
    print(f"{time.monotonic() - started:.1f} s", file=sys.stderr)
    if not report["stored"] and not report["dry_run"]:
        raise typer.Exit(1)


@app.command("export")
def export_file(
    file: Annotated[Path | None, typer.Argument(help="Where to write it; none: standard output.")] = None,
    *,
    excel: Annotated[
        bool, typer.Option("--excel", help="As Excel reads it in French: ; and a byte order mark.")
    ] = False,
    url: Url = None,
) -> None:
    """Export members, cards and passes, as import reads them. Key: MAILLAGE_API_KEY."""
    key, url = _key(), api_address(url)
    question = "separator=semicolon&bom=true" if excel else "separator=comma"
    status, body = _ask("GET", f"{url}/v1/members/export?{question}", key)
    if status != 200:
        raise Complaint(f"the export was refused ({status}): {json.loads(body).get('detail', '')}")
    if file is None:
        sys.stdout.buffer.write(body)
        return
    # names and addresses: for its owner only
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(body)
    lines = max(0, body.count(b"\n") - 1)
    print(f"{file}: {lines} lines", file=sys.stderr)


def told(report: Mapping[str, Any]) -> list[str]:
    """The report of an import, for a terminal: what is refused first, then what changes, at most 50 of each."""
    found: list[str] = []
    refused = [line for line in report["lines"] if line["outcome"] == "refused"]
    changed = [line for line in report["lines"] if line["outcome"] in ("created", "changed")]
    if question := report.get("question"):
        found += [question["what"]]
        found += [f"  --card-format {one['card_format']}: {one['reader_sends']}" for one in question["choices"]]
    for line in refused[:_SHOWN]:
        found += [f"line {line['line']}: {one['column'] or 'line'}: {one['what']}" for one in line["problems"]]
    found += [f"… and {len(refused) - _SHOWN} more refused lines"] if len(refused) > _SHOWN else []
    if report["dry_run"]:
        for line in changed[:_SHOWN]:
            what = "; ".join(f"{one['what']}: {one['from']!s} → {one['to']!s}" for one in line.get("changes", ()))
            if card := line.get("card"):
                what += f"; the reader sends {card['reader_sends']} ({card['format']})"
            found.append(f"line {line['line']}: {line['outcome']}: {what}")
        found += [f"… and {len(changed) - _SHOWN} more lines that change something"] if len(changed) > _SHOWN else []
    if report["ignored_columns"]:
        found.append(f"ignored columns: {', '.join(report['ignored_columns'])}")
    counts = ", ".join(f"{count} {outcome}" for outcome, count in report["counts"].items())
    state = (
        "nothing was stored (dry run)" if report["dry_run"] else "stored" if report["stored"] else "NOTHING was stored"
    )
    return [*found, f"{counts}: {state}"]


def _key() -> str:
    key = os.environ.get("MAILLAGE_API_KEY")
    if not key:
        raise Complaint("MAILLAGE_API_KEY is not set. `maillage key create NAME --role place_manager` makes a key.")
    return key


def _ask(method: str, url: str, key: str, data: bytes | None = None) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "text/csv"}
    request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310  (checked above)
    try:
        with urllib.request.urlopen(request, timeout=_LONGEST_S) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (urllib.error.URLError, TimeoutError) as error:
        raise Complaint(f"the API at {url.partition('/v1/')[0]} doesn't answer: {error}") from None
