"""Who may do what: roles, and the permissions that each holds. The database asks once more (row-level security)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, get_args

Role = Literal[
    "network_administrator", "place_manager", "front_desk", "auditor", "gateway", "availability_reader", "member"
]
Permission = Literal[
    "members:read",
    "members:write",
    "cards:write",
    "passes:write",
    "visitors:write",
    "rules:write",
    "unlock",
    "lockdown",
    "enrol",
    "muster:read",
    "alarms:write",
    "explain",
    "whatif",
    "audit:read",
    "events:read",
    "privacy",
    "keys:write",
    "own",
]

ROLES: Final[tuple[Role, ...]] = get_args(Role)
PERMISSIONS: Final[tuple[Permission, ...]] = get_args(Permission)

_DESK: Final = frozenset[Permission](
    ("members:read", "members:write", "cards:write", "visitors:write", "unlock", "enrol", "muster:read")
) | frozenset[Permission](("alarms:write", "explain"))
_MANAGER: Final = _DESK | frozenset[Permission](
    ("passes:write", "rules:write", "lockdown", "whatif", "audit:read", "events:read", "keys:write")
)

HELD: Final[Mapping[Role, frozenset[Permission]]] = {
    "network_administrator": frozenset(PERMISSIONS),
    "place_manager": _MANAGER,
    "front_desk": _DESK,
    "auditor": frozenset(("members:read", "muster:read", "explain", "whatif", "audit:read", "events:read")),
    "gateway": frozenset(),
    "availability_reader": frozenset(),
    "member": frozenset(("own",)),
}
"""What each role may do; of a key that is bound to places, there only."""

OF_SCOPES: Final[Mapping[str, frozenset[Permission]]] = {
    "admin": frozenset(PERMISSIONS),
    "access:manage": _MANAGER - {"audit:read", "events:read", "keys:write"},
    "events:read": frozenset(("events:read",)),
}
"""What the bare scopes of keys without a role stand for."""

_NETWORK_ONLY: Final = frozenset[Permission](("privacy",))
"""What is nobody's who is bound to places."""


def permissions_of(role: str | None, scopes: Iterable[str], *, bound: bool) -> frozenset[Permission]:
    """Return what a key with ``role`` (None: none) and ``scopes`` may do; what isn't known gives nothing.

    ``bound``: to some places. An administrator of some places only is their manager, as the database takes it as well.
    """
    held: frozenset[Permission] = frozenset()
    for known, permissions in HELD.items():
        if known == role:
            held |= permissions
    for scope in scopes:
        held |= OF_SCOPES.get(scope, frozenset())
    return held - _NETWORK_ONLY if bound else held
