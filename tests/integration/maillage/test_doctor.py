"""What ``maillage doctor`` says of what stands at the places."""

from __future__ import annotations

import psycopg

from database.pool import connect
from maillage.doctor.fleet import look_at_fleet
from tests.conftest import Database
from tests.integration.rights.network import _NETWORK

PLACES = ["gare", "port", "halle", "moulin"]


def test_gateways_certificates_configurations_devices_and_cards(database: Database) -> None:
    with connect(database.url, application_name="maillage test", autocommit=True) as owner:
        psycopg.ClientCursor(owner).execute(_NETWORK.encode(), {"places": PLACES})

        def told() -> dict[str, list[tuple[str, str]]]:
            found: dict[str, list[tuple[str, str]]] = {}
            for one in look_at_fleet(owner):
                assert one.mend or one.state == "good"
                found.setdefault(one.what, []).append((one.state, one.text))
            return found

        assert told() == {"gateways": [("note", "have not joined: gare-1, halle-1, port-1")]}
        owner.execute("UPDATE gateway SET joined_at = now(), sealing_key = sha256(code::text::bytea)")
        owner.execute(
            "INSERT INTO certificate (issuer, serial, gateway, not_after)"
            " SELECT 'ca', to_hex(id), id, now() + interval '40 days' FROM gateway"
        )
        owner.execute(
            "INSERT INTO gateway_state (gateway, place, online, heard_at, changed_at)"
            " SELECT id, place, true, now(), now() FROM gateway WHERE code <> 'port-1'"
        )
        found = told()
        assert [(what, [state for state, _ in of]) for what, of in found.items()] == [
            ("gateways", ["good"]),
            ("certificates", ["good"]),
            ("devices", ["good"]),
        ]

        owner.execute(
            "UPDATE certificate SET not_after = now() + interval '9 days' FROM gateway g"
            " WHERE g.id = certificate.gateway AND g.code = 'gare-1'"
        )
        owner.execute(
            "UPDATE certificate SET not_after = now() - interval '1 s' FROM gateway g"
            " WHERE g.id = certificate.gateway AND g.code = 'halle-1'"
        )
        owner.execute("UPDATE gateway SET revoked_at = now() WHERE code = 'port-1'")
        owner.execute(
            "INSERT INTO gateway_configuration (gateway, place, version, body, fingerprint, made_of, made_at)"
            " SELECT id, place, 1, '{}', encode(sha256('x'), 'hex'), '', now() - interval '1 hour' FROM gateway"
        )
        owner.execute(
            "UPDATE gateway_state s SET config_refused = 'unknown_driver: x' FROM gateway g"
            " WHERE g.id = s.gateway AND g.code = 'gare-1'"
        )
        owner.execute(
            "INSERT INTO device_state (device, place, reported_at, silent_since, troubles)"
            " SELECT d.id, d.place, now(), now(), '{low_battery}' FROM device d JOIN gateway g ON g.id = d.gateway"
            " WHERE g.code = 'gare-1'"
        )
        owner.execute(
            "INSERT INTO heard_device (gateway, place, driver, address, key, first_at, last_at, times, said)"
            " SELECT id, place, 'chirpstack', 'a/b', 'a/b', now(), now(), 1, 'joined' FROM gateway"
        )
        assert told() == {
            "gateways": [("good", "all 2 have joined"), ("note", "shut out: port-1")],
            "certificates": [("bad", "are over: halle-1"), ("bad", "end within 10 days: gare-1")],
            "configuration": [("bad", "gare-1: unknown_driver: x"), ("bad", "not acknowledged: halle-1")],
            "devices": [
                ("note", "1 of 2 are silent: gare-1/reader"),
                ("note", "1 are in trouble: gare-1/reader"),
                ("note", "3 are heard and nobody has assigned them"),
            ],
        }
