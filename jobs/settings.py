"""The settings of the jobs process, from the environment."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from jobs.appointments.settings import InboxSettings
from jobs.mail.settings import MailSettings


class JobsSettings(MailSettings, InboxSettings):
    """Settings of ``maillage jobs``."""

    model_config = SettingsConfigDict(env_prefix="MAILLAGE_", frozen=True, extra="ignore")

    database_url: SecretStr = Field(description="TimescaleDB, as a user in the role maillage_maintain")
    metrics_port: int = Field(
        default=9468, ge=0, le=65535, description="port of /metrics, /healthz and /readyz; 0: none"
    )
    http_host: str = Field(default="127.0.0.1", description="address that the HTTP server listens on")
    calendars_private: bool = Field(
        default=False, description="Whether calendars may be read from servers inside the network, and without TLS"
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")
