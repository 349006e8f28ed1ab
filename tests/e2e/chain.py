"""The whole chain as separate processes, each of which a test may kill: from a device's broker to the database."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import psycopg

from database.migrate import migrate
from gateway.config import GatewayConfig, write_gateways
from gateway.contract.signing import new_seed, public_key
from maillage.broker import where_of
from maillage.embedded import EmbeddedMosquitto, EmbeddedPostgres
from maillage.embedded.bundle import Bundle
from maillage.embedded.process import free_port
from maillage.embedded.secrets import LOGINS
from maillage.logins import make_login
from maillage.network.gateways import export_gateways
from maillage.sample.creating import create_sample
from maillage.stack.account import gateways_with_a_list
from maillage.stack.children import Child
from simulator.line import Line
from tests.cards import CARD_SECRET, SECRET
from tests.waiting import until

_PASSWORD: Final = "of-the-tests"


@dataclass(slots=True, kw_only=True)
class Chain:
    """Everything between a device's message and a row, on real sockets."""

    postgres: EmbeddedPostgres
    central: EmbeddedMosquitto
    field: EmbeddedMosquitto
    line: Line
    gateway: Child
    ingest: Child
    rights: Child
    gateways: tuple[GatewayConfig, ...]
    spool: Path

    @property
    def url(self) -> str:
        """The database's owner's URL."""
        return self.postgres.url()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(query, values).fetchall()

    def stop(self) -> None:
        """Stop everything."""
        self.gateway.stop()
        self.rights.stop()
        self.ingest.stop()
        self.line.close()
        for server in (self.field, self.central, self.postgres):
            server.stop()


def kill9(child: Child) -> None:
    """Kill a process of ours as a power cut would."""
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    until(child.crashed, what=f"{child.name} is dead")


def start_chain(
    directory: Path, bundle: Bundle, *, places: int, gateway_environment: Mapping[str, str] = MappingProxyType({})
) -> Chain:
    """Start everything with ``places`` real places; the database keeps its word (fsync on), since it gets killed."""
    directory.chmod(0o755)
    postgres = EmbeddedPostgres(
        directory / "postgres",
        bundle=bundle,
        password=_PASSWORD,
        settings={"shared_buffers": "64MB", "timescaledb.max_background_workers": "0"},
    )
    postgres.start()
    migrate(postgres.url(), log=lambda _line: None)
    for login in ("ingest_1", "rights_1"):
        make_login(postgres.url(), login, password=_PASSWORD, group=LOGINS[login])
    seed = new_seed()
    with psycopg.connect(postgres.url()) as connection:
        create_sample(
            connection,
            places=places,
            card_secret=SECRET,
            log=lambda _line: None,
        )
        gateways = export_gateways(
            connection, password=lambda code: f"secret of {code}", list_key=public_key(seed), card_secret=SECRET
        )
    users = {one.gateway: f"secret of {one.gateway}" for one in gateways}
    central = EmbeddedMosquitto(
        directory / "central",
        bundle=bundle,
        users={"ingest": _PASSWORD, "rights": _PASSWORD, **users},
        where=where_of(gateways),
    )
    field = EmbeddedMosquitto(directory / "field", bundle=bundle)
    central.start()
    field.start()
    line = Line(central.host, central.port)
    write_gateways(directory / "gateways.json", gateways)
    ingest_port, rights_port, gateway_port = free_port(), free_port(), free_port()
    ingest = Child(
        name="ingest",
        arguments=["ingest"],
        environment={
            "MAILLAGE_DATABASE_URL": postgres.url(user="ingest_1", password=_PASSWORD),
            "MAILLAGE_MQTT_URL": central.url("ingest"),
            "MAILLAGE_METRICS_PORT": str(ingest_port),
        },
        log=directory / "ingest.log",
        health=f"http://127.0.0.1:{ingest_port}/readyz",
    )
    rights = Child(
        name="rights",
        arguments=["rights"],
        environment={
            "MAILLAGE_DATABASE_URL": postgres.url(user="rights_1", password=_PASSWORD),
            "MAILLAGE_MQTT_URL": central.url("rights"),
            "MAILLAGE_LIST_SIGNING_KEY": seed,
            "MAILLAGE_CARD_SECRET": CARD_SECRET,
            "MAILLAGE_METRICS_PORT": str(rights_port),
        },
        log=directory / "rights.log",
        health=f"http://127.0.0.1:{rights_port}/readyz",
    )
    gateway = Child(
        name="gateway",
        arguments=["gateway"],
        environment={
            "MAILLAGE_MQTT_URL": f"mqtt://127.0.0.1:{line.start()}",
            "MAILLAGE_FIELD_MQTT_URL": field.url(),
            "MAILLAGE_GATEWAYS_FILE": str(directory / "gateways.json"),
            "MAILLAGE_SPOOL": str(directory / "spool.sqlite"),
            "MAILLAGE_METRICS_PORT": str(gateway_port),
            **gateway_environment,
        },
        log=directory / "gateway.log",
        health=f"http://127.0.0.1:{gateway_port}/healthz",
    )
    children = (ingest, rights, gateway)
    for child in children:
        child.start()
    for child in children:
        child.wait_until_well(deadline_s=120, stopped=lambda: False)
    until(
        lambda: gateways_with_a_list(postgres.url()) == len(gateways),
        what="every gateway has its access list",
    )
    return Chain(
        postgres=postgres,
        central=central,
        field=field,
        line=line,
        gateway=gateway,
        ingest=ingest,
        rights=rights,
        gateways=gateways,
        spool=directory / "spool.sqlite",
    )
