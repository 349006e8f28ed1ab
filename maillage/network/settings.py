"""The settings of ``maillage network``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from access import token_key
from maillage.network.errors import KeyMissingError


class CardSettings(BaseSettings):
    """The network's card secret, from the environment, prefix ``MAILLAGE_``."""

    model_config = SettingsConfigDict(env_prefix="MAILLAGE_", extra="ignore")

    card_secret: SecretStr | None = Field(
        default=None, description="The network's card secret: 32 bytes in hexadecimal"
    )

    def require_card_secret(self) -> bytes:
        """Return the network's card secret, 32 bytes.

        Raises:
            KeyMissingError: it isn't set.
            CardError: it isn't 32 bytes in hexadecimal.
        """
        if self.card_secret is None:
            raise KeyMissingError(
                "MAILLAGE_CARD_SECRET is not set. Make one (`openssl rand -hex 32`) and keep it: without it no card's "
                "number can be read again, and every card must be presented anew."
            )
        return token_key(self.card_secret.get_secret_value())


class NetworkSettings(CardSettings):
    """From the environment, prefix ``MAILLAGE_``."""

    database_url: SecretStr = Field(description="PostgreSQL with TimescaleDB, as the owner: postgresql://…")
    list_signing_key: SecretStr | None = Field(
        default=None, description="Ed25519 private seed that signs access lists and orders: 32 bytes in base64"
    )
    mqtt_secret: SecretStr | None = Field(
        default=None, description="Secret from which the gateways' broker passwords are derived: at least 16 characters"
    )
    gateways_file: Path = Field(
        default=Path(".runtime/gateways.json"), description="The gateways' file, written by `maillage network gateways`"
    )

    def require_signing_key(self) -> str:
        """Return the seed that signs access lists (base64).

        Raises:
            KeyMissingError: it isn't set.
        """
        if self.list_signing_key is None:
            raise KeyMissingError(
                "MAILLAGE_LIST_SIGNING_KEY is not set. Make one (`openssl rand -base64 32`) and keep it: the gateways "
                "believe no other."
            )
        return self.list_signing_key.get_secret_value()
