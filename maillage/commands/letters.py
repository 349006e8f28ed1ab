"""Dead letters: what could not be read, kept with its bytes."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from maillage.commands.owner import connect

app = typer.Typer(help="What could not be read, kept with its bytes.", no_args_is_help=True)

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


@app.command()
def count() -> None:
    """Count the letters that wait, by reason."""
    with connect("dead-letters count") as connection:
        rows = connection.execute(_COUNT).fetchall()
    for origin, reason, letters, times, last in rows:
        print(f"{letters:>8} letters ({times} times, last {last:%Y-%m-%d %H:%M:%S}Z)  {origin}: {reason}")
    if not rows:
        print("No dead letter waits.")


@app.command("list")
def show(limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20) -> None:
    """Show the newest letters: number, last time, how often, reason, gateway, sentence."""
    with connect("dead-letters list") as connection:
        rows = connection.execute(_LIST, (limit,)).fetchall()
    for number, last, times, reason, gateway, error in rows:
        print(f"{number:>8}  {last:%Y-%m-%d %H:%M:%S}Z  {times:>5}×  {reason:20}  {gateway:30}  {error}")


@app.command()
def replay(
    number: Annotated[list[int] | None, typer.Argument(help="Letters' numbers; none: all that wait.")] = None,
) -> None:
    """Ask the ingest to read letters again, once what made them unreadable is mended. It answers within seconds."""
    from ingest.replay import REQUEST

    with connect("dead-letters replay") as connection:
        asked = connection.execute(REQUEST, (number, number)).rowcount
    print(f"{asked} letters will be read again; `maillage dead-letters count` tells what is left.")
