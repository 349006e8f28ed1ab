"""Members, cards and passes as CSV files, through the API: what a key may change, and the audit, stay the same."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from maillage.commands.address import api_address, unanswered
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

Lang = Annotated[
    str | None, typer.Option(help="The report's language, fr or en; else the locale's (LC_ALL, LC_MESSAGES, LANG).")
]
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "sent": "lines below the first: {lines}, sent to", "import_refused": "the import was refused",
        "export_refused": "the export was refused", "lines": "lines", "line": "line",
        "more_refused": "more refused lines",
        "more_changed": "more lines that change something", "sends": "the reader sends",
        "dry": "nothing was stored (dry run)",
        "stored": "stored", "not_stored": "NOTHING was stored", "created": "created", "changed": "changed",
        "unchanged": "unchanged", "refused": "refused", "and": "and", "none": "None",
    },
    "fr": {
        "sent": "lignes après la première : {lines}, envoyées à", "import_refused": "l'import a été refusé",
        "export_refused": "l'export a été refusé", "lines": "lignes", "line": "ligne",
        "more_refused": "autres lignes refusées", "more_changed": "autres lignes qui changent quelque chose",
        "sends": "le lecteur envoie", "dry": "rien n'a été enregistré (essai)", "stored": "enregistré",
        "not_stored": "RIEN n'a été enregistré", "created": "créés", "changed": "modifiés", "unchanged": "inchangés",
        "refused": "refusés", "and": "et", "none": "rien",
    },
}  # fmt: skip


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
    encoding: Annotated[
        str,
        typer.Option(help="The file's: utf-8, utf-16, windows-1252, cp850 (DOS) or mac-roman; else it is found out."),
    ] = "",
    lang: Lang = None,
    url: Url = None,
) -> None:
    """Import members, cards and passes. All lines or none; a second time changes nothing. Key: MAILLAGE_API_KEY.

    Example: maillage members import members.csv --dry-run
    """
    key, url = _key(), api_address(url)
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise Complaint(f"cannot read {file}: {error.strerror}") from error
    language = _language(lang)
    words = _WORDS[language]
    print(f"{file}: {words['sent'].format(lines=lines_below_the_header(data))} {url} …", file=sys.stderr)
    question = {
        "dry_run": str(dry_run).lower(),
        "skip_refused": str(skip_refused).lower(),
        "card_format": card_format,
        "encoding": encoding,
    }
    started = time.monotonic()
    status, body = _ask("POST", f"{url}/v1/members/import?{urlencode(question)}", key, language, data)
    report = json.loads(body)
    if "counts" not in report:
        raise Complaint(f"{words['import_refused']} ({status}): {report.get('detail', body[:200])}")
    print("\n".join(told(report, words)))
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
    lang: Lang = None,
    url: Url = None,
) -> None:
    """Export members, cards and passes, as import reads them. Key: MAILLAGE_API_KEY.

    Example: maillage members export members.csv
    """
    key, url = _key(), api_address(url)
    question = "separator=semicolon&bom=true" if excel else "separator=comma"
    language = _language(lang)
    status, body = _ask("GET", f"{url}/v1/members/export?{question}", key, language)
    if status != 200:
        raise Complaint(f"{_WORDS[language]['export_refused']} ({status}): {json.loads(body).get('detail', '')}")
    if file is None:
        sys.stdout.buffer.write(body)
        return
    # names and addresses: for its owner only
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(body)
    print(f"{file}: {lines_below_the_header(body)} {_WORDS[language]['lines']}", file=sys.stderr)


def lines_below_the_header(data: bytes) -> int:
    """Count the lines of a CSV file below the one that names the columns."""
    return max(0, sum(1 for line in data.splitlines() if line.strip(b"\0 \t\xff\xfe")) - 1)


def told(report: Mapping[str, Any], words: Mapping[str, str] = _WORDS["en"]) -> list[str]:
    """The report of an import, for a terminal: what was chosen, dropped, refused, changed; at most 50 lines of each."""
    found: list[str] = list(report["notes"])
    refused = [line for line in report["lines"] if line["outcome"] == "refused"]
    changed = [line for line in report["lines"] if line["outcome"] in ("created", "changed")]
    if question := report.get("question"):
        found += [question["what"]]
        found += [f"  --card-format {one['card_format']}: {one['reader_sends']}" for one in question["choices"]]
    for line in refused[:_SHOWN]:
        at = f"{words['line']} {line['line']}"
        found += [f"{at}: {one['column'] or words['line']}: {one['what']}" for one in line["problems"]]
    found += _more(refused, words, "more_refused")
    for line in changed[:_SHOWN] if report["dry_run"] else ():
        what = "; ".join(_change(one, words) for one in line.get("changes", ()))
        if card := line.get("card"):
            what += f"; {words['sends']} {card['reader_sends']} ({card['format']})"
        found.append(f"{words['line']} {line['line']}: {words[line['outcome']]}: {what}")
    found += _more(changed, words, "more_changed") if report["dry_run"] else []
    counts = ", ".join(f"{count} {words[outcome]}" for outcome, count in report["counts"].items())
    state = "dry" if report["dry_run"] else "stored" if report["stored"] else "not_stored"
    return [*found, f"{counts}: {words[state]}"]


def _change(one: Mapping[str, Any], words: Mapping[str, str]) -> str:
    was, becomes = (words["none"] if one[name] is None else one[name] for name in ("from", "to"))
    return f"{one['what']}: {was} → {becomes}"


def _more(lines: Sequence[Any], words: Mapping[str, str], which: str) -> list[str]:
    return [f"… {words['and']} {len(lines) - _SHOWN} {words[which]}"] if len(lines) > _SHOWN else []


def _language(asked: str | None) -> str:
    """The language asked for, else the locale's, else English.

    Raises:
        Complaint: there is no such language.
    """
    if asked is not None and asked not in _WORDS:
        raise Complaint(f"--lang {asked}: there are en and fr.")
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return asked or ("fr" if locale.lower().startswith("fr") else "en")


def _key() -> str:
    key = os.environ.get("MAILLAGE_API_KEY")
    if not key:
        raise Complaint("MAILLAGE_API_KEY is not set. `maillage key create NAME --role place_manager` makes a key.")
    return key


def _ask(method: str, url: str, key: str, language: str, data: bytes | None = None) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "text/csv", "Accept-Language": language}
    request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310  (checked above)
    try:
        with urllib.request.urlopen(request, timeout=_LONGEST_S) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (urllib.error.URLError, TimeoutError) as error:
        raise unanswered(url.partition("/v1/")[0], error) from None
