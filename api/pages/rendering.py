"""Renders the pages' templates in the reader's language.

Texts stand in English in the templates; ``locale/fr.po`` has the French ones (gettext). It is read at the first page,
so that there is no build step. Everything that a person wrote is escaped.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from api.http.language import Language
from api.page import base_url, language_for

_BROWSERS: Final = (("Firefox/", "Firefox"), ("Edg/", "Edge"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)
_FOLDER: Final = Path(__file__).parent
_HEADERS: Final = {
    "Cache-Control": "no-store",  # a page shows what one person may see
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    # not no-referrer: browsers then send ``Origin: null`` with a form, by which older ones say that it is ours. Of the
    # page's address, which may hold a link's token, nothing but the origin is sent.
    "Referrer-Policy": "strict-origin",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
    "Vary": "Accept-Language, Cookie",
}


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """Return the page that ``template`` makes of ``values``."""
    language = language_for(request)
    text = _environment(language).get_template(template).render(base=base_url(), language=language, **values)
    return Response(text, status, media_type="text/html; charset=utf-8", headers=_HEADERS)


def say(request: Request, text: str) -> str:
    """Return an English text in the reader's language; it must stand in ``locale/fr.po``."""
    return translations(language_for(request)).gettext(text)


def browser_of(agent: str) -> str:
    """Return a browser's name and system by its ``User-Agent``, or that text where neither is known."""
    name = next((name for mark, name in _BROWSERS if mark in agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in agent), None)
    return " · ".join(one for one in (name, system) if one) or agent or "?"


@cache
def translations(language: Language) -> NullTranslations:
    """Return the texts of a language."""
    if language == "en":
        return NullTranslations()
    with (_FOLDER / "locale" / f"{language}.po").open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


@cache
def _environment(language: Language) -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    locale = "fr_FR" if language == "fr" else "en_GB"

    def local(moment: str, zone: str, pattern: str) -> str:
        return format_datetime(datetime.fromisoformat(moment), pattern, tzinfo=ZoneInfo(zone), locale=locale)

    made.filters |= {
        "day": partial(local, pattern="EEEE d MMMM"),
        "when": partial(local, pattern="EEE d MMM, HH:mm"),
        "hour": partial(local, pattern="HH:mm"),
        "browser": browser_of,
    }
    return made
