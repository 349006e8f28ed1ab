"""The settings of ``maillage network`` and ``maillage maintain``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class NetworkSettings(BaseSettings):
    """From the environment, prefix ``MAILLAGE_``."""

    model_config = SettingsConfigDict(env_prefix="MAILLAGE_", extra="ignore")

    database_url: SecretStr = Field(
        default=SecretStr("postgresql:///maillage"), description="PostgreSQL with TimescaleDB: postgresql://…"
    )
    card_key: SecretStr | None = Field(
        default=None, description="The network's key for card tokens: 32 bytes in hexadecimal"
    )
    list_signing_key: SecretStr | None = Field(
        default=None, description="Ed25519 private seed that signs access lists and commands: 32 bytes in base64"
    )
    mqtt_secret: SecretStr | None = Field(
        default=None, description="From it the gateways' broker passwords are derived: 16 characters or more"
    )
    gateways_file: Path = Field(
        default=Path(".runtime/gateways.json"), description="The gateways' file, written by `maillage network gateways`"
    )
