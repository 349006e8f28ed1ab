"""``maillage init``: the folder of a new network, with every secret and setting that its processes need.

Secrets are made here and nowhere else. Files that exist are kept: a second run adds what an interrupted one left out.
"""

from __future__ import annotations

import base64
import os
import pwd
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from api.keys.owner import create_key
from database.migrate import migrate
from maillage.authority import create, issue_process, issue_server
from maillage.central.files import REVOCATIONS, SERVER, write_configuration
from maillage.central.first import write_first
from maillage.logins import GROUPS, make_login
from maillage.network.errors import NetworkError
from maillage.reissue import reissue
from rights.card_secret import CardKeys

LOGINS: Final = {"ingest": "ingest", "rights": "rights", "api": "api", "jobs": "maintain", "broker": "broker"}
"""The processes with a database user, and the group of ``maillage.logins`` whose rights each needs."""
OWNER: Final = "owner.env"
_SECRET: Final = "MAILLAGE_CARD_SECRET"  # noqa: S105  (the setting's name)
_DATABASE: Final = "MAILLAGE_DATABASE_URL"

_HOLDS: Final = """
-- whether this database already holds a network, and whether that is a sample
SELECT EXISTS (SELECT FROM place),
  EXISTS (SELECT FROM place WHERE generated) OR EXISTS (SELECT FROM member WHERE generated)
"""


class FoundingError(NetworkError):
    """The network can't be founded here; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Founding:
    """What the operator decides."""

    folder: Path
    """Where the files go."""
    database_url: str
    """As the owner of an empty database."""
    broker_host: str
    """The name by which gateways reach the central broker."""
    broker_ports: tuple[int, int, int] = (8883, 8884, 8885)
    """The broker's listeners: gateways, processes, the watcher."""
    processes_host: str = "localhost"
    """The name by which ingest and rights reach the broker; with another one it listens for them on all addresses."""
    api_port: int = 8080
    public_url: str | None = None
    """Where people reach the pages; None: on this machine only, until it is set in api.env."""
    broker_user: str | None = None
    """The user that Mosquitto runs as; None: this one."""


def found(wish: Founding, *, say: Callable[[str], None]) -> None:
    """Make the schema, the processes' database users, their settings, certificates, and the broker's files.

    Raises:
        FoundingError: the database holds a network that this folder doesn't belong to, or the folder can't be written.
        MigrationError, psycopg.Error: the database can't be used.
    """
    folder = wish.folder
    _make_folder(folder)
    _refuse_another_wish(wish)
    migrate(wish.database_url, log=lambda line: say(f"database: {line}"))
    _check_database(wish)
    settings = _settings(wish, read_environment(folder / "rights.env"))
    for process, own in settings.items():
        _make_process(wish, process, own, say)
    _make_certificates(wish, say)
    _make_owner(wish, settings["rights"][_SECRET], say)
    for user in _hand_over(wish):
        say(f"WARNING: there is no user {user} here, whose files these are: make it, then run this again")


def write_environment(path: Path, settings: Mapping[str, str]) -> None:
    """Write settings as systemd and shells read them (``NAME='value'``), in one step, readable by the owner only.

    Raises:
        FoundingError: a value that such a file can't hold.
    """
    for name, value in settings.items():
        if not value.isprintable() or "'" in value:
            raise FoundingError(f"{name} holds a quote or a control character, which can't stand in {path.name}.")
    partial = path.with_name(f".{path.name}.part")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write("".join(f"{name}='{value}'\n" for name, value in settings.items()))
    partial.replace(path)


def read_environment(path: Path) -> dict[str, str]:
    """Return the settings in a file that ``write_environment`` wrote; none where there is no such file."""
    if not path.exists():
        return {}
    lines = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines())
    return {name: value.strip("'") for name, equals, value in lines if equals and not name.startswith("#")}


def _refuse_another_wish(wish: Founding) -> None:
    """Refuse other addresses than those that the folder was made with.

    Raises:
        FoundingError: they differ; the text says what to change instead.
    """
    path = wish.folder / "api.env"
    kept = read_environment(path).get("MAILLAGE_BROKER_ADDRESS")
    wanted = f"mqtts://{wish.broker_host}:{wish.broker_ports[0]}"
    if kept not in (None, wanted):
        raise FoundingError(
            f"{wish.folder} was founded for {kept}, not {wanted}: name the same again. To move the broker, change "
            f"{path} and {wish.folder / 'broker/mosquitto.conf'}, and make its certificate anew "
            "(`maillage authority issue broker`, docs/enrolment.md)."
        )


def _settings(wish: Founding, kept: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return each process's own settings: with the secrets that are ``kept``, else with new ones."""
    gateways, processes, _ = wish.broker_ports
    card_secret = kept.get(_SECRET) or secrets.token_hex(32)
    cards = CardKeys.of(bytes.fromhex(card_secret))
    signing = kept.get("MAILLAGE_LIST_SIGNING_KEY") or base64.b64encode(secrets.token_bytes(32)).decode("ascii")

    def broker(process: str) -> dict[str, str]:
        return {
            "MAILLAGE_MQTT_URL": f"mqtts://{wish.processes_host}:{processes}",
            "MAILLAGE_MQTT_TLS": str(wish.folder / process),
        }

    return {
        "rights": {
            **broker("rights"),
            "MAILLAGE_AUTHORITY": str(wish.folder / "authority"),
            "MAILLAGE_LIST_SIGNING_KEY": signing,
            _SECRET: card_secret,
        },
        "ingest": broker("ingest"),
        "api": {
            "MAILLAGE_HTTP_PORT": str(wish.api_port),
            "MAILLAGE_BROKER_ADDRESS": f"mqtts://{wish.broker_host}:{gateways}",
            "MAILLAGE_CARD_SEALING_KEY": cards.sealing_text,
            "MAILLAGE_CARD_LOOKUP_KEY": cards.lookup.hex(),
            **_public(wish),
        },
        "jobs": {},
        "broker": {},
    }


def _public(wish: Founding) -> dict[str, str]:
    return {} if wish.public_url is None else {"MAILLAGE_PUBLIC_URL": wish.public_url}


def _make_process(wish: Founding, process: str, own: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Give a process its database user, and its file where there is none."""
    path = wish.folder / f"{process}.env"
    user = f"maillage_{process}_1"
    kept = read_environment(path).get(_DATABASE)
    password = str(conninfo_to_dict(kept or "").get("password") or secrets.token_urlsafe(24))
    make_login(wish.database_url, user, password=password, group=GROUPS[LOGINS[process]])
    if kept is None:
        write_environment(path, {_DATABASE: _url_of(wish.database_url, user, password), **own})
    say(f"{path}: {'kept' if kept else 'made'}")


def _make_certificates(wish: Founding, say: Callable[[str], None]) -> None:
    """Make what is missing or nearly over: the authority, the certificates that it signs, the broker's files."""
    now = datetime.now(UTC)
    authority, broker = wish.folder / "authority", wish.folder / "broker"
    if not authority.exists():
        create(authority, now)
    for process in ("ingest", "rights"):
        if not (wish.folder / process / "certificate.pem").exists():
            issue_process(authority, process, wish.folder / process, now=now)
    if not (broker / SERVER / "certificate.pem").exists():
        names = dict.fromkeys((wish.broker_host, wish.processes_host, "localhost"))
        issue_server(authority, names, broker / SERVER, now=now)
    for one in reissue(wish.folder, now):
        say(f"{one.folder}: made again, since it would end on {one.until:%Y-%m-%d}")
    if not (broker / REVOCATIONS).exists():
        gateways, processes, watcher = wish.broker_ports
        write_configuration(
            broker,
            gateways=str(gateways),
            processes=f"{processes} localhost" if wish.processes_host == "localhost" else str(processes),
            watcher=f"{watcher} 127.0.0.1",
            give=lambda _path: None,
        )
        write_first(broker, authority, give=lambda _path: None)
    say(f"{authority}, {broker}: certificates, and the broker's files")


def _make_owner(wish: Founding, card_secret: str, say: Callable[[str], None]) -> None:
    """Write the settings of the owner's commands, with a key of the API for the first administrator."""
    path = wish.folder / OWNER
    if not path.exists():
        with psycopg.connect(wish.database_url) as connection:
            key = create_key(connection, "first administrator", role="network_administrator")
        own = {
            _DATABASE: wish.database_url,
            "MAILLAGE_API_URL": f"http://127.0.0.1:{wish.api_port}",
            "MAILLAGE_API_KEY": key,
            _SECRET: card_secret,
            "MAILLAGE_AUTHORITY": str(wish.folder / "authority"),
            **_public(wish),
        }
        write_environment(path, own)
    say(f"{path}: for your own commands")


def _check_database(wish: Founding) -> None:
    """Refuse a database that holds a network, unless the folder was made with it.

    Raises:
        FoundingError: it does.
    """
    with psycopg.connect(wish.database_url) as connection:
        ((held, sample),) = connection.execute(_HOLDS).fetchall()
    if (wish.folder / "rights.env").exists():
        return
    if sample:
        raise FoundingError(
            "This database holds a sample network, whose people are made up: a real network begins in an empty one. "
            "Create another database and set MAILLAGE_DATABASE_URL to it."
        )
    if held:
        raise FoundingError(
            f"This database holds a network already, but {wish.folder} has none of its secrets. Name the folder that "
            "was made with it, or set MAILLAGE_DATABASE_URL to an empty database."
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    except OSError as error:
        raise FoundingError(f"{folder}: {error.strerror}. Run this as root, or name a folder of yours.") from error
    if folder.stat().st_mode & 0o022:
        raise FoundingError(f"{folder} can be changed by others: `chmod go-w {folder}` first.")


def _hand_over(wish: Founding) -> list[str]:
    """As root, give each process's folder to its user; return the users that there aren't."""
    if os.geteuid() != 0:
        return []
    users = {
        "ingest": "maillage-ingest",
        "rights": "maillage-rights",
        "authority": "maillage-rights",
        "broker": wish.broker_user,
    }
    missing = []
    for name, user in users.items():
        if user is None:
            continue
        if not _exists(user):
            missing.append(user)
            continue
        group = pwd.getpwnam(user).pw_gid
        folder = wish.folder / name
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, user, group)
    return list(dict.fromkeys(missing))


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _url_of(owner: str, user: str, password: str) -> str:
    """Return the database's URL for a process: where the owner came by a socket, over TCP to this machine."""
    told = conninfo_to_dict(owner)
    host = str(told.get("host") or "")
    if not host or host.startswith("/"):
        host = "localhost"
    return f"postgresql://{user}:{password}@{host}:{told.get('port', 5432)}/{told.get('dbname', 'maillage')}"
