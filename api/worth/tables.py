"""Rows of figures as JSON values and as CSV. Pure."""

from __future__ import annotations

from typing import Any

from api.worth.figures import Peak, Peers, Quartiles, Use


def figures_json(use: Use, peak: Peak | None) -> dict[str, Any]:
    """Return the figures of a space, a place or a group."""
    return {
        "open_hours": hours(use.open_s),
        "seat_hours": hours(use.seat_s),
        "person_hours": hours(use.person_s),
        "utilisation": share(use.utilisation),
        "known": share(use.known),
        "busy_hours": use.busy / 4,
        "busy_share": share(use.busy_share),
        "peak": None if peak is None else round(peak.people, 2),
        "peak_at": None if peak is None else peak.at.isoformat(),
        "peak_share": None if peak is None or not peak.seats else share(peak.people / peak.seats),
    }


def peers_json(peers: Peers | None) -> dict[str, Any] | None:
    """Return quartiles of the peers, in whole hundredths."""
    if peers is None:
        return None
    return {
        "places": peers.places,
        "utilisation": _quartiles(peers.utilisation),
        "busy_share": _quartiles(peers.busy_share),
    }


def _quartiles(of: Quartiles) -> dict[str, float]:
    return {"low": round(of.low, 2), "median": round(of.median, 2), "high": round(of.high, 2)}


def hours(seconds: int) -> float:
    """Return seconds as hours."""
    return round(seconds / 3600, 3)


def share(of: float | None) -> float | None:
    """Return a share of 0 to 1, rounded."""
    return None if of is None else round(of, 4)
