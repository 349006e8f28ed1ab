"""When a number is stale, as a table of cases: the rule, the API, Grafana's views and the rollup are held to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A number with a time to live of 120 s, seen now; ages in seconds."""

    name: str
    event: int
    """Age of the newest event that made the number."""
    complete: tuple[int | None, ...]
    """Of each gateway of the place: the age of the instant up to which all its events are stored; None: not known."""
    stale: bool


TTL_S: Final = 120
CASES: Final = (
    Case(name="a recent event", event=60, complete=(None,), stale=False),
    Case(name="an old event, and nothing known of the gateway", event=3600, complete=(None,), stale=True),
    Case(name="an old event, and everything stored", event=3600, complete=(5,), stale=False),
    Case(name="an old event, and everything stored until a while ago", event=3600, complete=(300,), stale=True),
    Case(name="a recent event, stored before the gateway's last word", event=60, complete=(300,), stale=False),
    Case(name="two gateways, both complete", event=3600, complete=(5, 60), stale=False),
    Case(name="two gateways, one of them behind", event=3600, complete=(5, 300), stale=True),
    Case(name="two gateways, one of them not known", event=3600, complete=(5, None), stale=True),
)
