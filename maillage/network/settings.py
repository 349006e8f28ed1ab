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
    gateways_file: Path = Field(
        default=Path(".runtime/gateways.json"),
        description="The simulator's file, written by `maillage network gateways`",
    )
