"""A place's badge for its own site: one picture with what everybody may know. Pure."""

from __future__ import annotations

from html import escape
from typing import Final

from api.http.language import Language
from api.http.words import Words
from api.present.occupancy import Occupancy
from api.present.view import View
from occupancy.free_seats import Free
from occupancy.public import Band

_UNKNOWN: Final = Words("unknown", "inconnu")
_CLOSED: Final = Words("closed", "fermé")
_COLOURS: Final = {"closed": "#66706c", "unknown": "#626c67", "known": "#0e6f81"}
_LETTER: Final = 6.6
"""Width of a letter, on average; texts are stretched to what the boxes hold."""


def badge_text(view: View, language: Language) -> str:
    """Say what a place's badge says: "3 people or fewer · 5–8 free", "closed" or "unknown"."""
    if view.seats.opening.open is False:
        return _in(_CLOSED, language)
    parts = [_people(view.root, language), _free(view.seats.free, language)]
    return " · ".join(part for part in parts if part) or _in(_UNKNOWN, language)


def badge_svg(view: View, language: Language) -> bytes:
    """Draw the badge: the place's name, and beside it what is known of it."""
    name, text = view.place.name, badge_text(view, language)
    kind = "closed" if view.seats.opening.open is False else "unknown" if text == _in(_UNKNOWN, language) else "known"
    left, right = (round(len(one) * _LETTER) + 20 for one in (name, text))
    said = escape(f"{name}: {text}" if language == "en" else f"{name} : {text}")
    boxes = ((name, 0, left, "#3d4743"), (text, left, right, _COLOURS[kind]))
    drawn = "".join(
        f'<rect x="{x}" width="{width}" height="24" fill="{colour}"/><text x="{x + width / 2:g}" y="16" '
        f'textLength="{width - 20}" lengthAdjust="spacingAndGlyphs">{escape(words)}</text>'
        for words, x, width, colour in boxes
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="24" role="img" aria-label="{said}" '
        f'lang="{language}"><title>{said}</title><g fill="#fff" text-anchor="middle" '
        f'font-family="system-ui,sans-serif" font-size="12">{drawn}</g></svg>'
    ).encode()


def _people(one: Occupancy, language: Language) -> str | None:
    if one.band is not None:
        return _in(_band(one.band), language)
    if one.present is None:
        return None
    return _in(Words(f"{one.present} people", f"{one.present} personnes"), language)


def _band(band: Band) -> Words:
    if band.high is None:
        return Words(f"{band.low} people or more", f"{band.low} personnes ou plus")
    if band.low == 0:
        few = band.high < 2
        return Words(
            f"{band.high} {'person' if few else 'people'} or fewer",
            f"{band.high} {'personne' if few else 'personnes'} ou moins",
        )
    return Words(f"{band.low} to {band.high} people", f"{band.low} à {band.high} personnes")


def _free(free: Free | None, language: Language) -> str | None:
    if free is None:
        return None
    if free.high == 0:
        return _in(Words("full", "complet"), language)
    if free.low == free.high:
        return _in(Words(f"{free.low} free", f"{free.low} libre{'s' if free.low > 1 else ''}"), language)
    return _in(Words(f"{free.low}–{free.high} free", f"{free.low}–{free.high} libres"), language)


def _in(words: Words, language: Language) -> str:
    return words.fr if language == "fr" else words.en
