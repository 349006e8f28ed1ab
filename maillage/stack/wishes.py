"""What the operator asked of ``maillage up``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The command's options."""

    seconds: float | None = None
    """Real seconds to run once all is up; None: until Ctrl-C."""
    places: int | None = None
    region: str = "Nouvelle-Aquitaine"
    speed: float = 60.0
    """Virtual seconds in a real one."""
    seed: int = 1
    port: int = 8080
    past_days: int = 15
    """Days of history that are made up: without any there is no forecast."""
    grafana: str | None = None
    """The address of a Grafana on this machine that gets the dashboards; None: none."""
    keep: bool = False
    """Go on with the data of the last run."""
