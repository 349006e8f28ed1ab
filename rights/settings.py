"""The settings of the rights process, from the environment."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.contract.signing import SignatureError, public_key


class RightsSettings(BaseSettings):
    """Settings of ``maillage rights``."""

    model_config = SettingsConfigDict(env_prefix="MAILLAGE_", frozen=True, extra="ignore")

    database_url: SecretStr = Field(description="TimescaleDB, as a user in the role maillage_rights")
    mqtt_url: SecretStr = Field(description="the central broker: mqtt://user:password@host:port")
    list_signing_key: SecretStr = Field(
        description="Ed25519 private seed that signs access lists and commands: 32 bytes in base64"
    )
    metrics_port: int = Field(
        default=9467, ge=0, le=65535, description="port of /metrics, /healthz and /readyz; 0: none"
    )
    http_host: str = Field(default="127.0.0.1", description="address that the HTTP server listens on")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")

    @field_validator("list_signing_key")
    @classmethod
    def _key_is_one(cls, value: SecretStr) -> SecretStr:
        try:
            public_key(value.get_secret_value())
        except SignatureError as error:
            raise ValueError(str(error)) from None
        return value
