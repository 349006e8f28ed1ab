"""Cells of a CSV that spreadsheets open: none may run as a formula. Pure."""

from __future__ import annotations

from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def safe(cell: str) -> str:
    """``cell`` with a ``'`` before it where a spreadsheet would run it as a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def unquoted(cell: str) -> str:
    """``cell`` without the ``'`` that ``safe`` put before it."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _FORMULA else cell
