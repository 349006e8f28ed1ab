"""The stand that benchmarks run on: a real TimescaleDB, a real Mosquitto, and a network as large as asked for."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.report import progress
from benchmarks.secure import Secure
from database.migrate import migrate
from gateway.contract.signing import new_seed
from maillage.embedded import EmbeddedMosquitto, EmbeddedPostgres, fetch

DESKS: Final = 24
"""Desks of each place; the devices are ``desk-0`` … and ``reader-in``, ``reader-out``, ``counter``, ``air``."""
SECRET: Final = "of-the-stand"  # noqa: S105  (of servers that live for a minute)

_NETWORK = """
-- places p0001 … each with a root space, an open space, 24 desks, a door, a gateway and 28 devices
WITH places AS (
  INSERT INTO place (code, name, shard, latitude, longitude, source, source_id, generated)
  SELECT 'p' || lpad(n::text, 4, '0'), 'Place ' || n, n %% 64, 43 + (n %% 70) / 10.0, -1 + (n / 70) / 10.0, 'stand',
         n::text, true
  FROM generate_series(1, %(places)s) AS n RETURNING id, code
), roots AS (
  INSERT INTO space (place, code, name, kind, capacity)
  SELECT id, 'place', 'Whole place', 'place', %(desks)s + 6 FROM places RETURNING id, place
), gateways AS (
  INSERT INTO gateway (place, code) SELECT id, code || '-g1' FROM places RETURNING id, place
)
SELECT count(*) FROM gateways
"""

_REST = """
-- what refers to the rows above
INSERT INTO space (place, code, name, kind, parent, capacity)
SELECT place, 'open-space', 'Open space', 'open_space', id, %(desks)s FROM space WHERE kind = 'place';
INSERT INTO desk (place, space, code, name)
SELECT place, id, 'desk-' || n, 'Desk ' || n FROM space, generate_series(0, %(desks)s - 1) AS n
WHERE kind = 'open_space';
INSERT INTO door (place, code, name, to_space) SELECT place, 'entry', 'Entry', id FROM space WHERE kind = 'place';
INSERT INTO device (gateway, place, code, kind, driver, model, address, space, desk)
SELECT g.id, d.place, d.code, 'desk_sensor', 'zigbee2mqtt', NULL, 'zigbee2mqtt/' || g.code || '-' || d.code, d.space,
       d.id
FROM desk d JOIN gateway g USING (place);
INSERT INTO device (gateway, place, code, kind, driver, address, door, side)
SELECT g.id, o.place, 'reader-' || side, 'reader', 'esp_rfid', g.code || '/' || side || '#reader', o.id, side
FROM door o JOIN gateway g USING (place), unnest(ARRAY['in', 'out']) AS side;
INSERT INTO device (gateway, place, code, kind, driver, address, space)
SELECT g.id, s.place, v.name, v.kind, 'zigbee2mqtt', 'zigbee2mqtt/' || g.code || '-' || v.name, s.id
FROM space s JOIN gateway g USING (place), (VALUES ('counter', 'counter'), ('air', 'climate')) AS v (name, kind)
WHERE s.kind = 'open_space'
"""


@dataclass(slots=True, kw_only=True)
class Stand:
    """Servers that run, and where they are."""

    postgres: EmbeddedPostgres
    broker: EmbeddedMosquitto
    """With passwords."""
    secure: Secure
    """With certificates."""
    directory: Path

    def database_url(self, name: str) -> str:
        """Make a fresh, migrated database and return its owner's URL."""
        with psycopg.connect(self.postgres.url(database="postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # a name of ours
        url = self.postgres.url(database=name)
        migrate(url, log=lambda _line: None)
        return url

    def environment(self, process: str, *, tls: bool) -> dict[str, str]:
        """Return the settings by which ingest or rights connects to the broker."""
        return self.secure.environment(process) if tls else {"MAILLAGE_MQTT_URL": self.broker.url(process)}

    def gateway_logins(self, places: int, *, tls: bool) -> list[tuple[str, str, str, str | None]]:
        """Enrol the gateways of that many places (``make_network``).

        Returns:
            Place, gateway, broker URL and folder of its certificate (None: a password is in the URL) of each.
        """
        names = [(n % 64, f"p{n:04d}", f"p{n:04d}-g1") for n in range(1, places + 1)]
        if not tls:
            self.broker.enrol({gateway: SECRET for _, _, gateway in names})
            return [(place, gateway, self.broker.url(gateway), None) for _, place, gateway in names]
        joined = self.secure.join(self.directory / "identities", names, new_seed())
        self.secure.admit(joined)
        return [
            (one.identity.place, one.identity.gateway, one.identity.broker, str(one.identity.directory))
            for one in joined
        ]


def make_network(url: str, places: int) -> None:
    """Fill a database with ``places`` places of 24 desks; shard of place n is n mod 64."""
    with psycopg.connect(url) as connection:
        values = {"places": places, "desks": DESKS}
        connection.execute(_NETWORK, values)
        for statement in _REST.split(";"):
            if statement.strip():
                connection.execute(statement, values)


def create_login(connection: psycopg.Connection[Any], name: str, group: str) -> None:
    """Create a login of a process; one of an earlier database stays."""
    if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}' IN ROLE {group}")


@contextmanager
def stand(settings: Mapping[str, str] | None = None) -> Iterator[Stand]:
    """Start the servers in a temporary directory and stop them at the end; fsync is on, as in production.

    ``settings``: of the database, over our own.
    """
    directory = Path(tempfile.mkdtemp(prefix="maillage-benchmark-"))
    directory.chmod(0o755)
    bundle = fetch()
    progress("starting TimescaleDB and Mosquitto")
    postgres = EmbeddedPostgres(directory / "postgres", bundle=bundle, password=SECRET, settings=settings)
    broker = EmbeddedMosquitto(directory / "broker", bundle=bundle, users={"ingest": SECRET, "rights": SECRET})
    secure = Secure(directory / "secure", bundle=bundle)
    postgres.start()
    broker.start()
    secure.broker.start()
    try:
        yield Stand(postgres=postgres, broker=broker, secure=secure, directory=directory)
    finally:
        secure.broker.stop()
        broker.stop()
        postgres.stop()
        shutil.rmtree(directory, ignore_errors=True)
