"""Imports a file, all or nothing, and reports each line; a dry run does the same and rolls back."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import psycopg

from api.audit.entries import note_reading
from api.http.limits import TAKEN, UNSTORED_IMPORTS, Tries
from api.http.session import Session
from api.transfer.card_column import FormatQuestion, study
from api.transfer.columns import Columns, read_header
from api.transfer.lines import Line, LineProblem, cell_of, read_line
from api.transfer.plan import Plan, make_plan
from api.transfer.report import LineReport, counts, line_as_json, notes_of, question_as_json
from api.transfer.store import Hidden, load_known, write
from api.transfer.text import Table, read_table
from rights.card_secret import CardKeys

_ROUNDS: Final = 3
_MOST_HIDDEN: Final = 10
"""How many lines are refused one by one for data that this key doesn't see: more would reveal which numbers exist."""
_TAKEN_ADDRESS: Final = LineProblem(column="email", what="a member whom this key doesn't see has this address")
_TAKEN_CARD: Final = LineProblem(
    column="card", what="a member whom this key doesn't see has this card, or it was changed just now"
)
_SEVERAL_TAKEN: Final = LineProblem(
    column=None,
    what="several cards or addresses of this file belong to members whom this key doesn't see, so that none of its new "
    "ones is taken: ask a network administrator to import it",
)
_ELSEWHERE: Final = LineProblem(
    column="member", what="this key may not change this member, or it has just been changed: try again"
)
_HOLDS_ELSEWHERE: Final = LineProblem(
    column="pass", what="this pass holds at other places as well: this key may not change it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A parsed file."""

    table: Table
    columns: Columns
    lines: Sequence[Line]
    question: FormatQuestion | None = None
    """If the card numbers may be decimal or hexadecimal."""


def parse(data: bytes, keys: CardKeys, default_format: str, encoding: str = "") -> Parsed:
    """Parse a file's lines, each with its problems.

    Raises:
        FileRefused: it isn't a table of members.
    """
    table = read_table(data, encoding)
    header = read_header(table.header)
    columns = header.at
    ragged = dict(table.ragged)
    lines = []
    numbers = (
        (number, text, cell_of(cells, columns, "card_format"))
        for number, cells in table.lines
        if (text := cell_of(cells, columns, "card"))
    )
    cards, asked = study(numbers, default_format)
    for number, cells in table.lines:
        line = read_line(number, cells, columns, keys=keys, cards=cards)
        if number in ragged:
            what = f"the line has {ragged[number]} cells, the header {len(table.header)}: is a separator not quoted?"
            line = replace(line, wrong=(*line.wrong, LineProblem(column=None, what=what)))
        lines.append(line)
    return Parsed(table=table, columns=header, lines=lines, question=asked)


async def import_lines(
    s: Session, parsed: Parsed, tries: Tries, *, dry_run: bool, skip_refused: bool
) -> tuple[bool, dict[str, Any]]:
    """Import ``parsed``. Return whether it was stored, and the report.

    An import that stores nothing is audited with its counts, and limited: it shows which cards and addresses exist.

    A refused line stops the import unless ``skip_refused``. Rows are written in any case, since only the database knows
    all conflicts, and rolled back if they must not stay.
    """
    for limit in (UNSTORED_IMPORTS, TAKEN):
        tries.check(limit, s.caller.id)
    tries.count(UNSTORED_IMPORTS, s.caller.id)
    lines = parsed.lines
    hidden_ones = 0
    known = await load_known(s, lines)
    kept, plan = False, Plan()
    for _ in range(_ROUNDS):
        plan = await asyncio.to_thread(make_plan, lines, known, new_ref=_new_ref)
        kept = not dry_run and (skip_refused or not plan.refused)
        async with s.conn.transaction():
            hidden = await write(s, plan)
            if hidden or not kept:
                raise psycopg.Rollback
        if not hidden:
            break
        hidden_ones += len(hidden.taken(plan))
        several = hidden_ones > _MOST_HIDDEN
        lines = [_marked(line, one, plan, hidden, several) for line, one in zip(lines, plan.reports, strict=True)]
        kept = False
    tries.count(TAKEN, s.caller.id, min(hidden_ones, _MOST_HIDDEN))
    if kept:
        tries.give_back(UNSTORED_IMPORTS, s.caller.id)
    if not kept or hidden_ones:
        taken = min(hidden_ones, _MOST_HIDDEN + 1)
        found = {"lines": len(lines), "refused": plan.refused, "taken": taken, "dry_run": dry_run, "stored": kept}
        await note_reading(s, "tried import", "network", detail=found)
    return kept, await asyncio.to_thread(_report, parsed, plan, stored=kept, dry_run=dry_run)


def _marked(line: Line, report: LineReport, plan: Plan, hidden: Hidden, several: bool) -> Line:
    wrong = list(line.wrong)
    if several and (report.member in plan.new_members or line.lookup in plan.new_cards):
        return replace(line, wrong=(_SEVERAL_TAKEN,))
    if report.member in hidden.members:
        wrong.append(_TAKEN_ADDRESS if report.member in plan.new_members else _ELSEWHERE)
    if line.lookup in hidden.cards:
        wrong.append(_TAKEN_CARD)
    if report.pass_ref in hidden.passes:
        wrong.append(_HOLDS_ELSEWHERE)
    return replace(line, wrong=tuple(wrong))


def _report(parsed: Parsed, plan: Plan, *, stored: bool, dry_run: bool) -> dict[str, Any]:
    unmade = () if stored else plan.new_members.keys()
    return {
        "notes": notes_of(parsed.table, parsed.columns, plan.pass_notes),
        "dry_run": dry_run,
        "stored": stored,
        "encoding": parsed.table.encoding,
        "separator": parsed.table.delimiter,
        "ignored_columns": list(parsed.columns.ignored),
        "counts": counts(plan.reports),
        "new_organisations": list(plan.organisations.values()),
        "question": parsed.question and question_as_json(parsed.question),
        "lines": [
            # the reading of a number is shown only before it is stored
            line_as_json(one, unmade=unmade, card=line if dry_run else None)
            for line, one in zip(parsed.lines, plan.reports, strict=True)
        ],
    }


def _new_ref(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(8)}"
