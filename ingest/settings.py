"""The settings of the ingest, from the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.contract.wire import SHARDS


class IngestSettings(BaseSettings):
    """Settings of ``maillage ingest``."""

    model_config = SettingsConfigDict(env_prefix="MAILLAGE_", frozen=True, extra="ignore")

    database_url: SecretStr = Field(description="TimescaleDB, as a user in the role maillage_ingest")
    mqtt_url: SecretStr = Field(description="the central broker: mqtt://user:password@host:port")
    mqtt_tls: Path | None = Field(
        default=None,
        description="folder with authority.pem, certificate.pem and key.pem for mutual TLS with the broker, as"
        " `maillage authority issue` made it; none: user and password",
    )
    shards: str = Field(default="0-63", description="which shards this worker may take, for example 0-31 or 4,7,9")
    metrics_port: int = Field(
        default=9464, ge=0, le=65535, description="port of /metrics, /healthz and /readyz; 0: none"
    )
    http_host: str = Field(default="127.0.0.1", description="address that the HTTP server listens on")
    queue_bytes: int = Field(
        default=64_000_000,
        ge=2_000_000,
        description="largest size of the messages that wait for the database, bytes; more are dropped and resent",
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")

    @field_validator("shards")
    @classmethod
    def _shards_exist(cls, value: str) -> str:
        parse_shards(value)
        return value

    @property
    def shard_set(self) -> frozenset[int]:
        """The shards as numbers."""
        return parse_shards(self.shards)


def parse_shards(text: str) -> frozenset[int]:
    """Read ``0-31`` or ``4,7,9-12`` into shard numbers.

    Raises:
        ValueError: not numbers, or outside 0 to 63.
    """
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise ValueError(f"shards are numbers from 0 to {SHARDS - 1} like 0-31 or 4,7,9: not {part.strip()!r}")
        found.update(range(int(first), int(last if dash else first) + 1))
    if not found or max(found) >= SHARDS:
        raise ValueError(f"shards are numbers from 0 to {SHARDS - 1} like 0-31 or 4,7,9: not {text!r}")
    return frozenset(found)
