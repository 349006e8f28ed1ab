"""The settings of the rights process, from the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from access.errors import CardError
from access.tokens import token_key
from gateway.contract.signing import SignatureError, public_key


class RightsSettings(BaseSettings):
    """Settings of ``maillage rights``."""

    model_config = SettingsConfigDict(env_prefix="MAILLAGE_", frozen=True, extra="ignore")

    database_url: SecretStr = Field(description="TimescaleDB, as a user in the role maillage_rights")
    mqtt_url: SecretStr = Field(description="the central broker: mqtt://user:password@host:port")
    mqtt_tls: Path | None = Field(
        default=None,
        description="folder with authority.pem, certificate.pem and key.pem for mutual TLS with the broker, as"
        " `maillage authority issue` made it; none: user and password",
    )
    list_signing_key: SecretStr = Field(
        description="Ed25519 private seed that signs access lists and commands: 32 bytes in base64"
    )
    list_signing_key_next: SecretStr | None = Field(
        default=None,
        description="while the signing key is changed, the next one: gateways are given both public keys",
    )
    authority: Path | None = Field(
        default=None,
        description="folder of the network's certificate authority, as `maillage authority create` made it; none: no"
        " gateway can join",
    )
    card_secret: SecretStr = Field(
        description="the network's card secret, 64 hexadecimal digits: it opens the numbers of cards, and each place's "
        "key for card tokens is derived from it"
    )
    metrics_port: int = Field(
        default=9467, ge=0, le=65535, description="port of /metrics, /healthz and /readyz; 0: none"
    )
    http_host: str = Field(default="127.0.0.1", description="address that the HTTP server listens on")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")

    @property
    def list_keys(self) -> tuple[str, ...]:
        """The public keys (base64) that gateways believe: the present one, then the next one if there is one."""
        keys = (self.list_signing_key, self.list_signing_key_next)
        return tuple(public_key(key.get_secret_value()) for key in keys if key is not None)

    @field_validator("card_secret")
    @classmethod
    def _secret_is_one(cls, value: SecretStr) -> SecretStr:
        try:
            token_key(value.get_secret_value())
        except CardError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("list_signing_key", "list_signing_key_next")
    @classmethod
    def _key_is_one(cls, value: SecretStr | None) -> SecretStr | None:
        try:
            if value is not None:
                public_key(value.get_secret_value())
        except SignatureError as error:
            raise ValueError(str(error)) from None
        return value
