"""What cannot be started here is at least read: the Compose file, the systemd unit, the image."""

from __future__ import annotations

import configparser
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from api.http.settings import ApiSettings
from dashboards.settings import DashboardsSettings
from gateway.settings import GatewaySettings
from ingest.settings import IngestSettings
from maillage.cli import app
from maillage.network.founding import LOGINS
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
KNOWN = {f"MAILLAGE_{name.upper()}" for one in SETTINGS for name in one.model_fields} | {"MAILLAGE_READER_PASSWORD"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text(encoding="utf-8"))
    return loaded


def test_compose_tells_the_processes_only_what_they_read(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        told = {name for name in service.get("environment", {}) if name.startswith("MAILLAGE_")}
        assert told <= KNOWN, service


def test_compose_uses_official_images_with_versions(compose: dict[str, Any]) -> None:
    images = {service["image"] for service in compose["services"].values() if "build" not in service}
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
    assert asked == {f"{name}_PASSWORD" for name in listed[1].split()}


def test_compose_gives_no_secret_in_an_argument(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert not re.search("PASSWORD|SECRET|KEY", str(service.get("command")) + str(service.get("entrypoint")))


def test_compose_calls_commands_that_exist_with_options_that_they_take(compose: dict[str, Any]) -> None:
    found = [words for service in compose["services"].values() for words in called(service)]
    assert len(found) == 14
    for words in found:
        command: Any = typer.main.get_command(app)
        while hasattr(command, "commands") and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        with command.make_context("maillage", [word.replace("$!", "1") for word in words]) as context:
            assert command is not typer.main.get_command(app)
            assert not context.args, (command.name, words)


def called(service: dict[str, Any]) -> list[list[str]]:
    """Return the words after `maillage` of each command of ours that a service calls."""
    if "build" not in service:
        return []
    if "entrypoint" not in service:
        return [list(service["command"])]
    (script,) = service["command"]
    lines = re.findall(r"(?:^|; )\s*(?:exec )?maillage ([^;&\n]+)", script, re.MULTILINE)
    return [shlex.split(line.replace("$$", "$")) for line in lines]


def test_each_service_reads_the_settings_that_init_writes_from_a_volume_that_it_has(compose: dict[str, Any]) -> None:
    written = {f"{name}.env" for name in (*LOGINS, "owner")}
    read: dict[str, str] = {}
    for name, service in compose["services"].items():
        volumes = {volume.split(":")[1] for volume in service.get("volumes", [])}
        for folder, file in re.findall(r"\. (/\w+)/(\w+\.env)", str(service.get("command"))):
            assert folder in volumes
            assert file in written
            read[name] = file
    assert read == {
        "prepare": "owner.env", "broker": "broker.env", "ingest": "ingest.env", "rights": "rights.env",
        "api": "api.env", "join": "owner.env", "jobs": "jobs.env",
    }  # fmt: skip


def test_what_is_open_to_people_and_devices_sees_no_secret_of_the_centre(compose: dict[str, Any]) -> None:
    for name in ("api", "gateway", "simulator", "field", "grafana"):
        assert not any(volume.startswith("network:") for volume in compose["services"][name]["volumes"])


def test_the_broker_has_the_name_by_which_others_reach_it(compose: dict[str, Any]) -> None:
    (init,) = (words for words in called(compose["services"]["prepare"]) if words[0] == "init")
    for option in ("--broker-host", "--processes-host"):
        assert init[init.index(option) + 1] in compose["services"]


def test_compose_reads_files_that_exist(compose: dict[str, Any]) -> None:
    build = compose["services"]["api"]["build"]
    assert (ROOT / "deploy" / build["context"] / build["dockerfile"]).resolve() == ROOT / "deploy/Dockerfile"
    dockerfile = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    copied = {word for line in re.findall(r"^COPY (.+) \S+$", dockerfile, re.MULTILINE) for word in line.split()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) < copied
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


def test_the_timer_makes_certificates_again_where_init_wrote_them() -> None:
    service = (ROOT / "deploy/maillage-certificates.service").read_text(encoding="utf-8")
    (called,) = re.findall(r"^ExecStart=/opt/maillage/bin/maillage (.+)$", service, re.MULTILINE)
    done = CliRunner().invoke(app, [*called.split(), "--help"])
    assert done.exit_code == 0, done.output
    page = (ROOT / "docs/first-place.md").read_text(encoding="utf-8")
    folder = called.split()[-1]
    assert f"maillage init {folder} " in page
    assert f"ReadWritePaths={folder}\n" in service
    assert "systemctl enable --now maillage-certificates.timer" in page
    assert "OnCalendar=weekly" in (ROOT / "deploy/maillage-certificates.timer").read_text(encoding="utf-8")


def test_the_unit_starts_the_gateway_and_always_again() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    unit.read(ROOT / "deploy/maillage-gateway.service", encoding="utf-8")
    assert unit["Service"]["ExecStart"].endswith("/maillage gateway")
    assert (unit["Service"]["Restart"], unit["Unit"]["StartLimitIntervalSec"]) == ("always", "0")
    told = re.findall(r"^Environment=(\w+)=", (ROOT / "deploy/maillage-gateway.service").read_text(), re.MULTILINE)
    assert set(told) <= KNOWN
