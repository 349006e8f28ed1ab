"""A central Mosquitto with mutual TLS: its files, and the process beside it that keeps them true."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from maillage.commands.begin import begin
from maillage.commands.owner import connect, database_url
from maillage.complaint import Complaint

app = typer.Typer(no_args_is_help=True)

Directory = Annotated[Path, typer.Argument(help="The broker's folder, like /etc/mosquitto/maillage.")]
Owner = Annotated[str | None, typer.Option(help="The user that the broker runs as; else the folder's.")]


@app.command("files", short_help="Write the files of a central Mosquitto.")
def files(
    directory: Directory,
    *,
    gateways: Annotated[str, typer.Option(help="The gateways' listener: port and address.")] = "8883",
    processes: Annotated[str, typer.Option(help="The listener of ingest and rights.")] = "8884 127.0.0.1",
    watcher_port: Annotated[int, typer.Option(help="The watcher's listener, on 127.0.0.1.")] = 8885,
    authority: Annotated[
        Path | None, typer.Option(help="The authority's folder, where the rights process has not run yet.")
    ] = None,
    owner: Owner = None,
) -> None:
    """Write mosquitto.conf with its three listeners (TLS 1.3), and the acl, authorities and revocations of now.

    The broker's own certificate comes from `maillage authority issue broker DIRECTORY/server --host …`. Settings:
    MAILLAGE_DATABASE_URL (a user of `maillage login broker`). With --authority no database is asked, and no gateway may
    speak until `maillage broker watch` has looked.

    Example: maillage broker files /etc/mosquitto/maillage --owner mosquitto
    """
    from maillage.central.files import write_configuration
    from maillage.central.first import write_first
    from maillage.central.watch import read, write

    give = _giver(directory, owner)
    if authority is not None:
        write_first(directory.absolute(), authority, give=give)
    else:
        with connect("broker files") as connection:
            write(directory.absolute(), read(connection), "none", give=give)
    write_configuration(
        directory.absolute(),
        gateways=gateways,
        processes=processes,
        watcher=f"{watcher_port} 127.0.0.1",
        give=give,
    )
    print(f"{directory}: written. `maillage broker watch` keeps it true.")


@app.command("watch", short_help="Keep Mosquitto's files true; cut gateways off.")
def watch(
    directory: Directory,
    *,
    pid: Annotated[int | None, typer.Option(help="The broker's process, which is sent SIGHUP.")] = None,
    pid_file: Annotated[
        Path | None, typer.Option(help="Or a file with its number; else DIRECTORY/mosquitto.pid.")
    ] = None,
    watcher_port: Annotated[
        int | None, typer.Option(help="The watcher's listener; else the last one in DIRECTORY/mosquitto.conf.")
    ] = None,
    owner: Owner = None,
) -> None:
    """Follow the database beside the broker: gateways that join or go, certificates that are revoked or renewed.

    A gateway that is shut out loses its rights on the broker, then its connection, within a second. Settings:
    MAILLAGE_DATABASE_URL (a user of `maillage login broker`), MAILLAGE_LOG_LEVEL.

    Example: maillage broker watch /etc/mosquitto/maillage --owner mosquitto
    """
    from maillage.central.admin import Admin
    from maillage.central.files import WATCHER_LOGIN
    from maillage.central.watch import Watcher

    if pid is not None and pid_file is not None:
        raise Complaint("say which process the broker is: --pid NUMBER or --pid-file FILE, not both")
    number_in = pid_file or directory / "mosquitto.pid"
    url = database_url()
    login = directory / WATCHER_LOGIN
    if not login.exists():
        raise Complaint(f"{login} is missing: `maillage broker files {directory}` makes it.")

    def reload() -> None:
        os.kill(int(number_in.read_text(encoding="ascii")) if pid is None else pid, signal.SIGHUP)

    stop = begin(os.environ.get("MAILLAGE_LOG_LEVEL", "INFO"))
    admin = Admin("127.0.0.1", watcher_port or _watcher_port(directory), login.read_text(encoding="utf-8"))
    Watcher(directory.absolute(), admin=admin, reload=reload, give=_giver(directory, owner)).run(url, stop)


def _watcher_port(directory: Path) -> int:
    """Return the port of the last listener in the broker's configuration, which is the watcher's."""
    path = directory / "mosquitto.conf"
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        return [int(words[1]) for words in lines if words[:1] == ["listener"]][-1]
    except (OSError, ValueError, IndexError) as error:
        raise Complaint(f"{path} names no listener for the watcher: say --watcher-port.") from error


def _giver(directory: Path, owner: str | None) -> Callable[[Path], None]:
    """Return what hands a file to the broker's user: as root, the folder's owner unless another is named.

    A broker that can't read its acl lets everybody speak.
    """

    def give(path: Path) -> None:
        if owner is not None:
            shutil.chown(path, owner, pwd.getpwnam(owner).pw_gid)
        elif os.geteuid() == 0:
            found = directory.stat()
            os.chown(path, found.st_uid, found.st_gid)

    return give
