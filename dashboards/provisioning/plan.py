"""What will be done to a Grafana: shown before it is done, then done step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from dashboards.errors import Conflict

Outcome = Literal["create", "update", "unchanged", "delete", "leave", "refuse"]
_SIGNS: Final[dict[Outcome, str]] = {
    "create": "+", "update": "~", "unchanged": "=", "delete": "-", "leave": ".", "refuse": "!",
}  # fmt: skip
_DONE: Final = {"create": "created", "update": "updated", "delete": "deleted"}
MOST: Final = 8
"""Details of one step that are shown."""

Say = Callable[[str], None]
"""Takes lines for the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing in Grafana, and what becomes of it."""

    what: str
    """folder, data source, dashboard, alert rule, …"""
    uid: str
    title: str
    outcome: Outcome
    details: tuple[str, ...] = ()
    """What differs, what is kept, why it is left."""
    act: Callable[[], Any] | None = None

    def lines(self) -> list[str]:
        """Return the step for a terminal."""
        more = len(self.details) - MOST
        return [
            f"{_SIGNS[self.outcome]} {self.outcome:9} {self.what} {self.title!r} ({self.uid})",
            *(f"    {one}" for one in self.details[:MOST]),
            *([f"    and {more} more"] if more > 0 else []),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in the order in which they are done."""

    head: str
    """Which Grafana, of which version, which organisation."""
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    """What this Grafana doesn't get, and why."""

    @property
    def writes(self) -> tuple[Step, ...]:
        """The steps that change something."""
        return tuple(one for one in self.steps if one.act is not None)

    def lines(self, *, quiet: bool = False) -> list[str]:
        """Return the plan for a terminal. ``quiet``: without what stays as it is."""
        shown = [one for one in self.steps if not (quiet and one.outcome == "unchanged")]
        count: dict[str, int] = {}
        for one in self.steps:
            count[one.outcome] = count.get(one.outcome, 0) + 1
        total = ", ".join(f"{number} {outcome}" for outcome, number in count.items()) or "nothing"
        return [self.head, *(f"note: {one}" for one in self.notes), *lines(shown), f"plan: {total}"]

    def carry_out(self, say: Say) -> None:
        """Do each step that changes something, and say so; what was done before an error stays done.

        Raises:
            Conflict: a step is refused; nothing was done.
        """
        refused = [one for one in self.steps if one.outcome == "refuse"]
        if refused:
            raise Conflict("nothing was changed: " + "; ".join(f"{one.title!r}: {one.details[0]}" for one in refused))
        writes = self.writes
        for number, one in enumerate(writes, start=1):
            assert one.act is not None
            one.act()
            say(f"[{number}/{len(writes)}] {_DONE[one.outcome]} {one.what} {one.title!r}")


def lines(steps: Iterable[Step]) -> list[str]:
    """Return the steps for a terminal."""
    return [line for one in steps for line in one.lines()]
