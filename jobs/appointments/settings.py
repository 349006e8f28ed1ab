"""The settings of the mailbox for invitations, from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from jobs.mail.settings import password_of


class InboxSettings(BaseSettings):
    """The mailbox that invitations come to. Without a server none is read."""

    model_config = SettingsConfigDict(env_prefix="MAILLAGE_", frozen=True, extra="ignore")

    imap_host: str | None = Field(
        default=None, description="The mail server with the mailbox for invitations; without it none is read"
    )
    imap_port: int = Field(default=993, ge=1, le=65535, description="Its port; with STARTTLS mostly 143")
    imap_security: Literal["tls", "starttls", "none"] = Field(
        default="tls", description="`tls` from the first byte; `starttls`; `none` for a server on this machine only"
    )
    imap_ca: str | None = Field(
        default=None, description="File with the authority of its certificate; none: the system's"
    )
    imap_user: str | None = Field(default=None, description="User of the mailbox")
    imap_password: SecretStr | None = Field(default=None, description="Its password")
    imap_password_file: Path | None = Field(default=None, description="File with its password, in place of the setting")
    imap_folder: str = Field(default="INBOX", description="The folder that is read; what was read is deleted")
    imap_authserv: str | None = Field(
        default=None,
        description="The name under which our mail server writes what it verified (`Authentication-Results`); "
        "without it every invitation must be confirmed",
    )
    booking_address: str | None = Field(
        default=None,
        pattern=r"^[^@\s<>+]+@[^@\s<>]+$",
        description="The mailbox's address, `book@example.org`: `book+PLACE.RESOURCE@example.org` books that resource",
    )

    @model_validator(mode="after")
    def _inbox_whole(self) -> Self:
        local = self.imap_host in ("localhost", "127.0.0.1", "::1", None)
        if self.imap_security == "none" and not local:
            raise ValueError("MAILLAGE_IMAP_SECURITY=none is for a mail server on this machine: set tls or starttls")
        if self.imap_host is not None and (self.imap_user is None or self.booking_address is None):
            raise ValueError("MAILLAGE_IMAP_HOST needs MAILLAGE_IMAP_USER and MAILLAGE_BOOKING_ADDRESS")
        if self.imap_host is not None and self.imap_password is None and self.imap_password_file is None:
            raise ValueError("MAILLAGE_IMAP_HOST needs MAILLAGE_IMAP_PASSWORD or MAILLAGE_IMAP_PASSWORD_FILE")
        return self

    def inbox_password(self) -> str:
        """Return the password, from its file where there is one; read at each use, so that a new one is taken.

        Raises:
            OSError: the file can't be read.
        """
        return password_of(self.imap_password, self.imap_password_file) or ""
