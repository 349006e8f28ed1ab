"""What ``maillage gateway doctor`` says of a gateway that runs and of one that doesn't."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.clock import micros
from gateway.identity import Identity, write_identity
from gateway.settings import GatewaySettings
from maillage.doctor.finding import Finding
from maillage.doctor.gateway import examine_gateway
from maillage.doctor.gateway_state import look_at_state
from maillage.embedded.process import free_port
from tests.unit.gateway.place_parts import AT

WELL: dict[str, Any] = {
    "place": "gare", "connected": True, "spool_depth": 3, "list_version": 7, "config_version": 2, "devices": 4,
    "unwell": [], "unassigned": [],
}  # fmt: skip


def told(findings: Iterable[Finding]) -> dict[str, tuple[str, str]]:
    return {one.what: (one.state, one.text) for one in findings}


def test_a_gateway_that_is_well() -> None:
    found = list(look_at_state({"field_connected": True, "gateways": {"gare-1": WELL}}))
    assert {one.state for one in found} == {"good"}
    assert "gare-1: version 7" in [one.text for one in found]


@pytest.mark.parametrize(
    ("change", "what", "state", "text"),
    [
        ({"connected": False}, "central broker", "bad", "gare-1: not connected; the doors work, events wait here"),
        ({"spool_depth": 5000}, "spool", "note", "gare-1: 5000 events wait to be stored"),
        ({"disk": "full"}, "disk", "bad", "gare-1: full"),
        ({"clock": "it is 1970"}, "clock", "bad", "gare-1: it is 1970"),
        ({"list_version": None}, "access list", "bad", "gare-1: none; doors stay closed for every card"),
        ({"list_refused": "old"}, "access list", "note", "gare-1: version 7; a newer one was refused: old"),
        ({"config_refused": "bad_address"}, "configuration", "bad", "gare-1: bad_address"),
        ({"unwell": [{"device": "d1", "silent_since": AT, "fault": "low battery: 9 %"}]}, "device", "note",
         "gare-1: d1: silent since 2026-11-21 22:26Z; low battery: 9 %"),
        ({"unassigned": [{"driver": "esp_rfid", "address": "a#b", "said": "card read", "last_at": AT}]}, "unassigned",
         "note", "gare-1: esp_rfid a#b: card read, 2026-11-21 22:26Z"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(change: dict[str, Any], what: str, state: str, text: str) -> None:
    found = told(look_at_state({"field_connected": True, "gateways": {"gare-1": {**WELL, **change}}}))
    assert found[what] == (state, text)


def join(directory: Path, *, days: float, broker: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gare-1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(7).not_valid_before(now - timedelta(days=90)).not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    identity = Identity(
        directory=directory, shard=5, place="gare", gateway="gare-1", broker=broker, api="https://api.example.org",
        list_keys=(base64.b64encode(bytes(32)).decode(),),
    )  # fmt: skip
    write_identity(identity, key=private, certificate=certificate, authority=certificate, sealing_key=bytes(32))


def settings(tmp_path: Path, port: int) -> GatewaySettings:
    return GatewaySettings.model_validate(
        {
            "identity": tmp_path / "identity",
            "spool": tmp_path / "spool.sqlite",
            "field_mqtt_url": f"mqtt://user:secret@127.0.0.1:{port}",
            "metrics_port": port,
        }
    )


@pytest.mark.parametrize(("days", "state"), [(30.5, "good"), (9, "bad"), (-1, "bad")])
def test_it_works_while_the_process_does_not_run(tmp_path: Path, days: float, state: str) -> None:
    port = free_port()
    join(tmp_path / "identity", days=days, broker=f"mqtts://127.0.0.1:{port}")
    with sqlite3.connect(tmp_path / "spool.sqlite") as spool:
        spool.executescript("CREATE TABLE event (gateway, n, body); CREATE TABLE kept (gateway, name, value, until)")
        spool.executemany("INSERT INTO event VALUES ('gare-1', ?, '')", [(number,) for number in range(1234)])
        spool.execute("INSERT INTO kept VALUES ('gare-1', 'signed_time', ?, NULL)", (str(micros() + 3600 * 10**6),))
    spool.close()
    (tmp_path / "spool.sqlite.unreadable-0").touch()
    found = list(examine_gateway(settings(tmp_path, port)))
    by_name = told(found)
    assert by_name["identity"] == ("good", f"gateway gare-1 of gare, in {tmp_path / 'identity'}")
    assert by_name["certificate"][0] == state
    assert by_name["clock"][0] == "bad"
    assert "behind what the centre has signed" in by_name["clock"][1]
    assert by_name["process"][0] == "bad"
    assert by_name["spool"] == ("note", f"1234 events wait in {tmp_path / 'spool.sqlite'}")
    assert {by_name["field broker"][0], by_name["central broker"][0]} == {"bad"}
    assert all(one.mend for one in found if one.state == "bad")
    assert "secret" not in str(found)


def test_keys_that_others_may_read_and_a_missing_identity_are_said(tmp_path: Path) -> None:
    port = free_port()
    assert told(examine_gateway(settings(tmp_path, port)))["identity"][0] == "bad"
    join(tmp_path / "identity", days=30, broker=f"mqtts://127.0.0.1:{port}")
    (tmp_path / "identity" / "key.pem").chmod(0o644)
    state, text = told(examine_gateway(settings(tmp_path, port)))["identity"]
    assert (state, "chmod 600" in text) == ("bad", True)
