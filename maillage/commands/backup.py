"""A record of backups, which the operator's own script makes: Grafana's alert on their age reads it."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from maillage.commands.owner import connect

# A backup is finished now.
_FINISHED: Final = "INSERT INTO backup (bytes, kept_at) VALUES (%s, %s)"


def backed_up(
    size: Annotated[int | None, typer.Option("--bytes", min=0, help="How large it is.")] = None,
    kept_at: Annotated[str | None, typer.Option("--at", help="Where it is kept, in your words.")] = None,
) -> None:
    """Write down that a backup of the database is finished: the last line of your backup script.

    Grafana's alert rule "Backup too old" reads it. Settings: MAILLAGE_DATABASE_URL (as the owner).

    Example: pg_dump -Fc -f dump "$MAILLAGE_DATABASE_URL" && maillage backed-up --bytes "$(stat -c %s dump)" --at nas
    """
    with connect("backed-up") as connection, connection.transaction():
        connection.execute(_FINISHED, (size, kept_at))


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="backed-up", short_help="Write down that a backup is finished.")(backed_up)
