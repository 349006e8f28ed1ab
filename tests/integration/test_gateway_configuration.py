"""A gateway that joined gets its place's devices over TLS; an operator sees its configuration and sets it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from api.keys.owner import create_key
from gateway.run import Process
from gateway.settings import GatewaySettings
from maillage.cli import app
from maillage.embedded import EmbeddedMosquitto
from maillage.embedded.bundle import Bundle
from tests.enrolled import Enrolled, enrolled
from tests.waiting import until


@pytest.fixture
def network(postgres_url: str, _template: str, bundle: Bundle, tmp_path: Path) -> Iterator[Enrolled]:
    with enrolled(postgres_url, _template, bundle, tmp_path / "enrolled") as one:
        yield one


def test_from_joining_to_an_earlier_version(
    network: Enrolled, field_mqtt: EmbeddedMosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.place("citels")
    network.place("gare")
    identity = network.joined("citels")
    settings = GatewaySettings(
        field_mqtt_url=SecretStr(field_mqtt.url()),
        identity=identity.directory,
        spool=tmp_path / "spool.sqlite",
        metrics_port=0,
    )
    process = Process(settings, (), (identity,))
    try:
        holder, place = process.holders["citels-1"], process.places["citels-1"]
        until(lambda: holder.acknowledged[0] == 1, what="it gets what there is")
        assert len(place.config.card_key.get_secret_value()) == 64
        network.sql(
            "INSERT INTO device (gateway, place, code, kind, driver, address, space)"
            " SELECT g.id, g.place, 'motion', 'presence_sensor', 'zigbee2mqtt', 'z/motion', s.id"
            " FROM gateway g JOIN space s ON s.place = g.place AND s.parent IS NULL WHERE g.code = 'citels-1'"
        )
        until(lambda: holder.acknowledged[0] == 2)
        assert "motion" in [one.code for one in place.config.devices]

        path = "/v1/gateways/citels-1/configuration"
        with psycopg.connect(network.database.url) as conn:
            elsewhere = create_key(conn, "elsewhere", role="place_manager", places=["gare"])
            auditor = create_key(conn, "auditor", role="auditor")
        for key, status in ((elsewhere, 403), (auditor, 403), ("", 401)):
            assert network.post(path, {"back_to": 1}, key=key or "none").status_code == status
        assert network.post(path, {"back_to": 7}).status_code == 422
        assert network.post("/v1/gateways/nobody/configuration", {"back_to": 1}).status_code == 404

        monkeypatch.setenv("MAILLAGE_API_URL", str(network.api.base_url))
        monkeypatch.setenv("MAILLAGE_API_KEY", network.key)
        shown = CliRunner().invoke(app, ["gateway", "configuration", "citels-1"])
        assert "citels-1 of citels: version 2 of 2" in shown.output
        assert '"code": "motion"' in shown.output
        assert "sealed" not in shown.output
        back = CliRunner().invoke(app, ["gateway", "configuration", "citels-1", "--back-to", "1"])
        assert "goes back to version 1" in back.output
        until(lambda: holder.acknowledged[0] == 3)
        assert "motion" not in [one.code for one in place.config.devices]
        told = network.api.get(path, headers={"Authorization": f"Bearer {network.key}"}).json()
        assert (told["newest"], told["held_at"]) == (3, 1)
        assert [one["back_to"] for one in told["versions"]] == [1, None, None]
        assert network.sql("SELECT action FROM audit WHERE subject = 'gateway citels-1' ORDER BY id DESC LIMIT 1") == [
            ("configuration set back",)
        ]
        CliRunner().invoke(app, ["gateway", "configuration", "citels-1", "--newest"])
        until(lambda: holder.acknowledged[0] == 4)
        assert "motion" in [one.code for one in place.config.devices]
    finally:
        process.stop()
