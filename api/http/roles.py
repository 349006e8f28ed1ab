"""Roles and their permissions. The database checks them again (row-level security)."""

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
    "rates:write",
    "statements:read",
    "statements:write",
    "rules:write",
    "head_counts:write",
    "fitting:write",
    "places:write",
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
    "operators:write",
    "gateways:write",
    "own",
]

ROLES: Final[tuple[Role, ...]] = get_args(Role)
PERMISSIONS: Final[tuple[Permission, ...]] = get_args(Permission)

_DESK: Final = frozenset[Permission](
    ("members:read", "members:write", "cards:write", "visitors:write", "unlock", "enrol", "muster:read")
) | frozenset[Permission](("alarms:write", "explain"))
_MANAGER: Final = (
    _DESK
    | frozenset[Permission](("passes:write", "rules:write", "head_counts:write", "fitting:write"))
    | frozenset[Permission](("lockdown", "whatif", "statements:read", "statements:write"))
    | frozenset[Permission](("audit:read", "events:read", "keys:write", "gateways:write"))
)

HELD: Final[Mapping[Role, frozenset[Permission]]] = {
    "network_administrator": frozenset(PERMISSIONS),
    "place_manager": _MANAGER,
    "front_desk": _DESK,
    "auditor": frozenset(
        ("members:read", "muster:read", "explain", "whatif", "audit:read", "events:read", "statements:read")
    ),
    "gateway": frozenset(),
    "availability_reader": frozenset(),
    "member": frozenset(("own",)),
}
"""Permissions by role; those of a key that is limited to places hold there only."""

OF_SCOPES: Final[Mapping[str, frozenset[Permission]]] = {
    "admin": frozenset(PERMISSIONS),
    "access:manage": _MANAGER
    - {
        "audit:read",
        "events:read",
        "keys:write",
        "gateways:write",
        "fitting:write",
        "statements:read",
        "statements:write",
    },
    "events:read": frozenset(("events:read",)),
}
"""Permissions by scope, for keys without a role."""

_NETWORK_ONLY: Final = frozenset[Permission](("privacy", "places:write", "rates:write", "operators:write"))
"""Permissions that keys limited to places never have."""


def permissions_of(role: str | None, scopes: Iterable[str], *, bound: bool) -> frozenset[Permission]:
    """Return the permissions of a key with ``role`` (None: none) and ``scopes``; unknown ones give none.

    ``bound``: it is limited to places. An administrator of some places counts as their manager, as in the database.
    """
    held: frozenset[Permission] = frozenset()
    for known, permissions in HELD.items():
        if known == role:
            held |= permissions
    for scope in scopes:
        held |= OF_SCOPES.get(scope, frozenset())
    return held - _NETWORK_ONLY if bound else held
