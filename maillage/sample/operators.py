"""People who manage sample places, and links by which one signs in to the demo as them or as a member."""

from __future__ import annotations

from typing import Final

from api.sign_in.owner import path_to_sign_in
from database.pool import Connection
from maillage.network.errors import SampleRefusedError

_MANAGER: Final = "u-exemple"
_ADMINISTRATOR: Final = "u-reseau"
_OPERATORS: Final = (
    (_MANAGER, "Camille Exemple-Gérance", "gerance@exemple.invalid"),
    (_ADMINISTRATOR, "Dominique Exemple-Réseau", "reseau@exemple.invalid"),
)
_PLACES: Final = 3
_GENERATED: Final = "SELECT EXISTS (SELECT FROM member WHERE generated)"
_MAKE: Final = """
INSERT INTO operator (ref, name, email) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""
_ALL: Final = """
INSERT INTO operator_role (operator, role)
SELECT %(operator)s, 'network_administrator'
WHERE NOT EXISTS (SELECT FROM operator_role r WHERE r.operator = %(operator)s)
"""
_PHONES: Final = """
-- at these places members open doors by phone, unless somebody has set rules there
INSERT INTO place_policy (place, members_open)
SELECT r.place, true FROM operator_role r WHERE r.operator = %s AND r.place IS NOT NULL ON CONFLICT DO NOTHING
"""
_ROLES: Final = """
-- manager of the sample's first places with people, where they have no role yet
INSERT INTO operator_role (operator, role, place)
SELECT %(operator)s, 'place_manager', p.id FROM place p
WHERE EXISTS (SELECT FROM member m WHERE m.home = p.id AND m.generated)
  AND EXISTS (SELECT FROM gateway g WHERE g.place = p.id)
  AND NOT EXISTS (SELECT FROM operator_role r WHERE r.operator = %(operator)s)
ORDER BY p.id LIMIT %(places)s
"""
_MEMBER: Final = """
-- a member who is at home where the manager is, whose pass counts and whose card is in use; with a booking, and where
-- guests get in by a QR, if any is
SELECT m.ref FROM operator_role r JOIN member m ON m.home = r.place
WHERE r.operator = %s AND m.generated AND m.status = 'active'
  AND EXISTS (SELECT FROM card c WHERE c.member = m.ref AND c.status = 'active' AND c.kind = 'card')
  AND EXISTS (SELECT FROM pass p WHERE p.member = m.ref AND p.visitor IS NULL AND p.revoked_at IS NULL
    AND coalesce(p.valid_until, 'infinity') > now() + interval '1 day')
ORDER BY NOT EXISTS (SELECT FROM booking b WHERE b.member = m.ref AND b.starts_at > now() AND b.cancelled_at IS NULL),
  NOT EXISTS (SELECT FROM device d WHERE d.place = r.place AND d.code = 'qr-entry'), r.place, m.ref LIMIT 1
"""


def demo_paths(conn: Connection) -> dict[str, str]:
    """Return the paths of new links, each good once: of a ``member``, a ``manager`` and an ``administrator``.

    The caller commits.

    Raises:
        SampleRefusedError: the database holds no sample network.
    """
    row = conn.execute(_GENERATED).fetchone()
    if row is None or not row[0]:
        raise SampleRefusedError("There is no sample network here, so nobody is made up to sign in as.")
    for operator in _OPERATORS:
        conn.execute(_MAKE, operator)
    conn.execute(_ROLES, {"operator": _MANAGER, "places": _PLACES})
    conn.execute(_ALL, {"operator": _ADMINISTRATOR})
    conn.execute(_PHONES, (_MANAGER,))
    found = conn.execute(_MEMBER, (_MANAGER,)).fetchone()
    paths = {} if found is None else {"member": path_to_sign_in(conn, member=found[0])}
    paths["manager"] = path_to_sign_in(conn, operator=_MANAGER)
    paths["administrator"] = path_to_sign_in(conn, operator=_ADMINISTRATOR)
    return paths
