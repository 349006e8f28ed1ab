"""What must be in the database, on the broker and in files before the processes start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from api.keys.owner import create_key, list_keys, revoke_key
from dashboards.roles import create_reader
from database.migrate import migrate
from database.pool import Connection, connect
from gateway.config import write_gateways
from maillage.embedded import Secrets
from maillage.network.gateways import export_gateways
from maillage.sample.creating import create_sample
from maillage.stack.servers import Servers
from maillage.stack.wishes import Wishes

_KEYS: Final = {"simulated front desk": "front_desk", "installer of the demo": "network_administrator"}
"""The names of the run's keys, in the audit too, with their roles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What will run."""

    places: int
    gateways: dict[str, str]
    """The place of each, by its code."""
    devices: int
    front_desk: SecretStr
    """A key of the API for the simulated people, who report lost cards with it; valid for this run only."""
    installer: SecretStr
    """The key that the gateways' codes are made with, likewise."""


def prepare(
    servers: Servers, secrets: Secrets, wishes: Wishes, *, gateways_file: Path, say: Callable[[str], None]
) -> Prepared:
    """Migrate, create the sample network of the region, write the simulator's file, make the users.

    Raises:
        MigrationError, NetworkError, psycopg.Error: the text says what to do.
    """
    applied = migrate(servers.database_url(), log=lambda _line: None)
    say(f"schema: {len(applied)} migrations applied" if applied else "schema: up to date")
    servers.make_logins()
    with connect(servers.database_url(), application_name="maillage up", statement_timeout_s=300) as connection:
        create_sample(
            connection,
            region=wishes.region,
            places=wishes.places,
            seed=wishes.seed,
            card_secret=bytes.fromhex(secrets.card_secret),
            past_days=wishes.past_days,
            log=say,
        )
        if servers.postgres:
            create_reader(connection, "grafana_1", secrets.logins["grafana_1"], None)
        gateways = export_gateways(connection, password=None, list_key=None, card_secret=None)
        front_desk, installer = (_key(connection, name, role) for name, role in _KEYS.items())
    write_gateways(gateways_file, gateways)
    servers.furnish(gateways)
    return Prepared(
        places=len({one.place for one in gateways}),
        gateways={one.gateway: one.place for one in gateways},
        devices=sum(len(one.devices) for one in gateways),
        front_desk=front_desk,
        installer=installer,
    )


def _key(connection: Connection, name: str, role: str) -> SecretStr:
    """Make a key of the API for this run, and end those of earlier runs."""
    for old in list_keys(connection):
        if old.name == name:
            revoke_key(connection, old.id)
    return SecretStr(create_key(connection, name, role=role))
