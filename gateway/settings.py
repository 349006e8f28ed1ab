"""The gateway's settings, from the environment (``MAILLAGE_…``)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class GatewaySettings(BaseSettings):
    """What a gateway process needs to know."""

    model_config = SettingsConfigDict(env_prefix="MAILLAGE_", extra="ignore", frozen=True)

    mqtt_url: SecretStr = Field(
        default=SecretStr("mqtt://127.0.0.1:1883"),
        description="the central broker: mqtt://host:port or mqtts://…; each gateway logs in as itself",
    )
    field_mqtt_url: SecretStr = Field(
        default=SecretStr("mqtt://127.0.0.1:1884"),
        description="the place's own broker, to which its devices are connected",
    )
    identity: Path | None = Field(
        default=None,
        description="folder of the gateway's identity, as `maillage gateway join` made it, or of several such folders;"
        " none: the gateways' file",
    )
    field_logins: Path | None = Field(
        default=None,
        description="the file with this process's login at the place's broker, which `maillage gateway field` wrote; "
        "not read where the broker's address holds a login",
    )
    gateways_file: Path = Field(
        default=Path(".runtime/gateways.json"),
        description="the gateways to run, with devices and keys, as `maillage network gateways` wrote them",
    )
    passphrase_file: Path | None = Field(
        default=None,
        description="a file with the passphrase that opens the identity's sealed key; none: systemd's credential"
        " maillage-passphrase, or it is asked for at a terminal",
    )
    spool: Path = Field(
        default=Path(".runtime/spool.sqlite"), description="the gateway's spool: a SQLite file on a persistent disk"
    )
    spool_max_mb: int | None = Field(
        default=None, ge=1, description="the spool's largest size in MB; none: until the disk is full"
    )
    places: tuple[str, ...] = Field(
        default=(), description="Run only the gateways of these places (JSON list of codes)."
    )
    http_host: str = Field(default="127.0.0.1", description="address that /healthz and /metrics listen on")
    metrics_port: int = Field(default=9465, ge=0, le=65535, description="port of /healthz and /metrics; 0: none")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")
