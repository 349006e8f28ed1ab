"""What cannot be started here is at least read: the Compose file, the systemd unit, the image."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from api.http.settings import ApiSettings
from dashboards.settings import DashboardsSettings
from gateway.settings import GatewaySettings
from ingest.settings import IngestSettings
from maillage.cli import app
from maillage.network.settings import NetworkSettings
from rights.settings import RightsSettings
from simulator.settings import SimulatorSettings

ROOT = Path(__file__).parents[3]
SETTINGS = (
    ApiSettings,
    DashboardsSettings,
    GatewaySettings,
    IngestSettings,
    NetworkSettings,
    RightsSettings,
    SimulatorSettings,
)
KNOWN = {f"MAILLAGE_{name.upper()}" for one in SETTINGS for name in one.model_fields} | {
    "MAILLAGE_READER_PASSWORD",
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text(encoding="utf-8"))
    return loaded


def test_compose_tells_the_processes_only_what_they_read(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        told = {name for name in service.get("environment", {}) if name.startswith("MAILLAGE_")}
        assert told <= KNOWN, service


def test_compose_uses_official_images_with_versions(compose: dict[str, Any]) -> None:
    images = {service["image"] for service in compose["services"].values()} - {"maillage", "maillage-broker"}
    assert {image.split(":")[0] for image in images} == {
        "timescale/timescaledb",
        "eclipse-mosquitto",
        "grafana/grafana",
    }
    assert all(re.fullmatch(r"\d+\.\d+\.\d+(-pg17)?", image.split(":")[1]) for image in images)
    assert "eclipse-mosquitto:2.0.21" in images


def test_compose_gives_its_ports_to_this_machine_only(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_compose_asks_for_every_secret_and_new_environment_makes_it(compose: dict[str, Any]) -> None:
    text = (ROOT / "deploy/compose.yaml").read_text(encoding="utf-8")
    asked = set(re.findall(r"(?<!\$)\$\{(\w+)", text)) - {"REGION"}
    script = (ROOT / "deploy/new-environment").read_text(encoding="utf-8")
    listed = re.search(r"for name in ([A-Z_ ]+);", script)
    assert listed is not None
    made = {f"{name}_PASSWORD" for name in listed[1].split()} | set(re.findall(r'echo "([A-Z_]+)=', script))
    assert asked == made


def test_compose_calls_commands_that_exist(
    compose: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILLAGE_RUNTIME", str(tmp_path))
    lines = []
    for service in compose["services"].values():
        if service["image"].partition("-")[0] != "maillage":
            continue
        if "entrypoint" in service:
            lines += [found.split() for found in re.findall(r"\bmaillage [a-z][^\n;&]*", service["command"][0])]
        else:
            lines.append(["maillage", *service["command"]])
    assert len(lines) > 12
    groups = ("network", "dashboards", "gateway", "sample", "broker")
    for words in {tuple(words[1:3]) if words[1] in groups else (words[1],) for words in lines}:
        done = CliRunner().invoke(app, [*words, "--help"])
        assert done.exit_code == 0, (words, done.output)


def test_compose_reads_files_that_exist(compose: dict[str, Any]) -> None:
    build = compose["services"]["api"]["build"]
    assert (ROOT / "deploy" / build["context"] / build["dockerfile"]).resolve() == ROOT / "deploy/Dockerfile"
    dockerfile = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    copied = {word for line in re.findall(r"^COPY (.+) \S+$", dockerfile, re.MULTILINE) for word in line.split()}
    packages = {"access", "api", "dashboards", "database", "gateway", "ingest", "maillage", "simulator"}
    assert packages < copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_units_of_the_field_broker_watch_what_the_gateway_writes_and_call_what_exists() -> None:
    service = (ROOT / "deploy/maillage-field.service").read_text(encoding="utf-8")
    path = (ROOT / "deploy/maillage-field.path").read_text(encoding="utf-8")
    gateway = (ROOT / "deploy/maillage-gateway.service").read_text(encoding="utf-8")
    (called,) = re.findall(r"^ExecStart=/opt/maillage/bin/maillage (.+)$", service, re.MULTILINE)
    done = CliRunner().invoke(app, [*called.split(), "--help"])
    assert done.exit_code == 0, done.output
    (spool,) = re.findall(r"^Environment=MAILLAGE_SPOOL=(.+)$", service, re.MULTILINE)
    assert f"PathChanged={spool}.configurations\n" in path
    for name in ("MAILLAGE_SPOOL", "MAILLAGE_FIELD_LOGINS"):
        (of_gateway,) = re.findall(rf"^Environment={name}=%S(.+)$", gateway, re.MULTILINE)
        assert f"Environment={name}=/var/lib{of_gateway}\n" in service


def test_the_unit_starts_the_gateway_and_always_again() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    unit.read(ROOT / "deploy/maillage-gateway.service", encoding="utf-8")
    assert unit["Service"]["ExecStart"].endswith("/maillage gateway")
    assert (unit["Service"]["Restart"], unit["Unit"]["StartLimitIntervalSec"]) == ("always", "0")
    told = re.findall(r"^Environment=(\w+)=", (ROOT / "deploy/maillage-gateway.service").read_text(), re.MULTILINE)
    assert set(told) <= KNOWN
