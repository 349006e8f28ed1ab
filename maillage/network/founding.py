"""``maillage init``: the folder of a new network, with every secret that its processes need, made here only.

The folder is complete or missing: files that exist are kept, so a second run adds what an interrupted one left out.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from access.tokens import token_key
from database.migrate import migrate
from maillage.logins import GROUPS, make_login
from maillage.network.errors import NetworkError
from rights.card_secret import CardKeys

LOGINS: Final = {"ingest": "ingest", "rights": "rights", "api": "api", "jobs": "maintain"}
"""The processes with a database user, and the group of ``maillage.logins`` whose rights each needs."""

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
    """Where the files go; readable by its owner only."""
    database_url: str
    """As the owner of an empty database."""


def found(wish: Founding, *, say: Callable[[str], None]) -> None:
    """Make the schema, the processes' database users, and the folder with their settings and secrets.

    Raises:
        FoundingError: the database holds a network that this folder doesn't belong to, or the folder can't be written.
        MigrationError, psycopg.Error: the database can't be used.
    """
    folder = wish.folder
    _check_folder(folder)
    migrate(wish.database_url, log=lambda line: say(f"database: {line}"))
    known = (folder / "rights.env").exists()
    with psycopg.connect(wish.database_url) as connection:
        (held, sample), *_ = connection.execute(_HOLDS).fetchall()
    if sample:
        raise FoundingError(
            "This database holds a sample network, whose people are made up: a real network begins in an empty one. "
            "Create another database and set MAILLAGE_DATABASE_URL to it."
        )
    if held and not known:
        raise FoundingError(
            f"This database holds a network already, but {folder} has none of its secrets. Name the folder that was "
            "made with it (`maillage init FOLDER`), or an empty database."
        )
    for process, settings in _settings(folder).items():
        path = folder / f"{process}.env"
        user = f"maillage_{process}"
        kept = read_environment(path).get("MAILLAGE_DATABASE_URL", "")
        password = str(conninfo_to_dict(kept).get("password") or secrets.token_urlsafe(24))
        make_login(wish.database_url, user, password=password, group=GROUPS[LOGINS[process]])
        if kept:
            say(f"{path}: kept")
            continue
        write_environment(path, {"MAILLAGE_DATABASE_URL": _url_of(wish.database_url, user, password), **settings})
        say(f"{path}: written")


def write_environment(path: Path, settings: Mapping[str, str]) -> None:
    """Write settings as systemd and shells read them (``NAME=value``), in one step, readable by the owner only.

    Raises:
        FoundingError: a value that such a file can't hold.
    """
    for name, value in settings.items():
        if not value.isprintable() or any(character in value for character in " '\"\\$`"):
            raise FoundingError(f"{name}: a value with spaces, quotes or $ can't stand in {path.name}.")
    partial = path.with_name(f".{path.name}.part")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write("".join(f"{name}={value}\n" for name, value in settings.items()))
    partial.replace(path)


def read_environment(path: Path) -> dict[str, str]:
    """Return the settings in a file that ``write_environment`` wrote; none where there is no such file."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _settings(folder: Path) -> dict[str, dict[str, str]]:
    """Return each process's own settings, with new secrets; the API's keys belong to the card secret that is kept."""
    signing = base64.b64encode(secrets.token_bytes(32)).decode("ascii")
    card_secret = read_environment(folder / "rights.env").get("MAILLAGE_CARD_SECRET") or secrets.token_hex(32)
    cards = CardKeys.of(token_key(card_secret))
    return {
        "rights": {"MAILLAGE_LIST_SIGNING_KEY": signing, "MAILLAGE_CARD_SECRET": card_secret},
        "ingest": {},
        "api": {
            "MAILLAGE_CARD_SEALING_KEY": cards.sealing_text,
            "MAILLAGE_CARD_LOOKUP_KEY": cards.lookup.hex(),
        },
        "jobs": {},
    }


def _url_of(owner: str, user: str, password: str) -> str:
    """Return the database's URL for a process: where the owner came by a socket, over TCP to this machine."""
    told = conninfo_to_dict(owner)
    host = str(told.get("host") or "")
    if not host or host.startswith("/"):
        host = "127.0.0.1"
    return f"postgresql://{user}:{password}@{host}:{told.get('port', 5432)}/{told.get('dbname', 'maillage')}"


def _check_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise FoundingError(f"{folder}: {error.strerror}. Run this as root, or name a folder of yours.") from error
    if folder.stat().st_mode & 0o022:
        raise FoundingError(f"{folder} can be changed by others: `chmod go-w {folder}` first.")
