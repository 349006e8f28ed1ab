"""The members of a sample place: cards and habits, made from a seed.

Pure: the same seed, place and number of desks give the same people on every machine, so ``maillage sample`` enrols the
cards that the simulator presents at the readers.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal

DEFAULT_SEED: Final = 1
"""The sample's and the simulator's, unless ``MAILLAGE_SEED`` is set."""

Habit = Literal["resident", "regular", "nomad"]
"""``resident``: nearly every working day. ``regular``: two or three days a week. ``nomad``: now and then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person with a card, and how he or she uses the place."""

    ref: str
    """Pseudonymous reference, unique in the network: ``m-`` and 12 hexadecimal digits."""
    card: str
    """The card's UID in its own byte order, upper-case hexadecimal: 4 or 7 bytes."""
    habit: Habit
    workdays: frozenset[int]
    """Days of the week on which he or she usually comes: 0 Monday … 6 Sunday."""
    attendance: float
    """Chance, 0 to 1, of coming on such a day."""
    arrival_s: float
    """Usual arrival, seconds after local midnight."""
    arrival_spread_s: float
    stay_s: float
    """Usual length of the day, seconds, lunch included."""
    lunch_out: float
    """Chance of leaving the place for lunch."""
    forgets_out: float
    """How often he or she forgets to badge out, beside the others."""
    meets: float
    """Meetings a day, on average."""


def members(seed: int, place_code: str, desks: int) -> tuple[Member, ...]:
    """Return the members at home in a place with so many desks.

    About three members for two desks, at least three: a third place sells more passes than it has seats.
    Adding desks adds members at the end and changes none.
    """
    return tuple(_member(seed, place_code, number) for number in range(max(3, desks + desks // 2)))


def _member(seed: int, place_code: str, number: int) -> Member:
    origin = f"{seed}/{place_code}/{number}".encode()
    digest = blake2b(origin, digest_size=32, person=b"maillage-member").digest()
    dice = random.Random(int.from_bytes(digest[16:]))
    habit: Habit = "resident" if (kind := dice.random()) < 0.35 else "regular" if kind < 0.8 else "nomad"
    days = dice.sample(range(5), k={"resident": 5, "regular": dice.choice((2, 3)), "nomad": 1}[habit])
    if dice.random() < 0.1:
        days.append(5)
    return Member(
        ref=f"m-{digest[:6].hex()}",
        card=_card(digest[6:16]).hex().upper(),
        habit=habit,
        workdays=frozenset(days),
        attendance={"resident": 0.9, "regular": 0.8, "nomad": 0.5}[habit],
        arrival_s=3600 * min(11.0, max(7.5, dice.gauss(8.8, 0.8))),
        arrival_spread_s=60 * dice.uniform(8, 30),
        stay_s=3600 * min(11.0, max(2.5, dice.gauss(8.0 if habit == "resident" else 6.5, 1.2))),
        lunch_out=dice.choice((0.2, 0.5, 0.9)),
        forgets_out=dice.choice((0.01, 0.05, 0.15)),
        meets=dice.choice((0.2, 0.7, 1.5)),
    )


def _card(digest: bytes) -> bytes:
    """A UID as such cards bear it: one in eight 4 bytes (MIFARE Classic), else 7 bytes that begin with NXP's 04."""
    if digest[0] % 8:
        return b"\x04" + digest[1:7]
    # 08 marks a random UID and 88 a cascade: neither begins a card's own number.
    return bytes([digest[1] if digest[1] not in (0x08, 0x88) else 0x5A]) + digest[2:5]


def stranger_card(seed: int, place_code: str, number: int) -> str:
    """A card that no network has enrolled, upper-case hexadecimal, 4 bytes."""
    return (
        blake2b(
            f"{seed}/{place_code}/{number}".encode(),
            digest_size=4,
            person=b"maillage-alien",
        )
        .hexdigest()
        .upper()
    )


def cleaners_card(seed: int, place_code: str) -> str:
    """Return the card of the place's cleaner, upper-case hexadecimal, 4 bytes; the sample network enrols none."""
    return stranger_card(seed, f"{place_code}/cleaner", 0)
