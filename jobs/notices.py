"""Mails to members about what they pay: a proof that ends soon, a pass that is used beyond its allowance.

Each is queued once (``database.mail``); without an address there is no mail, and the price holds all the same.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from database.mail import queue_mail
from jobs.job import Round

AHEAD: Final = timedelta(days=14)
"""How long before its end a proof's member gets a mail."""
_SINCE: Final = timedelta(days=3)

_ENDING: Final = """
-- proofs that end soon, and of which no newer one is noted; with whom to turn to
SELECT k.ref, k.member, c.name, k.last, coalesce(h.name, ''), concat_ws(', ', h.phone, h.email)
FROM member_category k JOIN category c ON c.id = k.category JOIN member m ON m.ref = k.member
LEFT JOIN place h ON h.id = m.home
WHERE k.warned_at IS NULL AND k.last BETWEEN %(today)s::date - 1 AND %(ahead)s
  AND NOT EXISTS (
    SELECT FROM member_category n WHERE n.member = k.member AND n.category = k.category AND n.last > k.last)
ORDER BY k.last, k.ref
"""
_WARNED: Final = "UPDATE member_category SET warned_at = %s WHERE ref = %s"
_OVERUSES: Final = """
-- passes that were used beyond their allowance lately: the first such use of a local month
SELECT DISTINCT ON (u.pass, date_trunc('month', u.local)) u.pass, u.member, to_char(u.local, 'YYYY-MM'),
  to_char(u.local, 'YYYY-MM-DD'), u.label, u.name, u.contact
FROM (
  SELECT u.pass, p.member, u.at, u.at AT TIME ZONE q.time_zone AS local, p.allowance, coalesce(p.label, p.ref) AS label,
    q.name, concat_ws(', ', q.phone, q.email) AS contact,
    row_number() OVER (PARTITION BY u.pass,
      CASE WHEN p.each_month THEN date_trunc('month', u.at AT TIME ZONE coalesce(q.time_zone, 'Europe/Paris')) END
      ORDER BY u.at, u.slot) AS number
  FROM pass p JOIN pass_use u ON u.pass = p.ref LEFT JOIN place q ON q.id = u.place
  WHERE p.unit IS NOT NULL AND EXISTS (SELECT FROM pass_use n WHERE n.pass = p.ref AND n.at > %(since)s)
) u
WHERE u.number > u.allowance AND u.at > %(since)s AND u.local IS NOT NULL
ORDER BY u.pass, date_trunc('month', u.local), u.at
"""


def tell_members(round_: Round) -> None:
    """Queue the mails that are due."""
    connection, now = round_.connection, round_.now
    values = {"today": now.date(), "ahead": now.date() + AHEAD, "since": now - _SINCE}
    queued = 0
    with connection.transaction():
        for ref, member, category, last, place, contact in connection.execute(_ENDING, values).fetchall():
            text = {"category": category, "last": last.isoformat(), "place": place, "contact": contact}
            queued += queue_mail(connection, kind="proof_ends", values=text, to_member=member, once=f"proof {ref}")
            connection.execute(_WARNED, (now, ref))
        for ref, member, month, day, label, place, contact in connection.execute(_OVERUSES, values).fetchall():
            text = {"pass": label, "day": day, "place": place, "contact": contact}
            once = f"overuse {ref} {month}"
            queued += queue_mail(connection, kind="overuse", values=text, to_member=member, once=once)
    if queued:
        round_.log(f"notices: {queued} mails queued")
