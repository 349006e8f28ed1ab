"""The inventory as JSON, GeoJSON, CSV, and in the schema of "médiation numérique" (mednum 1.0.2). Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from api.http.csv_cells import safe
from api.present.network import Place
from rights.osm_hours import hours_to_osm

COLUMNS: Final = (
    *("id", "name", "status", "latitude", "longitude", "address", "postcode", "commune", "commune_code", "department"),
    *("region", "typology", "website", "capacity", "kinds", "equipment", "accessibility", "opening_hours", "source"),
)
MEDNUM: Final = (
    *("id", "pivot", "nom", "commune", "code_postal", "code_insee", "adresse", "complement_adresse", "latitude"),
    *("longitude", "typologie", "telephone", "courriels", "site_web", "horaires", "presentation_resume"),
    *("presentation_detail", "source", "itinerance", "structure_parente", "date_maj", "services"),
    *("publics_specifiquement_adresses", "prise_en_charge_specifique", "frais_a_charge"),
    *("dispositif_programmes_nationaux", "formations_labels", "autres_formations_labels", "modalites_acces"),
    *("modalites_accompagnement", "fiche_acces_libre", "prise_rdv"),
)
_NO_PIVOT: Final = "00000000000000"
"""What the schema's authors write where a structure has no SIRET."""


def row_of(place: Place) -> dict[str, Any]:
    """Return a place's row; opening hours in OpenStreetMap's syntax, null: not known."""
    root = place.root
    return {
        "id": place.code,
        "name": place.name,
        "status": place.status,
        "latitude": place.point.latitude,
        "longitude": place.point.longitude,
        **{name: getattr(place, name) for name in ("address", "postcode", "commune", "commune_code", "department")},
        **{name: getattr(place, name) for name in ("region", "typology", "website")},
        "capacity": root.capacity if root else None,
        "kinds": sorted({space.kind for space in place.spaces if space.parent is not None}),
        "equipment": list(place.equipment or ()),
        "accessibility": list(place.accessibility or ()),
        "opening_hours": None if place.opening_hours is None else hours_to_osm(place.opening_hours),
        "source": place.source,
    }


def as_geojson(places: Sequence[Place]) -> bytes:
    """Return a GeoJSON collection of points (RFC 7946)."""
    features = []
    for place in places:
        row = row_of(place)
        point = {"type": "Point", "coordinates": [row.pop("longitude"), row.pop("latitude")]}
        features.append({"type": "Feature", "id": row["id"], "geometry": point, "properties": row})
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


def as_csv(places: Sequence[Place]) -> bytes:
    """Return one line a place (RFC 4180, UTF-8); lists are separated by ``|``."""
    return _csv(COLUMNS, [row_of(place) for place in places])


def as_mednum(places: Sequence[Place], today: date) -> bytes:
    """Return the open places in the schema of the "lieux de médiation numérique"; those without an address can't be."""
    rows = []
    for place in places:
        if place.status != "open" or place.address is None or place.postcode is None or place.commune is None:
            continue
        row = row_of(place)
        rows.append(
            {
                "id": place.code,
                "pivot": place.siret or _NO_PIVOT,
                "nom": place.name,
                "commune": place.commune,
                "code_postal": place.postcode,
                "code_insee": place.commune_code,
                "adresse": place.address,
                "latitude": place.point.latitude,
                "longitude": place.point.longitude,
                "typologie": "TIERS_LIEUX",
                "courriels": place.email,
                "site_web": place.website,
                "horaires": row["opening_hours"],
                "source": place.source,
                "itinerance": "Fixe",
                "date_maj": today.isoformat(),
            }
        )
    return _csv(MEDNUM, rows)


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in columns])
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float):  # a number that is negative is no formula
        return str(value)
    return safe("|".join(value) if isinstance(value, list) else str(value))
