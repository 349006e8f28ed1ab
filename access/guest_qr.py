"""A guest's QR as a door decides by it: which is newer, the QR or the list? Pure.

A QR says itself what it opens, so that it opens at a gateway that was offline when the visit was made. It names the
version of the place's list that has the visit as well. A list of that version or a later one decides alone: a visit
that is not in it is void.
"""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, cast

from access.model import AccessList, Entry, Member, Right
from access.rules import Terms

QrFault = Literal["qr_unsigned", "qr_elsewhere", "qr_void"]
"""Why a QR is refused whatever it opens: not signed by the centre, of another place, or called off."""
_VISIT: Final = Terms(visitor="expected")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestQr:
    """What a QR says, once its signature was checked."""

    token: str
    """The visit's at this place (``access.tokens.card_token``); of a QR that isn't ours, a keyed hash of its text."""
    member: str = ""
    """The guest's reference."""
    doors: frozenset[str] | None = None
    """None: every door of the place."""
    starts: datetime | None = None
    ends: datetime | None = None
    """Aware; None only where there is a fault."""
    version: int = 0
    """The list's that has the visit as well."""
    fault: QrFault | None = None


def list_for(held: AccessList | None, qr: GuestQr, at: datetime) -> tuple[AccessList | None, QrFault | None]:
    """Return the list to decide on ``qr`` by at ``at``, and what is wrong with the QR.

    That list has the visit as the list ``held`` has it, or as the QR says where that is newer. A QR whose time is over
    is decided by its own words, so that the reason is that and not that the visit has left the list.
    """
    if held is None or qr.fault is not None:
        return held, qr.fault
    entry = held.entries.get(qr.token)
    is_over = qr.ends is not None and at >= qr.ends
    if held.version >= qr.version and entry is not None:
        rights = entry.member.rights
        called_off = bool(rights) and all(right.terms.visitor == "cancelled" for right in rights)
        return held, "qr_void" if called_off and not is_over else None
    if held.version >= qr.version and not is_over:
        return held, "qr_void"
    right = Right(doors=qr.doors, schedule=None, valid_from=qr.starts, valid_until=qr.ends, terms=_VISIT)
    guest = Member(ref=qr.member, status="active", rights=(right,))
    said = Entry(token=qr.token, member=guest, status="active", valid_until=qr.ends)
    return replace(held, entries=ChainMap({qr.token: said}, cast("dict[str, Entry]", held.entries))), None
