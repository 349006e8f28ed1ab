"""The gateway's spool: reading back what was set aside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The gateway's spool.", no_args_is_help=True)


@app.callback()
def _spool() -> None:
    """The gateway's spool."""


@app.command(short_help="Read back a broken spool.")
def recover(
    file: Annotated[Path, typer.Argument(help="The file that was set aside: MAILLAGE_SPOOL with .unreadable-N.")],
    spool: Annotated[Path | None, typer.Option(help="The present spool; default: MAILLAGE_SPOOL.")] = None,
) -> None:
    """Read back a broken spool: its events that were not stored go into the present spool. The gateway must not run.

    The gateway sends them at its next start, and the centre stores none twice. Events with a wrong check sum become
    dead letters. Running it again does no harm.

    Example: maillage spool recover /var/lib/maillage/spool.sqlite.unreadable-0
    """
    from gateway.settings import GatewaySettings
    from gateway.spool.recovery import recover as run

    found, now = run(spool or GatewaySettings().spool, file)
    for one in found:
        if one.left_out is not None:
            print(f"{one.gateway}: nothing taken: {one.left_out}.")
            continue
        more = f", {one.damaged} of them damaged" if one.damaged else ""
        more += f"; {one.before} were read back before" if one.before else ""
        more += f"; of {one.gone} nothing is left" if one.gone else ""
        print(f"{one.gateway}: {one.events} events go into the spool{more}.")
    if now != file:
        print(f"The file is {now} now; nothing of it is missing.")
