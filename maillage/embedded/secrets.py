"""The passwords and keys of an embedded stack: made once, kept in one file that only its owner reads."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOGINS: Final = {
    "ingest_1": "maillage_ingest",
    "rights_1": "maillage_rights",
    "api_1": "maillage_api",
    "maintain_1": "maillage_maintain",
    "grafana_1": "maillage_report",
    "broker_1": "maillage_broker",
}
"""Each database user of the stack and the group role (migration 0001) whose rights it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What an embedded stack must keep to itself."""

    postgres: str
    """The database superuser's password."""
    logins: dict[str, str]
    """Passwords of the users in LOGINS."""
    card_secret: str
    """32 bytes in hexadecimal: the keys of cards are derived from it (`rights.card_secret`)."""
    list_signing_key: str
    """An Ed25519 private seed, 32 bytes in base64: signs access lists and commands."""


def load_secrets(path: Path) -> Secrets:
    """Read the secrets in ``path``; whatever is missing is made and written first (mode 0600)."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found.setdefault("postgres", secrets.token_urlsafe(24))
    found.setdefault("card_secret", secrets.token_hex(32))
    found.setdefault("list_signing_key", base64.b64encode(secrets.token_bytes(32)).decode("ascii"))
    for name in LOGINS:
        found.setdefault("logins", {}).setdefault(name, secrets.token_urlsafe(24))
    made = Secrets(**{name: found[name] for name in Secrets.__slots__})
    _save(path, made)
    return made


def _save(path: Path, made: Secrets) -> None:
    """Write ``made`` to ``path`` in one step, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({name: getattr(made, name) for name in made.__slots__}, file, indent=1)
    partial.replace(path)
