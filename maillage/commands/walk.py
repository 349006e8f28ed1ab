"""A walk along the audit's chain for the command line: with progress, and checked against receipts."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from maillage.commands.owner import connect
from maillage.complaint import Complaint

if TYPE_CHECKING:
    from database.chain import Checked
    from maillage.receipts import Receipt

_PROGRESS_EVERY: Final = 100_000
_BATCH: Final = 5_000


@dataclass(slots=True, kw_only=True)
class Walk:
    """A chain that is right."""

    state: Checked
    chain: bytes | None = None
    """The hash of line 1; None: the walk began later, or there is no line."""
    at_us: int | None = None
    """When the last line was written, in microseconds since 1970."""
    hashes: dict[int, bytes] = field(default_factory=dict)
    """Of the lines that receipts name, as far as the walk met them."""


def follow(command: str, receipts: Mapping[Path, Receipt], *, first: int = 1, expect: bytes | None = None) -> Walk:
    """Follow the chain from line ``first`` on, and compare it with ``receipts`` (by the file's name, for messages).

    Raises:
        Complaint: a line is wrong, or the chain doesn't continue the one of a receipt.
    """
    from database.chain import LINES, Checked, Line, check

    numbers = {one.line for one in receipts.values()}
    for path, receipt in receipts.items():
        if receipt.line < first:
            raise Complaint(f"{path} is of line {receipt.line}: begin there or before it, or leave --from out.")
    walk = Walk(state=Checked(met=expect is None))
    with connect(command) as connection, connection.cursor(name="audit_walk") as cursor:
        cursor.itersize = _BATCH
        cursor.execute(LINES, (first,))

        def lines() -> Iterator[Line]:
            for row in cursor:
                line = Line(*row)
                if line.id == 1:
                    walk.chain = line.hash
                if line.id in numbers:
                    walk.hashes[line.id] = line.hash
                walk.at_us = line.at_us
                yield line

        for walk.state in check(lines(), first=first, expect=expect):
            if walk.state.lines % _PROGRESS_EVERY == 0 and walk.state.broken is None:
                print(f"{walk.state.lines:,} lines are right so far", file=sys.stderr, flush=True)
    if walk.state.broken is not None:
        number, wrong = walk.state.broken
        raise Complaint(
            f"the audit is broken at line {number}: {wrong}. {walk.state.lines:,} lines before it are right."
        )
    for path, receipt in receipts.items():
        _agree(path, receipt, walk)
    return walk


def _agree(path: Path, receipt: Receipt, walk: Walk) -> None:
    from maillage.receipts import contradiction

    head = 0 if walk.state.head is None else walk.state.head[0]
    wrong = contradiction(receipt, chain=walk.chain, head=head, digest=walk.hashes.get(receipt.line))
    if wrong is not None:
        raise Complaint(f"the audit does not agree with {path}: {wrong}.")
