"""The database takes a device of any driver; what writes the gateways' file refuses one that isn't installed."""

from __future__ import annotations

import re

import pytest

from database.pool import connect
from gateway.drivers import registry
from gateway.drivers.description import DriverDescription
from maillage.network.errors import SelectionError
from maillage.network.gateways import export_gateways


def test_a_reader_of_another_package_s_driver_opens_its_door(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lock() -> str | None:
        (one,) = export_gateways(connection, password=None, list_key=None, card_secret=None)
        return one.doors[0].lock

    with connect(database_url, application_name="maillage test") as connection:
        connection.execute(
            """WITH p AS (INSERT INTO place (code, name, latitude, longitude, shard, source, source_id)
                       VALUES ('p1', 'P', 45, 5, 1, 'test', '1') RETURNING id),
                 g AS (INSERT INTO gateway (place, code) SELECT id, 'p1-g1' FROM p RETURNING id, place),
                 s AS (INSERT INTO space (place, code, name, kind) SELECT id, 'place', 'P', 'place' FROM p
                       RETURNING id),
                 d AS (INSERT INTO door (place, code, name, to_space) SELECT p.id, 'entry', 'Entry', s.id FROM p, s
                       RETURNING id)
               INSERT INTO device (gateway, place, code, kind, driver, address, door)
               SELECT g.id, g.place, 'reader', 'reader', 'acme', 'acme/1', d.id FROM g, d"""
        )
        with pytest.raises(SelectionError, match="device reader: unknown_driver: acme is not installed"):
            lock()
        found = registry._found()
        for can, expected in ((frozenset({"reads_cards"}), None), (frozenset({"reads_cards", "unlocks"}), "reader")):
            acme = DriverDescription(
                name="acme",
                label="Acme",
                transports=("mqtt",),
                capabilities=can,  # type: ignore[arg-type]
                address=re.compile(".+"),
                address_form="TOPIC",
                address_example="acme/1",
                secrets=None,
                make=lambda _devices: registry.Unusable("not made here"),
            )
            monkeypatch.setattr(registry, "_found", lambda acme=acme: ({**found[0], "acme": acme}, {}))
            assert lock() == expected
