"""Changes the key that signs lists, orders and configurations, in the rights process' file of settings, in two steps.

``begin`` adds the next key: gateways are given both public keys. ``finish`` lets the next one sign, once every gateway
believes it. Keys are never printed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from database.pool import Connection
from gateway.contract.signing import new_seed, public_key
from maillage.complaint import Complaint
from maillage.network.founding import read_environment, write_environment

_KEY: Final = "MAILLAGE_LIST_SIGNING_KEY"
_NEXT: Final = "MAILLAGE_LIST_SIGNING_KEY_NEXT"

_BEHIND = """
-- gateways in service that have not acknowledged a configuration with this key
SELECT g.code::text FROM gateway g
LEFT JOIN gateway_state t ON t.gateway = g.id
LEFT JOIN gateway_configuration c
  ON c.gateway = g.id AND c.version = t.config_version AND c.fingerprint = t.config_fingerprint
WHERE g.joined_at IS NOT NULL AND g.retired_at IS NULL AND g.revoked_at IS NULL
  AND NOT coalesce(c.body::jsonb -> 'list_keys' ? %s, false)
ORDER BY g.code
"""


def begin(file: Path) -> None:
    """Add a next key to the settings in ``file``.

    Raises:
        Complaint: the file has no key, or a change is under way.
    """
    settings = _read(file)
    if _NEXT in settings:
        raise Complaint(f"{file} has a next key already: --finish ends the change.")
    write_environment(file, {**settings, _NEXT: new_seed()})


def finish(file: Path, connection: Connection, *, anyway: bool) -> None:
    """Let the next key sign, and forget the present one.

    Raises:
        Complaint: no change is under way, or gateways don't believe the next key yet (unless ``anyway``).
    """
    settings = _read(file)
    following = settings.pop(_NEXT, None)
    if following is None:
        raise Complaint(f"{file} has no next key: begin without --finish.")
    behind = [code for (code,) in connection.execute(_BEHIND, (public_key(following),))]
    if behind and not anyway:
        raise Complaint(
            f"{len(behind)} gateways don't have the next key yet: {', '.join(behind[:10])}. Was the rights process "
            "restarted? Wait until they are back, or take the key with --anyway: they must join again then."
        )
    write_environment(file, {**settings, _KEY: following})


def _read(file: Path) -> dict[str, str]:
    settings = read_environment(file)
    if _KEY not in settings:
        raise Complaint(f"{file} has no line {_KEY}=…: name the file of the rights process' settings.")
    return settings
