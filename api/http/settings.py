"""Settings of the API process, from its environment."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from access.errors import CardError
from rights.card_secret import CardKeys


class ApiSettings(BaseSettings):
    """Settings of the API; each is an environment variable: ``MAILLAGE_`` and the name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="MAILLAGE_",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,  # values may be secrets
    )

    database_url: SecretStr = Field(
        description="PostgreSQL with TimescaleDB, as `postgresql://user:password@host:port/name`; "
        "the user is a member of the role `maillage_api`."
    )
    http_host: str = Field(default="127.0.0.1", description="The address that the API listens on.")
    http_port: int = Field(default=8080, ge=0, le=65535, description="The port that the API listens on.")
    stream_clients: int = Field(
        default=2000, ge=1, le=100_000, description="Live streams open at once; one more is answered with 503."
    )
    client_streams: int = Field(
        default=500,
        ge=1,
        description="Live streams open at once from one address (IPv6: one /64); one more is answered with 429.",
    )
    client_connections: int = Field(
        default=1000,
        ge=1,
        description="Connections open at once from one address; those of trusted proxies are not counted.",
    )
    client_requests: int = Field(
        default=5000, ge=1, description="Requests from one address in 10 s; more are answered with 429."
    )
    client_wrong_keys: int = Field(
        default=30,
        ge=1,
        description="Wrong keys from one address in a minute; beyond it, keys that have not been used successfully "
        "since the start are answered with 429.",
    )
    client_links: int = Field(
        default=60,
        ge=1,
        description="Links to sign in with that one address asks for in ten minutes: all who are in a place may share "
        "it. A mail address gets five an hour.",
    )
    client_sign_ins: int = Field(
        default=60,
        ge=1,
        description="Tries to sign in with a passkey, a password or a second factor from one address in ten minutes.",
    )
    key_requests: int = Field(
        default=2000, ge=1, description="Requests with one key in 10 s; more are answered with 429."
    )
    card_sealing_key: str = Field(
        default="",
        description="The public key that card numbers are sealed with for the rights process: 32 bytes in base64 "
        "(`maillage network card-keys` prints it). Without it and the look-up key no card can be registered.",
    )
    card_lookup_key: SecretStr | None = Field(
        default=None,
        description="The key that cards are found by, which no gateway holds: 64 hexadecimal digits "
        "(`maillage network card-keys`).",
    )
    broker_address: str | None = Field(
        default=None,
        pattern=r"^mqtts://[^/@\s]+$",
        description="The central broker as gateways reach it, `mqtts://host:port`; they are given it when they join. "
        "Without it none can.",
    )
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/\s]+$",
        description="The address of this API as people's browsers reach it, `https://maillage.example.org`: links in "
        "mails begin with it. Without it people sign in only on this machine itself.",
    )
    oidc_issuer: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        description="An OpenID Connect provider at which people may sign in (docs/sign-in.md): what its "
        "`/.well-known/openid-configuration` stands under. Needs `MAILLAGE_PUBLIC_URL`.",
    )
    oidc_client_id: str = Field(default="", description="What that provider knows this network as.")
    oidc_client_secret: SecretStr | None = Field(default=None, description="The secret that it gave to this network.")
    oidc_name: str = Field(default="OpenID Connect", description="The provider's name, as the sign-in page shows it.")
    oidc_scopes: str = Field(default="openid email", description="What is asked of it; an address must be among it.")
    oidc_acr: str = Field(
        default="",
        description="How surely the provider must have known the person (`acr_values`, one of them must come back), "
        "separated by spaces. Empty: as it does usually.",
    )
    oidc_vouches: bool = Field(
        default=False,
        description="Believe its addresses though it doesn't say `email_verified`, as ProConnect doesn't.",
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses or networks of the proxies whose `X-Forwarded-For` and `X-Request-Id` are trusted, "
        "separated by commas. A proxy that is not listed here counts as one client.",
    )
    instance_key: SecretStr | None = Field(
        default=None,
        description="A secret that `maillage up` shares with the commands run on the same machine: the API proves "
        "with it that it belongs to this stack before they send it a key.",
    )
    log_level: str = Field(
        default="INFO", description="The lowest level that is logged: DEBUG, INFO, WARNING or ERROR."
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, given: str) -> str:
        """Refuse an invalid address at the start."""
        for one in given.split(","):
            try:
                ip_network(one.strip() or "127.0.0.1", strict=False)
            except ValueError:
                raise ValueError(
                    f"{one.strip()[:64]!r} is neither an address nor a network: write 192.0.2.1 or 10.0.0.0/8."
                ) from None
        return given

    @model_validator(mode="after")
    def _readable(self) -> Self:
        """Refuse invalid card keys at the start; an empty one counts as none."""
        try:
            _ = self.card_keys
        except CardError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def card_keys(self) -> CardKeys | None:
        """What cards are stored with; None: one of the two keys is missing.

        Raises:
            CardError: one of them isn't a key.
        """
        lookup = self.card_lookup_key.get_secret_value() if self.card_lookup_key is not None else ""
        return CardKeys.read(self.card_sealing_key, lookup) if self.card_sealing_key and lookup else None
