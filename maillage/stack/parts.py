"""The processes of the stack, with the settings that each is given."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from maillage.embedded import Secrets
from maillage.field.logins import PROCESS, SIMULATOR
from maillage.stack.children import Child
from maillage.stack.servers import Servers
from maillage.stack.wishes import Wishes
from rights.card_secret import CardKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the processes listen, all on 127.0.0.1."""

    api: int
    ingest: int
    rights: int
    jobs: int
    gateway: int
    simulator: int
    line: int
    """The simulator's line to the central broker, which it can cut for a gateway: each has one of the next ports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """One child for each process."""

    ingest: Child
    rights: Child
    api: Child
    gateway: Child
    jobs: Child
    simulator: Child
    broker: Child | None
    """Keeps the embedded broker's files true."""

    def in_order(self) -> tuple[Child, ...]:
        """The order to start in: each finds what it connects to. The devices are silent until they are to begin."""
        centre = (self.ingest, self.rights, self.api, self.jobs)
        watcher = () if self.broker is None else (self.broker,)
        return (*centre, *watcher, self.simulator, self.gateway)


def shared_environment(servers: Servers, secrets: Secrets, ports: Ports, runtime: Path) -> dict[str, str]:
    """Return the settings for commands typed beside the stack, as its owner."""
    # A given database has no reader of ours: its owner's password must never go to Grafana.
    grafana = {} if servers.postgres is None else {"MAILLAGE_GRAFANA_DATABASE_URL": servers.database_url("grafana_1")}
    return {
        **grafana,
        "MAILLAGE_RUNTIME": str(runtime),
        "MAILLAGE_DATABASE_URL": servers.database_url(),
        **servers.broker_settings("ingest"),
        "MAILLAGE_FIELD_MQTT_URL": servers.field_url(PROCESS),
        "MAILLAGE_GATEWAYS_FILE": str(runtime / "gateways.json"),
        "MAILLAGE_IDENTITY": str(runtime / "gateways"),
        "MAILLAGE_AUTHORITY": str(servers.authority),
        "MAILLAGE_CARD_SECRET": secrets.card_secret,
        "MAILLAGE_LIST_SIGNING_KEY": secrets.list_signing_key,
        "MAILLAGE_HTTP_PORT": str(ports.api),
    }


def make_parts(
    servers: Servers,
    secrets: Secrets,
    wishes: Wishes,
    ports: Ports,
    runtime: Path,
    *,
    front_desk: SecretStr,
    instance_key: str,
) -> Parts:
    """Return the processes, each with the settings that it needs and no more.

    ``front_desk`` is the simulator's key of the API; by ``instance_key`` the API proves that it is this stack's.
    """
    cards = CardKeys.of(bytes.fromhex(secrets.card_secret))
    gateways = {"MAILLAGE_GATEWAYS_FILE": str(runtime / "gateways.json")}
    line = {}
    if servers.central:
        line = {
            "MAILLAGE_LINE_PORT": str(ports.line),
            "MAILLAGE_LINE_TO": f"{servers.central.host}:{servers.central.port}",
            "MAILLAGE_LINE_EACH": "true",
        }

    def child(name: str, arguments: list[str], given: dict[str, str], health: str | None = None) -> Child:
        return Child(
            name=name,
            arguments=arguments,
            environment=given,
            log=runtime / "logs" / f"{name}.log",
            health=f"http://127.0.0.1:{health}" if health else None,
        )

    return Parts(
        ingest=child(
            "ingest",
            ["ingest"],
            {
                "MAILLAGE_DATABASE_URL": servers.database_url("ingest_1"),
                **servers.broker_settings("ingest"),
                "MAILLAGE_METRICS_PORT": str(ports.ingest),
            },
            f"{ports.ingest}/readyz",
        ),
        rights=child(
            "rights",
            ["rights"],
            {
                "MAILLAGE_DATABASE_URL": servers.database_url("rights_1"),
                **servers.broker_settings("rights"),
                "MAILLAGE_AUTHORITY": str(servers.authority),
                "MAILLAGE_LIST_SIGNING_KEY": secrets.list_signing_key,
                "MAILLAGE_CARD_SECRET": secrets.card_secret,
                "MAILLAGE_METRICS_PORT": str(ports.rights),
            },
            f"{ports.rights}/readyz",
        ),
        api=child(
            "api",
            ["api"],
            {
                "MAILLAGE_DATABASE_URL": servers.database_url("api_1"),
                "MAILLAGE_HTTP_HOST": "127.0.0.1",
                "MAILLAGE_HTTP_PORT": str(ports.api),
                "MAILLAGE_BROKER_ADDRESS": servers.gateways_url,
                "MAILLAGE_CARD_SEALING_KEY": cards.sealing_text,
                "MAILLAGE_CARD_LOOKUP_KEY": cards.lookup.hex(),
                "MAILLAGE_INSTANCE_KEY": instance_key,
            },
            f"{ports.api}/readyz",
        ),
        gateway=child(
            "gateway",
            ["gateway"],
            {
                "MAILLAGE_IDENTITY": str(runtime / "gateways"),
                "MAILLAGE_FIELD_MQTT_URL": servers.field_url(PROCESS),
                "MAILLAGE_SPOOL": str(runtime / "spool.sqlite"),
                "MAILLAGE_METRICS_PORT": str(ports.gateway),
            },
            f"{ports.gateway}/healthz",
        ),
        jobs=child(
            "jobs",
            ["jobs"],
            {
                "MAILLAGE_DATABASE_URL": servers.database_url("maintain_1"),
                "MAILLAGE_METRICS_PORT": str(ports.jobs),
            },
            f"{ports.jobs}/healthz",
        ),
        simulator=child(
            "simulator",
            ["simulate", "--speed", str(wishes.speed), "--seed", str(wishes.seed)],
            {
                **gateways,
                "MAILLAGE_FIELD_MQTT_URL": servers.field_url(SIMULATOR),
                "MAILLAGE_SIMULATOR_PORT": str(ports.simulator),
                "MAILLAGE_HOLD": "true",
                "MAILLAGE_ANNOUNCE_S": "10",
                "MAILLAGE_API_URL": f"http://127.0.0.1:{ports.api}",
                "MAILLAGE_API_KEY": front_desk.get_secret_value(),
                **line,
            },
            f"{ports.simulator}/healthz",
        ),
        broker=_watcher(servers, child),
    )


def _watcher(servers: Servers, child: Callable[[str, list[str], dict[str, str]], Child]) -> Child | None:
    """Return what keeps the embedded broker's files true; a given broker is its operator's."""
    central = servers.central
    if central is None:
        return None
    words = ["broker", "watch", str(central.directory), "--pid", str(central.pid)]
    words += ["--watcher-port", str(central.watcher_port)]
    words += ["--owner", "nobody"] if os.geteuid() == 0 else []
    return child("broker", words, {"MAILLAGE_DATABASE_URL": servers.database_url("broker_1")})
