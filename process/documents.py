"""Documents as PDF and as HTML from one source: text, tables over pages, plots (SVG) and boxes to sign.

The same values give the same bytes. The values are data for the template (``document.typ``): nothing in them is read as
markup. Typst is imported at the first document, since few processes make one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

_TEMPLATE: Final = Path(__file__).with_name("document.typ")
_STYLE: Final = Path(__file__).with_name("document.css")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table."""

    name: str
    number: bool = False
    """Its cells are numbers: they stand at the right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with text, a plot and a table, each of them optional."""

    heading: str
    text: str = ""
    plot: str | None = None
    """SVG."""
    alt: str = ""
    """What the plot shows, for who doesn't see it. Default: the heading."""
    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a document says."""

    title: str
    language: Literal["en", "fr"]
    lines: Sequence[str] = ()
    """Below the title."""
    sections: Sequence[Section] = ()
    signatures: Sequence[str] = ()
    """Who signs: a row with two boxes for each."""
    sign: Sequence[str] = ("", "", "")
    """The heads of these three columns."""
    footer: str = ""


def as_pdf(document: Document) -> bytes:
    """Return the document as PDF."""
    return _compiled(document, "pdf")


def as_html(document: Document) -> bytes:
    """Return the document as a page of HTML, UTF-8, that needs no other file: for screens, light or dark, and paper."""
    style = f"<style>{_STYLE.read_text(encoding='utf-8')}</style>".encode()
    return _compiled(document, "html").replace(b"</head>", style + b"</head>", 1)


def _compiled(document: Document, format_: Literal["pdf", "html"]) -> bytes:
    import typst

    inputs = {"values": json.dumps(asdict(document)), "format": format_}
    made = typst.compile(str(_TEMPLATE), format=format_, sys_inputs=inputs)
    assert isinstance(made, bytes)
    return made
