"""SQL and shapes of gateways' configurations."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pydantic import Field

from api.http.models import Answer, Body, Question

FIND: Final = """
SELECT g.id, g.code::text AS code, p.code::text AS place, g.sealing_key IS NOT NULL AS joined, h.version AS held_at,
  s.config_version, s.config_fingerprint, s.config_refused, s.online
FROM gateway g JOIN place p ON p.id = g.place
LEFT JOIN configuration_hold h ON h.gateway = g.id LEFT JOIN gateway_state s ON s.gateway = g.id
WHERE g.code = %(code)s
"""
VERSIONS: Final = """
SELECT version, made_at, back_to, fingerprint FROM gateway_configuration WHERE gateway = %(id)s ORDER BY version DESC
"""
BODY: Final = "SELECT body FROM gateway_configuration WHERE gateway = %(id)s AND version = %(version)s"
HOLD: Final = "SELECT hold_configuration(%(id)s, %(version)s)"


class ConfigurationQuestion(Question):
    """Which version."""

    version: int | None = Field(default=None, ge=1, le=2**31 - 1, description="Default: the newest.")


class SetBack(Body):
    """Where a gateway's configuration goes back to."""

    back_to: int | None = Field(
        ge=1,
        le=2**31 - 1,
        description="Doors and devices of this version, until the next call; null: what the place is now.",
        examples=[3],
    )


class Version(Answer):
    """One version that is kept."""

    version: int
    made_at: datetime
    back_to: int | None = Field(description="It repeats this version's doors and devices.")


class GatewayConfiguration(Answer):
    """A gateway's configuration: what it should use, and what it says that it uses."""

    gateway: str
    place: str
    version: int | None = Field(description="The version that is shown; null: there is none yet.")
    newest: int | None
    held_at: int | None = Field(description="An operator has set the gateway back to this version.")
    used: int | None = Field(description="The version that the gateway uses; null: none, or it never said.")
    current: bool = Field(description="Whether the gateway uses the newest.")
    refused: str | None = Field(description="Why it doesn't use the last one that it was sent.")
    versions: list[Version] = Field(description="Those that are kept, the newest first.")
    configuration: dict[str, Any] | None = Field(description="Doors and devices of the version, without its secrets.")
