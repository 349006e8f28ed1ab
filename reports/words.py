"""The words of reports in French and English, and numbers and days as people write them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final, Literal, NamedTuple

Language = Literal["en", "fr"]


class Words(NamedTuple):
    """A text in both languages."""

    fr: str
    en: str

    def of(self, language: Language) -> str:
        """Return the text in ``language``."""
        return self.fr if language == "fr" else self.en


MONTHS: Final = (
    Words("janvier", "January"),
    Words("février", "February"),
    Words("mars", "March"),
    Words("avril", "April"),
    Words("mai", "May"),
    Words("juin", "June"),
    Words("juillet", "July"),
    Words("août", "August"),
    Words("septembre", "September"),
    Words("octobre", "October"),
    Words("novembre", "November"),
    Words("décembre", "December"),
)
WEEKDAYS: Final = (
    Words("lundi", "Monday"),
    Words("mardi", "Tuesday"),
    Words("mercredi", "Wednesday"),
    Words("jeudi", "Thursday"),
    Words("vendredi", "Friday"),
    Words("samedi", "Saturday"),
    Words("dimanche", "Sunday"),
)
REASONS: Final[Mapping[str, Words]] = {
    "unknown_card": Words("badge inconnu", "unknown card"),
    "card_suspended": Words("badge suspendu", "card suspended"),
    "card_lost": Words("badge perdu", "card lost"),
    "card_expired": Words("badge expiré", "card expired"),
    "card_returned": Words("badge rendu", "card returned"),
    "member_suspended": Words("membre suspendu", "member suspended"),
    "no_right_here": Words("aucun droit ici", "no right here"),
    "outside_schedule": Words("hors des horaires prévus", "outside the hours allowed"),
    "place_closed": Words("lieu fermé", "place closed"),
    "pass_not_started": Words("abonnement pas encore commencé", "pass not started yet"),
    "pass_ended": Words("abonnement terminé", "pass ended"),
    "pass_used_up": Words("abonnement épuisé", "pass used up"),
    "booking_required": Words("réservation nécessaire", "booking needed"),
    "anti_passback": Words("déjà entré", "already inside"),
    "space_full": Words("espace complet", "space full"),
    "pin_required": Words("code demandé", "PIN asked for"),
    "wrong_pin": Words("code faux", "wrong PIN"),
    "too_many_tries": Words("trop d'essais", "too many tries"),
    "lockdown": Words("confinement", "lockdown"),
    "list_too_old": Words("liste d'accès trop ancienne", "access list too old"),
    "reader_fault": Words("lecteur en défaut", "reader fault"),
    "qr_unsigned": Words("QR inconnu", "unknown QR"),
    "qr_elsewhere": Words("QR d'un autre lieu", "another place's QR"),
    "qr_void": Words("QR annulé", "QR called off"),
}
KINDS: Final[Mapping[str, Words]] = {
    "reader": Words("lecteur", "reader"),
    "keypad": Words("clavier", "keypad"),
    "lock": Words("serrure", "lock"),
    "desk_sensor": Words("capteur de poste", "desk sensor"),
    "presence_sensor": Words("capteur de présence", "presence sensor"),
    "counter": Words("compteur de passages", "people counter"),
    "contact": Words("contact de porte", "door contact"),
    "climate": Words("capteur d'ambiance", "climate sensor"),
    "access_point": Words("borne Wi-Fi", "access point"),
}
UNKNOWN: Final = Words("inconnu", "unknown")
FEW: Final = Words("moins de cinq membres", "fewer than five members")


def french(text: str) -> str:
    """Return a French text with spaces that don't break a line where its signs, hours and shares ask for them."""
    for sign in (" :", " ;", " »", " %", " h "):
        text = text.replace(sign, f"{chr(0xA0)}{sign.strip()}" + (chr(0xA0) if sign.endswith(" ") else ""))
    return text.replace("« ", f"«{chr(0xA0)}")


def number(value: float | None, language: Language, places: int = 0) -> str:
    """Return ``1 234,5`` or ``1,234.5``; ``inconnu`` or ``unknown`` for None."""
    if value is None:
        return UNKNOWN.of(language)
    text = f"{value:,.{places}f}"
    if float(text.replace(",", "")) == 0:
        text = text.removeprefix("-")
    if language == "fr":
        return text.replace(",", chr(0x202F)).replace(".", ",")
    return text


def percent(share: float | None, language: Language) -> str:
    """Return a share of 0 to 1 as ``42 %`` (its space doesn't break) or ``42%``."""
    if share is None:
        return UNKNOWN.of(language)
    return number(100 * share, language) + (f"{chr(0xA0)}%" if language == "fr" else "%")


def month_name(first: date, language: Language) -> str:
    """Return ``octobre 2026`` or ``October 2026``."""
    return f"{MONTHS[first.month - 1].of(language)} {first.year}"


def day_name(day: date, language: Language) -> str:
    """Return ``1er octobre`` or ``1 October``."""
    first = "1er" if day.day == 1 and language == "fr" else str(day.day)
    return f"{first} {MONTHS[day.month - 1].of(language)}"


def moment_name(text: str, language: Language) -> str:
    """Return a local day or time of a figure, for example ``jeudi 15 octobre à 14 h 30``."""
    at = datetime.fromisoformat(text)
    day = f"{WEEKDAYS[at.weekday()].of(language)} {day_name(at.date(), language)}"
    if len(text) == len("2026-10-15"):
        return day
    return french(f"{day} à {at.hour} h {at:%M}") if language == "fr" else f"{day} at {at:%H:%M}"


def word_of(name: str, words: Mapping[str, Words], language: Language) -> str:
    """Return the word for a name of ours; a name that isn't known yet as it is."""
    return words[name].of(language) if name in words else name
