"""``maillage gateway field``: the users of the place's own broker, and what a person types into each board."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from maillage.complaint import Complaint

app = typer.Typer()


@app.command("field", short_help="Set up the place's own broker and its boards.")
def field(
    *,
    identity: Annotated[
        Path | None, typer.Option(envvar="MAILLAGE_IDENTITY", help="The gateway's identity; else the gateways' file.")
    ] = None,
    spool: Annotated[
        Path, typer.Option(envvar="MAILLAGE_SPOOL", help="Its spool: its configuration lies beside it.")
    ] = Path("/var/lib/maillage/spool.sqlite"),
    gateways_file: Annotated[
        Path, typer.Option(envvar="MAILLAGE_GATEWAYS_FILE", help="Without an identity: gateways and devices.")
    ] = Path(".runtime/gateways.json"),
    place: Annotated[list[str] | None, typer.Option(help="Only this place's gateways; may be repeated.")] = None,
    out: Annotated[Path, typer.Option(help="The folder of the broker's files.")] = Path("/etc/mosquitto"),
    seen: Annotated[Path | None, typer.Option(help="That folder as the broker sees it, in a container.")] = None,
    data: Annotated[Path, typer.Option(help="Where the broker keeps messages.")] = Path("/var/lib/mosquitto"),
    logins: Annotated[
        Path, typer.Option(envvar="MAILLAGE_FIELD_LOGINS", help="The file of the passwords, on this machine only.")
    ] = Path("/var/lib/maillage/field-logins.json"),
    listen: Annotated[str | None, typer.Option(help="Listen on this address of the place's network only.")] = None,
    port: Annotated[int, typer.Option(help="The broker's port.")] = 1883,
    tls_port: Annotated[int, typer.Option(help="Its port with TLS; 0: none.")] = 8883,
    board: Annotated[str | None, typer.Option(help="Print only this device's login; write nothing.")] = None,
    rotate: Annotated[list[str] | None, typer.Option(help="New password for this device; may be repeated.")] = None,
    simulator: Annotated[bool, typer.Option("--simulator", help="A demo: with a user for the simulator.")] = False,
    reload: Annotated[bool, typer.Option("--reload", help="Let systemd reload the broker after a change.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the logins as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no login.")] = False,
) -> None:
    """Set up the place's own broker: a user for each board, its rights and password; print what to type into each.

    Run it again when devices were added or retired: boards keep their passwords, new ones get one, retired ones are
    shut out. It writes mosquitto.conf, acl, passwords and a certificate.

    Example: sudo maillage gateway field --identity /var/lib/maillage/identity
    """
    from maillage.field.logins import logins_of
    from maillage.field.paper import Reach, json_text, paper
    from maillage.field.passwords import read_passwords
    from maillage.field.setup import Setup, address, login_of, set_up
    from maillage.field.source import configured, read_gateways

    found_at = identity or gateways_file
    every = configured(identity, spool) if identity is not None else read_gateways(gateways_file)
    gateways = tuple(one for one in every if not place or one.place in place)
    if not gateways:
        raise Complaint(f"{found_at} holds no gateway of {', '.join(place or ['any place'])}.")
    reach = Reach(host=listen or address() or "this machine", port=port, tls_port=tls_port or None)
    certificate = str(out / "certificate.pem") if tls_port else None
    if board is not None:
        one, kept = login_of(logins_of(gateways), board), read_passwords(logins)
        if one.user not in kept:
            raise Complaint(f"{board} has no password yet: run `maillage gateway field` without --board first.")
        print(json_text([one], kept, reach) if as_json else paper([one], kept, reach, certificate))
        return
    setup = Setup(
        out=out.absolute(),
        seen=seen or out.absolute(),
        data=data,
        store=logins,
        listen=listen,
        port=port,
        tls_port=tls_port or None,
        simulator=simulator,
    )
    outcome = set_up(gateways, setup, rotate=rotate or ())
    found = outcome.found
    if not quiet:
        print(
            json_text(found.all, outcome.passwords, reach)
            if as_json
            else paper(found.all, outcome.passwords, reach, certificate)
        )
    for sentence in (*found.without, *found.shared):
        print(f"gateway field: {sentence}", file=sys.stderr)
    _follow("mosquitto", "restart" if outcome.restart else "reload" if outcome.reload else None, now=reload)
    _follow("maillage-gateway", "restart" if outcome.own_login else None, now=reload)
    if found.without:
        raise typer.Exit(1)


def _follow(unit: str, what: str | None, *, now: bool) -> None:
    """Let a service take the change in, or say how."""
    if what is None:
        return
    if now:
        verb = "try-restart" if what == "restart" else "try-reload-or-restart"
        subprocess.run(["systemctl", verb, unit], check=True)
    else:
        print(f"gateway field: something changed: systemctl {what} {unit}", file=sys.stderr)
