"""Writes a Parquet file: one row group, each column one page, plain values, uncompressed. Pure.

The libraries that write Parquet are 30 to 100 MB of machine code each; of the format this needs two pages of its
specification (https://parquet.apache.org/docs/file-format/). Every column may hold None.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

_MAGIC: Final = b"PAR1"
Kind = Literal["text", "time", "whole", "real"]
_INT64, _DOUBLE, _BYTES = 2, 5, 6
_TYPES: Final[dict[Kind, int]] = {"text": _BYTES, "time": _INT64, "whole": _INT64, "real": _DOUBLE}
_PACK: Final[dict[Kind, str]] = {"time": "<q", "whole": "<q", "real": "<d"}
_I32, _I64, _BINARY, _LIST, _STRUCT, _TRUE = 5, 6, 8, 9, 12, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column's name, kind and values; ``time``: microseconds since the Unix epoch."""

    name: str
    kind: Kind
    values: Sequence[Any]


def written(columns: Sequence[Column]) -> bytes:
    """Return the file."""
    data = bytearray(_MAGIC)
    rows = len(columns[0].values)
    chunks = []
    for column in columns:
        offset = len(data)
        page = _levels(column.values) + _plain(column)
        # page type 0: data; encodings 0: plain, 3: run lengths
        about = _struct((1, _I32, rows), (2, _I32, 0), (3, _I32, 3), (4, _I32, 3))
        data += _struct((1, _I32, 0), (2, _I32, len(page)), (3, _I32, len(page)), (5, _STRUCT, about)) + page
        size = len(data) - offset
        meta = _struct(
            (1, _I32, _TYPES[column.kind]),
            (2, _LIST, _list(_I32, [_zigzag(0), _zigzag(3)])),
            (3, _LIST, _list(_BINARY, [_text(column.name)])),
            (4, _I32, 0),
            (5, _I64, rows),
            (6, _I64, size),
            (7, _I64, size),
            (9, _I64, offset),
        )
        chunks.append(_struct((2, _I64, offset), (3, _STRUCT, meta)))
    group = _struct((1, _LIST, _list(_STRUCT, chunks)), (2, _I64, len(data) - len(_MAGIC)), (3, _I64, rows))
    root = _struct((4, _BINARY, _text("schema")), (5, _I32, len(columns)))
    footer = _struct(
        (1, _I32, 1),
        (2, _LIST, _list(_STRUCT, [root, *map(_schema, columns)])),
        (3, _I64, rows),
        (4, _LIST, _list(_STRUCT, [group])),
        (6, _BINARY, _text("maillage")),
    )
    return bytes(data + footer + struct.pack("<I", len(footer)) + _MAGIC)


def _schema(column: Column) -> bytes:
    """A column in the schema: its type, optional, its name and what it means."""
    fields: list[tuple[int, int, Any]] = [
        (1, _I32, _TYPES[column.kind]),
        (3, _I32, 1),
        (4, _BINARY, _text(column.name)),
    ]
    if column.kind == "text":
        fields += [(6, _I32, 0), (10, _STRUCT, _struct((1, _STRUCT, _struct())))]
    if column.kind == "time":
        unit = _struct((2, _STRUCT, _struct()))
        fields += [(6, _I32, 10), (10, _STRUCT, _struct((8, _STRUCT, _struct((1, _TRUE, b""), (2, _STRUCT, unit)))))]
    return _struct(*fields)


def _levels(values: Sequence[Any]) -> bytes:
    """Which values are there, as runs of equal ones."""
    runs = bytearray()
    start = 0
    while start < len(values):
        there = values[start] is not None
        end = start
        while end < len(values) and (values[end] is not None) == there:
            end += 1
        runs += _varint((end - start) << 1) + bytes([there])
        start = end
    return struct.pack("<I", len(runs)) + runs


def _plain(column: Column) -> bytes:
    values = [value for value in column.values if value is not None]
    if column.kind == "text":
        texts = [value.encode() for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return struct.pack(f"<{len(values)}{_PACK[column.kind][1]}", *values)


# Thrift's compact protocol, in which headers are written.


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _zigzag(number: int) -> bytes:
    return _varint(number << 1 if number >= 0 else (-number << 1) - 1)


def _text(text: str) -> bytes:
    raw = text.encode()
    return _varint(len(raw)) + raw


def _list(kind: int, items: Sequence[bytes]) -> bytes:
    head = bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + _varint(len(items))
    return head + b"".join(items)


def _struct(*fields: tuple[int, int, Any]) -> bytes:
    """A struct of fields: number, type, and a whole number or bytes that are written already."""
    out = bytearray()
    last = 0
    for number, kind, value in fields:
        out.append((number - last) << 4 | kind)
        out += _zigzag(value) if kind in (_I32, _I64) else value
        last = number
    return bytes(out) + b"\0"
