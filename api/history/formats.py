"""Rows as JSON, CSV and Parquet. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

from api.history.periods import Row
from api.http.compact_json import compact
from api.http.csv_cells import safe
from process.parquet import Column, Kind, written

CSV: Final = "text/csv; charset=utf-8"
PARQUET: Final = "application/vnd.apache.parquet"
NAMES: Final = ("at", "minutes", "mean", "peak", "person_hours", "seat_hours", "known", "quality", "capacity")


def values_of(row: Row) -> tuple[Any, ...]:
    """Return what every format says of a row, in the order of ``NAMES``."""
    return (
        row.at.isoformat(),
        row.minutes,
        _rounded(row.mean),
        _rounded(row.peak),
        round(row.person_s / 3600, 3),
        None if row.seat_s is None else round(row.seat_s / 3600, 3),
        round(row.known, 3),
        row.quality,
        row.capacity,
    )


def _rounded(number: float | None) -> float | int | None:
    return number if number is None or isinstance(number, int) else round(number, 2)


def with_rows(about: dict[str, Any], rows: bytes) -> bytes:
    """Return ``about`` with its rows, which are JSON already."""
    return compact(about)[:-1] + b',"rows":' + rows + b"}"


def json_rows(rows: Sequence[Row], named: Sequence[str] = ()) -> bytes:
    """Return rows as a JSON array; ``named``: what they name beside the time, their place or department."""
    dicts = [
        {**{name: getattr(row, name) for name in named}, **dict(zip(NAMES, values_of(row), strict=True))}
        for row in rows
    ]
    return compact(dicts)


def as_csv(rows: Sequence[Row], named: Sequence[str] = ()) -> bytes:
    """Return a table with a line of names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow((*named, *NAMES))
    writer.writerows((*(safe(getattr(row, name)) for name in named), *values_of(row)) for row in rows)
    return text.getvalue().encode()


def as_parquet(rows: Sequence[Row], named: Sequence[str] = ()) -> bytes:
    """Return a Parquet file; times are UTC."""
    table = list(zip(*(values_of(row) for row in rows), strict=True)) or [()] * len(NAMES)
    by_name = dict(zip(NAMES, table, strict=True))
    columns = [Column(name=name, kind="text", values=[getattr(row, name) for row in rows]) for name in named]
    columns.append(Column(name="at", kind="time", values=[round(row.at.timestamp() * 1_000_000) for row in rows]))
    kinds: tuple[tuple[str, Kind], ...] = (
        *(("minutes", "whole"), ("mean", "real"), ("peak", "real"), ("person_hours", "real"), ("seat_hours", "real")),
        *(("known", "real"), ("quality", "text"), ("capacity", "whole")),
    )
    columns += [Column(name=name, kind=kind, values=by_name[name]) for name, kind in kinds]
    return written(columns)
