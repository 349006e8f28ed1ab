"""Distances on the globe. Pure."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt
from typing import Final

EARTH_RADIUS_KM: Final = 6371.0088


def great_circle_km(latitude: float, longitude: float, latitude2: float, longitude2: float) -> float:
    """Return how far two points in degrees are apart (haversine, mean radius: within 0.5 % of the ellipsoid)."""
    north, east = radians(latitude2 - latitude), radians(longitude2 - longitude)
    chord = sin(north / 2) ** 2 + cos(radians(latitude)) * cos(radians(latitude2)) * sin(east / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(chord)))
