"""The network's certificate authority: made, shown, changed; the certificates of its processes and of the broker."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from maillage.complaint import Complaint

app = typer.Typer(no_args_is_help=True)

Directory = Annotated[Path, typer.Option("--authority", envvar="MAILLAGE_AUTHORITY", help="The authority's folder.")]


@app.command("create", short_help="Make the network's certificate authority.")
def create(directory: Annotated[Path, typer.Argument(help="The folder to make; the rights process reads it.")]) -> None:
    """Make the authority: two keys (ECDSA P-256), two certificates of ten years; for gateways and for processes.

    Only the rights process needs the folder: set MAILLAGE_AUTHORITY there. Keep a copy of it where no server is.

    Example: maillage authority create /etc/maillage/authority
    """
    from maillage.authority import create as make

    make(directory, datetime.now(UTC))
    print(f"{directory}: set MAILLAGE_AUTHORITY={directory.absolute()} for the rights process, and for it alone.")


@app.command("issue", short_help="Make a certificate of a process or of the broker.")
def issue(
    name: Annotated[str, typer.Argument(help="ingest, rights or broker.")],
    out: Annotated[Path, typer.Argument(help="The folder to write key and certificate into.")],
    *,
    host: Annotated[
        list[str] | None, typer.Option(help="Of the broker: a name or address that it is reached by; repeatable.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it holds.")] = 365,
    directory: Directory,
) -> None:
    """Make a key and a certificate: for ingest or rights (MAILLAGE_MQTT_TLS), or for the central broker.

    A new one in the same folder replaces the one before: a process takes it when it next connects, Mosquitto at SIGHUP.

    Example: maillage authority issue broker /etc/mosquitto/maillage/server --host broker.example.org
    """
    from datetime import timedelta

    from maillage.authority import issue_process, issue_server

    now, life = datetime.now(UTC), timedelta(days=days)
    if name == "broker":
        if not host:
            raise Complaint("say by which names the broker is reached: --host broker.example.org")
        until = issue_server(directory, host, out, now=now, life=life)
    else:
        until = issue_process(directory, name, out, now=now, life=life)
    print(f"{out}: a certificate for {name}, good until {until:%Y-%m-%d}")


@app.command("reissue", short_help="Make certificates of processes and broker again.")
def reissue(
    folder: Annotated[Path, typer.Argument(help="The folder that `maillage init` made.")] = Path("/etc/maillage"),
    *,
    every: Annotated[bool, typer.Option("--all", help="All, not only those that end within 90 days.")] = False,
) -> None:
    """Make the certificates of ingest, rights and the broker again that end soon, or that the key before has signed.

    Nothing is interrupted. maillage-certificates.timer does it each week.

    Example: maillage authority reissue /etc/maillage
    """
    from maillage.reissue import BROKER, held, reload
    from maillage.reissue import reissue as make

    made = make(folder.absolute(), datetime.now(UTC), every=every)
    for one in held(folder.absolute()):
        state = "made again" if one.whose in {other.whose for other in made} else "kept"
        print(f"{one.whose}: {state}, good until {one.until:%Y-%m-%d}")
    if BROKER in {one.whose for one in made} and not reload(folder.absolute()):
        print("The broker doesn't run here by this folder: send Mosquitto SIGHUP, so that it reads its certificate.")


@app.command("renew", short_help="Begin to change the authority's keys.")
def renew(directory: Directory) -> None:
    """Make new keys, which sign from now on; the ones before are believed until `maillage authority finish`.

    Gateways fetch a new certificate by themselves within minutes, or when they are back (docs/enrolment.md).

    Example: maillage authority renew --authority /etc/maillage/authority
    """
    from maillage.authority import renew as begin

    begin(directory, datetime.now(UTC))
    print("New keys sign now. When `maillage authority show` says that no gateway has a certificate of the key before,")
    print("`maillage authority reissue` makes the broker's and the processes' again, then `maillage authority finish`.")


@app.command("finish", short_help="End the change of the authority's keys.")
def finish(directory: Directory) -> None:
    """Stop believing the keys before. Gateways that still have a certificate of those must join again.

    Example: maillage authority finish --authority /etc/maillage/authority
    """
    from maillage.authority import finish as end

    end(directory)
    print("Only the new keys are believed now.")


@app.command("list-key", short_help="Change the key that signs lists.")
def list_key(
    file: Annotated[Path, typer.Argument(help="The rights process' settings, like /etc/maillage/rights.env.")],
    *,
    end: Annotated[bool, typer.Option("--finish", help="Let the next key sign.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also where gateways don't believe it yet.")] = False,
) -> None:
    """Change the key that signs access lists, orders and configurations, without a gap: two are believed meanwhile.

    First without an option, then, once every gateway has its configuration, with --finish (MAILLAGE_DATABASE_URL says
    who has it). Restart the rights process after each.

    Example: maillage authority list-key /etc/maillage/rights.env
    """
    from maillage.commands.owner import connect
    from maillage.signing_key import begin, finish

    if end:
        with connect("authority list-key") as connection:
            finish(file, connection, anyway=anyway)
        print(f"{file}: restart the rights process: the next key signs then, and is the only one.")
    else:
        begin(file)
        print(f"{file}: restart the rights process: gateways are given both keys then. After that: --finish")


@app.command("show", short_help="Show the authority and how many certificates it has issued.")
def show(directory: Directory) -> None:
    """Show each key's certificate; with MAILLAGE_DATABASE_URL set, also how many gateways have certificates of it.

    Example: maillage authority show --authority /etc/maillage/authority
    """
    import os

    from maillage.commands.owner import connect
    from rights.authority import PROCESSES, load, name_of

    held: dict[str, int] = {}
    counted = bool(os.environ.get("MAILLAGE_DATABASE_URL"))
    if counted:
        with connect("authority show") as connection:
            held = dict(connection.execute(_HELD).fetchall())
    for folder, of in ((directory, "gateways"), (directory / PROCESSES, "processes")):
        for number, signer in enumerate(load(folder).signers):
            name = name_of(signer.certificate)
            state = "signs" if number == 0 else "is believed until `maillage authority finish`"
            count = f", {held.get(name, 0)} gateways" if counted and of == "gateways" else ""
            print(f"{of}: {name}, until {signer.certificate.not_valid_after_utc:%Y-%m-%d}, {state}{count}")


_HELD = """
-- how many gateways in service have their newest certificate of each of the authority's keys
SELECT issuer, count(*) FROM (
  SELECT DISTINCT ON (c.gateway) c.issuer FROM certificate c JOIN gateway g ON g.id = c.gateway
  WHERE g.retired_at IS NULL AND g.revoked_at IS NULL AND c.revoked_at IS NULL ORDER BY c.gateway, c.issued_at DESC
) newest GROUP BY issuer
"""
