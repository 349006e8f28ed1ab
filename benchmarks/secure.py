"""The central broker with mutual TLS beside the one with passwords, and gateways that have joined without asking.

What enrolment writes (a key, a certificate, an identity) is made here at once for every gateway, with the network's own
functions; a benchmark of many gateways need not wait for their codes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.config import GatewayConfig
from gateway.configuration.store import ConfigurationStore, Kept
from gateway.contract.configuration import SEALED_FOR, Configuration, Secrets, SignedConfiguration
from gateway.contract.sealed import new_pair, public_half, seal
from gateway.contract.signing import public_key
from gateway.identity import Identity, write_identity
from gateway.mqtt.loop import Broker, parse_mqtt_url
from maillage.authority import create, issue_process
from maillage.central.watch import Wanted
from maillage.embedded.bundle import Bundle
from maillage.embedded.central import EmbeddedCentral
from rights.authority import PROCESSES, Issued, certify_gateway, key_pem, load, revocation_lists
from rights.packing import configuration_message

_LIFE: Final = timedelta(days=1)
_JOINED = """
-- what the rights process writes when a gateway joins
WITH joined AS (
  UPDATE gateway SET joined_at = now(), sealing_key = %(sealing_key)s WHERE code = %(code)s RETURNING id
)
INSERT INTO certificate (issuer, serial, gateway, not_after)
SELECT %(issuer)s, %(serial)s, id, %(not_after)s FROM joined
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A gateway's identity and its certificate."""

    identity: Identity
    issued: Issued

    @property
    def broker(self) -> Broker:
        """The broker, to log in as this gateway."""
        return parse_mqtt_url(self.identity.broker, tls=self.identity.directory)


class Secure:
    """A network's authority and its central broker."""

    def __init__(self, directory: Path, *, bundle: Bundle) -> None:
        """Make the authority and the certificates of ingest and rights."""
        now = datetime.now(UTC)
        self.authority = directory / "authority"
        self._directory = directory
        create(self.authority, now)
        for name in ("ingest", "rights"):
            issue_process(self.authority, name, directory / name, now=now)
        self.broker = EmbeddedCentral(directory / "central", bundle=bundle, authority=self.authority)

    def environment(self, process: str) -> dict[str, str]:
        """Return the settings by which ingest or rights connects."""
        return {"MAILLAGE_MQTT_URL": self.broker.processes_url, "MAILLAGE_MQTT_TLS": str(self._directory / process)}

    def process(self, name: str) -> Broker:
        """Return the broker, to log in as ingest or rights."""
        return parse_mqtt_url(self.broker.processes_url, tls=self._directory / name)

    def join(self, folder: Path, gateways: Sequence[tuple[int, str, str]], seed: str) -> list[Joined]:
        """Write the identities of gateways (shard, place, gateway) into ``folder``; ``seed`` signs their lists."""
        authority, now = load(self.authority), datetime.now(UTC)
        found = []
        for shard, place, code in gateways:
            key = ec.generate_private_key(ec.SECP256R1())
            asks = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
            request = asks.public_bytes(serialization.Encoding.PEM).decode()
            issued = certify_gateway(authority, request, gateway=code, now=now, life=_LIFE)
            identity = Identity(
                directory=folder / code,
                shard=shard,
                place=place,
                gateway=code,
                broker=self.broker.gateways_url,
                api="https://localhost",
                list_keys=(public_key(seed),),
            )
            write_identity(
                identity,
                key=key_pem(key),
                certificate=issued.pem.encode(),
                authority=authority.pem().encode(),
                sealing_key=new_pair()[0],
            )
            found.append(Joined(identity=identity, issued=issued))
        return found

    def admit(self, gateways: Sequence[Joined]) -> None:
        """Let the broker know who may speak where, as its watcher does; for a stand without a watcher."""
        authority = load(self.authority)
        where = {one.identity.gateway: f"{one.identity.shard:02}/{one.identity.place}" for one in gateways}
        wanted = Wanted(
            where=where,
            cut_at={},
            certificates=authority.pem(),
            processes=load(self.authority / PROCESSES).pem(),
            revocations=revocation_lists(authority, (), at=datetime.now(UTC), number=1),
            read_at=datetime.now(UTC),
        )
        self.broker.watcher().apply(wanted)


def remember(connection: psycopg.Connection[Any], gateways: Sequence[Joined]) -> None:
    """Write into the database that ``gateways`` have joined."""
    for one in gateways:
        values = {
            "code": one.identity.gateway,
            "sealing_key": public_half(one.identity.sealing_key()),
            "issuer": one.issued.issuer,
            "serial": one.issued.serial,
            "not_after": one.issued.not_after,
        }
        connection.execute(_JOINED, values)


def configure(spool: Path, gateways: Sequence[Joined], configs: Mapping[str, GatewayConfig], seed: str) -> None:
    """Keep a configuration for each gateway beside its ``spool``, as if the rights process had sent it before."""
    store = ConfigurationStore(spool.with_name(spool.name + ".configurations"))
    for one in gateways:
        config = configs[one.identity.gateway]
        secrets = Secrets(card_key=config.card_key.get_secret_value())
        sealed = seal(public_half(one.identity.sealing_key()), secrets.model_dump_json().encode(), SEALED_FOR)
        body = Configuration(
            version=1,
            shard=config.shard,
            place=config.place,
            gateway=config.gateway,
            time_zone=config.time_zone,
            doors=config.doors,
            devices=config.devices,
            list_keys=one.identity.list_keys,
            sealed=base64.b64encode(sealed).decode(),
        ).model_dump_json(exclude_none=True)
        signed = SignedConfiguration.model_validate_json(configuration_message(body, seed))
        store.save(one.identity.gateway, Kept(current=signed, ran=True))
