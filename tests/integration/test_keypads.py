"""Readers with keys and readers that write numbers, from the database into the gateways' file."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from gateway.config import read_gateways, write_gateways
from maillage.network.cli import app
from maillage.network.errors import KeyMissingError
from maillage.network.gateways import export_gateways
from rights.place_secrets import muster_key

NETWORK = """
INSERT INTO place (code, name, shard, latitude, longitude, source, source_id) VALUES ('a', 'A', 0, 45, 1, 't', '1');
INSERT INTO space (place, code, name, kind) SELECT id, 'place', 'Lieu', 'place' FROM place;
INSERT INTO door (place, code, name, to_space) SELECT place, 'entry', 'Porte', id FROM space;
INSERT INTO gateway (place, code) SELECT id, 'a-g1' FROM place;
"""
DEVICE = """
INSERT INTO device (gateway, place, code, kind, driver, model, address, door, side, bits)
SELECT g.id, g.place, %(code)s, %(kind)s, %(driver)s, %(model)s, 'x/y', CASE WHEN %(at_door)s THEN o.id END,
  %(side)s, %(bits)s
FROM gateway g JOIN door o ON o.place = g.place
"""
KEYPAD = {
    "code": "keys",
    "kind": "keypad",
    "driver": "zigbee2mqtt",
    "model": "KEPZB-110",
    "bits": None,
    "at_door": True,
    "side": "in",
}
READER = {
    "code": "reader",
    "kind": "reader",
    "driver": "esp_rfid",
    "model": "wiegand",
    "bits": 34,
    "at_door": True,
    "side": "out",
}
SECRET = "0123456789abcdef"
CARDS = bytes(32)


def test_a_keypad_and_a_reader_s_bits_reach_the_gateway(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(NETWORK.encode())
        for device in (KEYPAD, READER):
            connection.execute(DEVICE, device)
        exported = export_gateways(
            connection, password=None, list_key=None, card_secret=CARDS, muster_key=partial(muster_key, CARDS)
        )
    path = tmp_path / "gateways.json"
    write_gateways(path, exported)
    (one,) = read_gateways(path)
    assert [(device.kind, device.door, device.side, device.bits) for device in one.devices] == [
        ("keypad", "entry", "in", None),
        ("reader", "entry", "out", 34),
    ]
    assert one.muster_key is not None
    assert one.muster_key.get_secret_value() == muster_key(CARDS, "a")
    assert one.muster_key.get_secret_value() not in repr(one)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("wrong", [{"at_door": False}, {"bits": 23}, {"bits": 65}, {"kind": "keyboard"}], ids=str)
def test_nonsense_is_refused(database_url: str, wrong: dict[str, object]) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(NETWORK.encode())
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(DEVICE, {**KEYPAD, **wrong})


def test_a_muster_s_key_needs_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILLAGE_DATABASE_URL", "postgresql://127.0.0.1:1/nowhere")  # isn't asked
    monkeypatch.delenv("MAILLAGE_CARD_SECRET", raising=False)
    with pytest.raises(KeyMissingError, match="MAILLAGE_CARD_SECRET"):
        CliRunner().invoke(app, ["muster-key", "a"], catch_exceptions=False)


def test_a_muster_s_key_is_short_and_its_own() -> None:
    keys = {muster_key(CARDS, place) for place in ("a", "b", "c")}
    assert len(keys) == 3
    assert all(len(key) == 14 and key.replace("-", "").isalnum() for key in keys)
