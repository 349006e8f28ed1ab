"""Dead letters: what could not be read, kept with its bytes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from maillage.commands.owner import connect, database_url
from maillage.complaint import Complaint

app = typer.Typer(help="Messages and events that could not be read or stored.", no_args_is_help=True)

_LIST: Final = """
-- the newest letters that wait
SELECT d.id, d.last_at, d.times, d.reason, coalesce(g.code, '?'), d.error
FROM dead_letter d LEFT JOIN gateway g ON g.id = d.gateway
WHERE d.replayed_at IS NULL ORDER BY d.last_at DESC LIMIT %s
"""
_COUNT: Final = """
-- how many wait, by reason
SELECT origin, reason, count(*), sum(times), max(last_at) FROM dead_letter WHERE replayed_at IS NULL
GROUP BY origin, reason ORDER BY 3 DESC
"""
_EXCESS: Final = """
-- what was only counted, beyond what is kept of a gateway
SELECT g.code, x.day, x.reason, x.events, x.first_seq, x.last_seq, x.error
FROM dead_letter_excess x JOIN stream s ON s.id = x.stream JOIN gateway g ON g.id = s.gateway
ORDER BY x.last_at DESC, x.events DESC LIMIT 50
"""


@app.command(short_help="Count the letters that wait, by reason.")
def count() -> None:
    """Count the letters that wait, by reason, and the events that were only counted.

    Example: maillage dead-letters count
    """
    with connect("dead-letters count") as connection:
        rows = connection.execute(_COUNT).fetchall()
        beyond = connection.execute(_EXCESS).fetchall()
    for origin, reason, letters, times, last in rows:
        print(f"{letters:>8} letters ({times} times, last {last:%Y-%m-%d %H:%M:%S}Z)  {origin}: {reason}")
    if not rows:
        print("No dead letter waits.")
    for gateway, day, reason, events, first, last, error in beyond:
        print(f"{events:>8} not kept  {day}  {gateway}: {reason}, numbers {first} to {last}; the last: {error}")


@app.command("list", short_help="Show the newest letters that wait.")
def show(limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20) -> None:
    """Show the newest letters: number, last time, how often, reason, gateway, sentence.

    Example: maillage dead-letters list
    """
    with connect("dead-letters list") as connection:
        rows = connection.execute(_LIST, (limit,)).fetchall()
    for number, last, times, reason, gateway, error in rows:
        print(f"{number:>8}  {last:%Y-%m-%d %H:%M:%S}Z  {times:>5}×  {reason:20}  {gateway:30}  {error}")


@app.command(short_help="Have the ingest read letters again.")
def replay(
    number: Annotated[list[int] | None, typer.Argument(help="Letters' numbers; none: all that wait.")] = None,
    wait: Annotated[float, typer.Option(min=1, help="Seconds to wait for the ingest while nothing is read.")] = 30.0,
) -> None:
    """Have the ingest read letters again, once the cause is fixed, and report the result.

    Their events are stored at their own time; the present changes only where nothing newer was heard. Exit code 1
    where a letter was not read. Settings: MAILLAGE_DATABASE_URL (as the owner of the database).

    Example: maillage dead-letters replay 17
    """
    from ingest.dead_letters import replay as run

    outcome = run(database_url(), number, wait_s=wait, log=lambda line: print(line, file=sys.stderr))
    if not outcome.requested:
        which = "none of these letters" if number else "no letter that waits"
        raise Complaint(
            f"{which} can be read again: only letters of the ingest that hold one event can (`maillage dead-letters "
            "list`). What a device said goes through its driver again by `maillage dead-letters export` and "
            "`maillage replay`; a whole message comes again by itself."
        )
    print(f"{outcome.read} of {outcome.requested} letters were read and are events now.")
    for reason, letters in outcome.refused.items():
        print(f"{letters} still can't be read: {reason}. `maillage dead-letters list` says why.")
    if outcome.waiting:
        raise Complaint(
            f"{outcome.waiting} letters were not read within {wait:g} s: no ingest runs for their shards, or it can "
            "store nothing (`maillage doctor`, /readyz). They stay requested and are read as soon as it can."
        )
    left_out = len(set(number or ())) - outcome.requested
    if left_out > 0:
        raise Complaint(
            f"{left_out} of these letters can't be read again, or don't exist: `maillage dead-letters list`."
        )
    if outcome.refused:
        raise typer.Exit(1)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to write it: a recording for `maillage replay`.")],
) -> None:
    """Write device messages that no driver could read to a recording. Settings: MAILLAGE_DATABASE_URL.

    Example: maillage dead-letters export said.jsonl
    """
    from ingest.dead_letters import export as run

    print(f"{run(database_url(), file)} messages written to {file}")
