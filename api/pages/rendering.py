"""Renders the pages' templates in the reader's language.

Texts stand in English in the templates; ``locale/fr/*.po`` have the French ones (gettext). They are read at the first
page, so that there is no build step. Everything that a person wrote is escaped.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal
from babel.support import NullTranslations, Translations
from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.responses import Response

from api.http.language import Language
from api.page import base_url, language_for
from api.pages.asking import new_once
from api.pages.templating import Templates, Translated, functions_of, options

_BROWSERS: Final = (("Firefox/", "Firefox"), ("Edg/", "Edge"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)
_FORMATTED: Final = 4_096
"""Times, days and numbers whose words are kept: the same stand on a page again and again."""
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
    """Return the page that ``template`` makes of ``values``.

    Each template also has ``base`` (the address of scripts and styles), ``language``, ``person`` (``api.pages.person``,
    None where nobody is signed in), ``here`` (the path), ``provider`` (the name of where one may sign in too) and
    ``once()`` (a new text for the field of that name).
    """
    language = language_for(request)
    person = getattr(request.state, "person", None)
    provider = getattr(request.app.state, "provider", None)
    known = {
        "base": base_url(),
        "language": language,
        "person": person,
        "here": request.url.path,
        "provider": None if provider is None else provider.name,
        "signed_in_there": "__Host-maillage-provider-id" in request.cookies,
    }
    text = _environment(language).get_template(template).render(**known, **values)
    return Response(text, status, media_type="text/html; charset=utf-8", headers=_HEADERS)


def say(request: Request, text: str) -> str:
    """Return an English text in the reader's language; it must stand in a catalogue of ``locale/fr``."""
    return translations(language_for(request)).gettext(text)


def text(english: str) -> str:
    """Mark a text of a module as one of a page, to be shown by ``say`` or ``gettext``; returned as it is."""
    return english


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
    catalogue = Catalog(locale=language)
    # French has a third form, of millions, in CLDR; in our files it has two, so the files' headers don't count.
    catalogue.mime_headers = [("Plural-Forms", "nplurals=2; plural=(n > 1);")]
    for path in sorted((_FOLDER / "locale" / language).glob("*.po")):
        with path.open("rb") as source:
            for message in read_po(source, locale=language):
                if message.id:
                    catalogue[message.id] = message
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


@pass_context
def _once(context: Context) -> str:
    """Return a new text for a form's field ``once``; it says of whom the form is (``api.pages.routing``)."""
    person, of_whom = context.get("person"), context.get("of_whom")
    return new_once(of_whom or (person.mark if person else ""))


@cache
def _environment(language: Language) -> Environment:
    made = Templates(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        auto_reload=False,  # else each page looks at the files of all its templates
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Translated],
    )
    made.newstyle_gettext = True  # type: ignore[attr-defined]
    made.globals |= functions_of(translations(language))
    locale = "fr_FR" if language == "fr" else "en_GB"
    made.globals["once"] = _once

    def first(day: int, pattern: str) -> str:
        """In French the first day of a month is «1er», which CLDR doesn't know."""
        return pattern.replace("d MMM", "d'er' MMM") if language == "fr" and day == 1 else pattern

    @lru_cache(maxsize=_FORMATTED)
    def local(moment: str | datetime, zone: str, pattern: str) -> str:
        at = (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).astimezone(ZoneInfo(zone))
        return format_datetime(at, first(at.day, pattern), tzinfo=ZoneInfo(zone), locale=locale)

    @lru_cache(maxsize=_FORMATTED)
    def local_date(day: str | date, pattern: str = "EEEE d MMMM") -> str:
        on = date.fromisoformat(day) if isinstance(day, str) else day
        return format_date(on, first(on.day, pattern), locale=locale)

    def money(cents: int) -> str:
        return format_currency(Decimal(cents) / 100, "EUR", locale=locale)

    made.filters |= {
        "day": partial(local, pattern="EEEE d MMMM"),
        "when": partial(local, pattern="EEE d MMM, HH:mm"),
        "hour": partial(local, pattern="HH:mm"),
        "moment": partial(local, pattern="d MMM y, HH:mm"),
        "second": partial(local, pattern="HH:mm:ss"),
        "date": local_date,
        "number": lru_cache(maxsize=_FORMATTED, typed=True)(partial(format_decimal, locale=locale)),
        "money": money,
        "browser": browser_of,
        "options": options,
    }
    return made
