"""What `maillage dashboards` reads from the environment."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from dashboards.words import Language


class DashboardsSettings(BaseSettings):
    """Settings of the dashboards' push and of the database readers."""

    model_config = SettingsConfigDict(env_prefix="MAILLAGE_", extra="ignore", frozen=True)

    database_url: SecretStr | None = Field(
        default=None,
        description="The database's URL as its owner (postgresql://…), to create readers for Grafana.",
    )
    grafana_token: SecretStr | None = Field(
        default=None,
        description="A token of a Grafana service account with the role Admin, or user:password.",
    )
    grafana_database_url: SecretStr | None = Field(
        default=None,
        description="The database's URL as Grafana reaches it, with a reader's user and password "
        "(postgresql://reader:…@host:5432/maillage?sslmode=require).",
    )
    grafana_folder: str = Field(
        default="Maillage",
        min_length=1,
        max_length=100,
        description="The title of the folder that holds the dashboards.",
    )
    grafana_tiles_url: str | None = Field(
        default=None,
        description="The XYZ URL template of your own map tiles, for the network's map; "
        "not set: the outlines included in Grafana. Grafana's default tiles come from a third party.",
    )

    grafana_language: Language = Field(
        default="fr",
        description="fr or en: the language of the alert rules, which come once, with the dashboards of that language.",
    )
    grafana_alert_mail: str | None = Field(
        default=None,
        description="Mail addresses that Grafana's alerts go to, with commas between them.",
    )
    grafana_alert_webhook: SecretStr | None = Field(
        default=None,
        description="An http or https address that Grafana's alerts are posted to. "
        "Neither this nor an address for mail: Grafana's default contact point.",
    )

    @field_validator("grafana_token", "grafana_database_url", "grafana_alert_webhook", mode="after")
    @classmethod
    def _without_line_ends(cls, value: SecretStr | None) -> SecretStr | None:
        """What is read from a file often ends in a newline, which no token and no URL has."""
        return None if value is None else SecretStr(value.get_secret_value().strip("\r\n"))
