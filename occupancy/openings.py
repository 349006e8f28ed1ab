"""Openings of a space's doors that no grant explains: who leaves by the handle, and who is let in. Pure.

Where readers stand outside only, each exit is such an opening. So many people leave by one as the days' balance says:
those who came in, by badges, over the openings (as counters' misses are learned: Sangogboye and Kjærgaard 2016,
"PLCount"). Once that is known people leave at openings, and hardly between them.

Where a reader stands on the way out too, such an opening is an exit without a badge, or a person without a card who is
let in or leaves: what is left beside the exits that are known to be forgotten, half of it.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from typing import Any, Final

BETWEEN: Final = 0.2
"""Of those who leave, so many are not seen at an opening: the door stood open. Assumed."""
LET_IN: Final = (3.0, 20.0)
"""Openings by which somebody came, of so many, where a reader stands on both sides: what is believed at first."""
LET_IN_UNKNOWN: Final = 0.03
"""The same where exits aren't told apart. Assumed."""
_EXPLAINS: Final = 62 * 1_000_000
"""A lock opens for 60 s at most, and a door two seconds later counts as opened by the grant (the gateway's rule)."""
_ENOUGH: Final = 40.0
"""Openings from which on the balance is known."""
_EACH: Final = (0.6, 1.6)
"""So many people leave by one opening, or doors are missing, or count twice."""
A_DOOR: Final = (0.95, 0.1)
"""People who leave by one opening, and how sure that is: two leave together, a door opens for nobody. Assumed."""
_KEPT: Final = 0.997
"""What is left of the balance one opening later."""


class Openings:
    """The doors into one space."""

    __slots__ = ("balance", "forgotten", "granted", "handle", "open", "tells")

    def __init__(self) -> None:
        self.granted: dict[int, int] = {}
        """By door: the last grant that no opening has used."""
        self.open: set[int] = set()
        self.tells = False
        """The contacts speak."""
        self.handle = False
        """Who leaves takes the handle: no reader stands on the way out."""
        self.balance = [0.0, 0.0]
        """Badges in, and openings without a grant."""
        self.forgotten = 0.0
        """Exits of members without a badge, as they turn out later."""

    def let_through(self, door: int, at: int) -> None:
        """A reader opened a door; where it stands open the person goes through at once."""
        if door not in self.open:
            self.granted[door] = at

    def moved(self, door: int, at: int, *, is_open: bool, out: bool) -> bool:
        """A door opened or closed; return whether it opened without a grant.

        ``out``: a reader stands on the way out.
        """
        self.tells, self.handle = True, not out
        if not is_open:
            self.open.discard(door)
            return False
        if door in self.open:
            return False
        self.open.add(door)
        granted = self.granted.pop(door, None)
        if granted is not None and 0 <= at - granted <= _EXPLAINS:
            return False
        self.balance = [self.balance[0] * _KEPT, self.balance[1] * _KEPT + 1.0]
        self.forgotten *= _KEPT
        return True

    def silent(self) -> None:
        """A contact fell silent."""
        self.tells = False
        self.open.clear()

    def entered(self) -> None:
        """A person badged in."""
        if self.tells:
            self.balance[0] += 1.0

    @property
    def each(self) -> float:
        """People who leave by one opening, as far as badges know them."""
        return (self.balance[0] + _ENOUGH) / (self.balance[1] + _ENOUGH)

    @property
    def show_who_leaves(self) -> bool:
        """Whether an opening without a grant is somebody who leaves, as far as is known: most likely."""
        return self.tells and self.handle and _EACH[0] <= self.each <= _EACH[1]

    @property
    def trusted(self) -> bool:
        """Whether who leaves is seen at openings, where no reader stands on the way out."""
        return self.balance[1] >= _ENOUGH and self.show_who_leaves

    @property
    def beyond(self) -> tuple[float, float] | None:
        """Unknown people for each badge, since more leave than badged in, and the variance; None: nothing tells."""
        badges, openings = self.balance
        if not self.trusted or badges < _ENOUGH:
            return None
        people, unsure = (one * openings / badges for one in A_DOOR)
        return people - 1.0, unsure * unsure + people / badges

    @property
    def let_in(self) -> float:
        """The chance that somebody came in by an opening without a grant."""
        if self.handle:
            return LET_IN_UNKNOWN
        beyond = 0.5 * max(0.0, self.balance[1] - self.forgotten)
        return (LET_IN[0] + beyond) / (LET_IN[1] + self.balance[1])

    def to_json(self) -> list[Any]:
        """Return JSON values; see ``from_json``."""
        return [self.granted, sorted(self.open), self.tells, self.handle, self.balance, self.forgotten]

    @classmethod
    def from_json(cls, value: list[Any]) -> Openings:
        """Read what ``to_json`` made."""
        made = cls()
        granted, doors, made.tells, made.handle, balance, made.forgotten = value
        made.granted = {int(door): at for door, at in granted.items()}
        made.open, made.balance = set(doors), list(balance)
        return made
