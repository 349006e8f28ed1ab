"""Who may do what on the central broker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from gateway.config import GatewayConfig, write_gateways
from maillage.broker import acl
from maillage.cli import app


def test_a_gateway_has_rights_at_its_own_address_only() -> None:
    lines = acl(["ingest", "rights", "port-1"], {"port-1": "02/port"}).splitlines()
    of_gateway = lines[lines.index("user port-1") + 1 :]
    assert len(of_gateway) == 9
    assert all(" maillage/v1/02/port/port-1/" in line for line in of_gateway)
    assert not any(line.startswith("pattern") for line in lines)
    assert lines.count("user ingest") == lines.count("user rights") == 1


@pytest.mark.parametrize(
    ("user", "where"),
    [
        ("+", "02/port"),
        ("#", "02/port"),
        ("a b", "02/port"),
        ("port-1", "02/+"),
        ("port-1", "02/port/x"),
        ("x\nuser y", "02/p"),
    ],
)
def test_a_name_that_would_widen_the_rights_is_refused(user: str, where: str) -> None:
    with pytest.raises(ValueError, match="address"):
        acl([user], {user: where})


def test_the_files_for_a_broker_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateways = tmp_path / "gateways.json"
    one = GatewayConfig(shard=2, place="port", gateway="port-1", mqtt_password=SecretStr("p"))
    write_gateways(gateways, (one,))
    assert json.loads(gateways.read_text())[0]["place"] == "port"
    monkeypatch.setenv("MAILLAGE_MQTT_URL", "mqtt://ingest:i@broker:1883")
    made = CliRunner().invoke(
        app, ["broker-files", str(tmp_path / "b"), "--gateways-file", str(gateways), "--rights-password", "r"]
    )
    assert made.exit_code == 0, made.output
    assert "topic write maillage/v1/02/port/port-1/events" in (tmp_path / "b" / "acl").read_text()
