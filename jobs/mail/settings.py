"""The settings of mail, from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class MailSettings(BaseSettings):
    """Where and how mail is sent. Without a server it is kept and not sent."""

    model_config = SettingsConfigDict(env_prefix="MAILLAGE_", frozen=True, extra="ignore")

    smtp_host: str | None = Field(
        default=None, description="The mail server that takes our mail. Without it mail is kept and not sent"
    )
    smtp_port: int = Field(default=587, ge=1, le=65535, description="The mail server's port; with TLS mostly 465")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="`starttls`; `tls` from the first byte; `none` for a server on this machine only",
    )
    smtp_ca: str | None = Field(
        default=None, description="File with the authority of the mail server's certificate; none: the system's"
    )
    smtp_user: str | None = Field(default=None, description="User at the mail server; none: no sign-in")
    smtp_password: SecretStr | None = Field(default=None, description="Its password")
    smtp_password_file: Path | None = Field(default=None, description="File with its password, in place of the setting")
    mail_from: str = Field(
        default="maillage@localhost", pattern=r"^[^@\s<>]+@[^@\s<>]+$", description="The address that mail comes from"
    )
    mail_language: Literal["fr", "en"] = Field(
        default="fr", description="The language of mails to members who have chosen none"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        local = self.smtp_host in ("localhost", "127.0.0.1", "::1", None)
        if self.smtp_security == "none" and not local:
            raise ValueError("MAILLAGE_SMTP_SECURITY=none is for a mail server on this machine: set starttls or tls")
        if self.smtp_user is not None and self.smtp_password is None and self.smtp_password_file is None:
            raise ValueError("MAILLAGE_SMTP_USER needs MAILLAGE_SMTP_PASSWORD or MAILLAGE_SMTP_PASSWORD_FILE")
        return self

    def password(self) -> str | None:
        """Return the password, from its file where there is one; read at each use, so that a new one is taken.

        Raises:
            OSError: the file can't be read.
        """
        return password_of(self.smtp_password, self.smtp_password_file)


def password_of(given: SecretStr | None, file: Path | None) -> str | None:
    """Return a password: from its file where there is one, else as given; None: neither.

    Raises:
        OSError: the file can't be read.
    """
    if file is not None:
        return file.read_text(encoding="utf-8").strip()
    return None if given is None else given.get_secret_value()
