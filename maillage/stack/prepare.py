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
from gateway.contract.signing import public_key
from maillage.embedded import Secrets
from maillage.network.gateways import export_gateways
from maillage.network.passwords import gateway_password
from maillage.sample.creating import create_sample
from maillage.stack.servers import Servers
from maillage.stack.wishes import Wishes
from rights.place_secrets import muster_key

_SIMULATOR: Final = "simulated front desk"
"""The name of the simulator's key, in the audit too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What will run."""

    places: int
    gateways: int
    devices: int
    front_desk: SecretStr
    """A key of the API for the simulated people, who report lost cards with it; valid for this run only."""


def prepare(
    servers: Servers, secrets: Secrets, wishes: Wishes, *, gateways_file: Path, say: Callable[[str], None]
) -> Prepared:
    """Migrate, create the sample network of the region, write the gateways' file, make the users.

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
            log=say,
        )
        if servers.postgres:
            create_reader(connection, "grafana_1", secrets.logins["grafana_1"], None)
        passwords = servers.central is not None  # a broker that was given has the users that it has
        gateways = export_gateways(
            connection,
            password=(lambda code: gateway_password(secrets.mqtt_secret, code)) if passwords else None,
            list_key=public_key(secrets.list_signing_key),
            card_secret=bytes.fromhex(secrets.card_secret),
            muster_key=lambda place: muster_key(secrets.mqtt_secret, place),
        )
        front_desk = _front_desk(connection)
    write_gateways(gateways_file, gateways)
    servers.enrol(gateways)
    return Prepared(
        places=len({one.place for one in gateways}),
        gateways=len(gateways),
        devices=sum(len(one.devices) for one in gateways),
        front_desk=front_desk,
    )


def _front_desk(connection: Connection) -> SecretStr:
    """Make a key for the simulator, and end those of earlier runs."""
    for old in list_keys(connection):
        if old.name == _SIMULATOR:
            revoke_key(connection, old.id)
    return SecretStr(create_key(connection, _SIMULATOR, role="front_desk"))
