"""The parts of a report's document that are tables: places, spaces, desks, bookings, doors, devices. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from process.documents import Column, Section
from reports.model import Category, Report
from reports.words import FEW, KINDS, REASONS, UNKNOWN, Language, french, number, percent, word_of

_ROWS: Final = 40
"""The most rows of a table of devices."""


def say_in(language: Language) -> Callable[[str, str], str]:
    """Return what chooses between a French and an English text; French signs keep to the word before them."""
    return lambda fr, en: french(fr) if language == "fr" else en


def places(report: Report, language: Language) -> Section:
    """Return the table of a group's places."""
    say = say_in(language)
    names = [say("Heures d'ouverture", "Opening hours"), say("Heures-personnes", "People-hours")]
    names += [say("Occupation", "Utilisation"), say("Pointe", "Peak"), say("Connu", "Known")]
    return Section(
        heading=say("Les lieux", "The places"),
        columns=(Column(name=say("Lieu", "Place")), *(Column(name=name, number=True) for name in names)),
        rows=[
            (
                one.name,
                number(one.open_hours, language),
                number(one.person_hours, language),
                percent(one.utilisation, language),
                number(one.peak, language, 1),
                percent(one.known, language),
            )
            for one in report.rows
        ],
    )


def spaces(report: Report, language: Language) -> Section:
    """Return the use of each space."""
    say = say_in(language)
    names = [say("Heures-personnes", "People-hours"), say("Occupation", "Utilisation")]
    names += [say("Pointe", "Peak"), say("Connu", "Known")]
    return Section(
        heading=say("Les espaces", "The spaces"),
        columns=(Column(name=say("Espace", "Space")), *(Column(name=name, number=True) for name in names)),
        rows=[
            (
                one.name,
                number(one.person_hours, language),
                percent(one.utilisation, language),
                number(one.peak, language, 1),
                percent(one.known, language),
            )
            for one in report.spaces
        ],
    )


def desks(report: Report, language: Language) -> Iterator[Section]:
    """Return how desks were used, and which never were."""
    desks, say = report.desks, say_in(language)
    if desks is None:
        return
    names = [say("utilisés", "used"), say("jamais utilisés", "never used"), UNKNOWN.of(language)]
    names += [say("sans capteur", "without a sensor")]
    counts = (desks.used, desks.unused, desks.unknown, desks.without_sensor)
    text = ""
    if desks.never_used:
        text = say("Jamais utilisés : ", "Never used: ") + ", ".join(desks.never_used) + "."
    yield Section(
        heading=say("Postes de travail", "Desks"),
        text=text,
        columns=[Column(name=name, number=True) for name in names],
        rows=[[number(one, language) for one in counts]],
    )


def bookings(report: Report, language: Language) -> Iterator[Section]:
    """Return bookings and no-shows."""
    say, bookings = say_in(language), report.bookings
    heading = say("Réservations", "Bookings")
    if bookings is None:
        text = say("Les réservations de ce mois ne sont plus conservées.", "Bookings of this month are no longer kept.")
        yield Section(heading=heading, text=text)
        return
    if not (bookings.held or bookings.no_shows or bookings.cancelled):
        yield Section(heading=heading, text=say("Aucune réservation.", "No bookings."))
        return
    names = (
        say("maintenues", "kept"),
        say("heures", "hours"),
        say("sans venue", "no-shows"),
        say("annulées", "cancelled"),
    )
    cells = [number(bookings.held, language), number(bookings.hours, language)]
    cells += [number(bookings.no_shows, language), number(bookings.cancelled, language)]
    yield Section(heading=heading, columns=[Column(name=name, number=True) for name in names], rows=[cells])


def doors(report: Report, language: Language) -> Section:
    """Return how often people were let in, and refused, by reason."""
    say, refusals = say_in(language), report.refusals
    heading = say("Aux portes", "At the doors")
    if refusals is None or report.let_in is None:
        return Section(
            heading=heading,
            text=say(
                "Les passages de ce mois ne sont plus conservés : ils sont effacés au bout de trois mois.",
                "Events of this month are no longer kept: they are deleted after three months.",
            ),
        )
    refused = report.refused
    text = say(
        f"Entrées accordées : {number(report.let_in, language)}. Refus : {number(refused, language)}.",
        f"Let in: {number(report.let_in, language)} times. Refused: {number(refused, language)} times.",
    )
    if not refusals:
        return Section(heading=heading, text=text)
    return Section(
        heading=heading,
        text=text,
        columns=(Column(name=say("Motif du refus", "Reason")), Column(name=say("Refus", "Refusals"), number=True)),
        rows=[(word_of(one.reason, REASONS, language), number(one.count, language)) for one in refusals],
    )


def categories(report: Report, language: Language) -> Iterator[Section]:
    """Return the use by category of members."""
    say, categories = say_in(language), report.categories
    if categories is None or not (categories.groups or categories.others or categories.withheld):
        return
    none = say("sans catégorie", "no category")

    def cells(name: str, one: Category) -> tuple[str, str, str]:
        return name, number(one.members, language), number(one.days, language)

    rows: list[Sequence[str]] = [cells(one.name or none, one) for one in categories.groups]
    if categories.others is not None:
        rows.append(cells(say("autres catégories, réunies", "other categories together"), categories.others))
    if categories.withheld:
        rows.append((say("autres", "others"), FEW.of(language), say("non indiqué", "withheld")))
    yield Section(
        heading=say("Fréquentation par catégorie", "Use by category"),
        text=say(
            "Jours de venue : un membre compte une fois par jour et par lieu. Un groupe de moins de cinq membres"
            " n'est pas montré seul.",
            "Days of visits: a member counts once a day and place. A group of fewer than five members isn't shown"
            " alone.",
        ),
        columns=(
            Column(name=say("Catégorie", "Category")),
            Column(name=say("Membres", "Members"), number=True),
            Column(name=say("Jours de venue", "Days of visits"), number=True),
        ),
        rows=rows,
    )


def devices(report: Report, language: Language) -> Iterator[Section]:
    """Return the devices that were silent or have a low battery."""
    say, devices = say_in(language), report.devices
    if devices is None:
        return
    text = say(
        f"{devices.total} appareils ; muets un jour ou plus en tout : {devices.silent} ; batterie faible :"
        f" {devices.low_battery}.",
        f"{devices.total} devices; silent for a day or more in sum: {devices.silent}; low battery:"
        f" {devices.low_battery}.",
    )
    names = (say("Muet (jours)", "Silent (days)"), say("Batterie", "Battery"))
    yield Section(
        heading=say("Santé des appareils", "Health of devices"),
        text=text,
        columns=(
            Column(name=say("Appareil", "Device")),
            Column(name=say("Genre", "Kind")),
            *(Column(name=name, number=True) for name in names),
        )
        if devices.worst
        else (),
        rows=[
            (
                one.code,
                word_of(one.kind, KINDS, language),
                number(one.silent_hours / 24, language, 1) + (say(" (encore)", " (still)") if one.silent_now else ""),
                "–" if one.battery is None else percent(one.battery / 100, language),
            )
            for one in devices.worst[:_ROWS]
        ],
    )


def certainty(report: Report, language: Language) -> Section:
    """Return how sure the numbers are."""
    say, sure = say_in(language), report.certainty
    rows = [
        (say("Temps avec un nombre, à toute heure", "Time with a number, at any hour"), percent(sure.known, language)),
        (say("dont moins sûr", "of it less sure"), percent(sure.degraded, language)),
        (say("Heures inconnues", "Unknown hours"), number(sure.unknown_hours, language)),
        (say("Comptages par le gestionnaire", "Head counts by the manager"), number(sure.head_counts, language)),
        (say("dont comparés", "of them compared"), number(sure.compared, language)),
        (say("Erreur moyenne (personnes)", "Mean error (people)"), number(sure.error, language, 1)),
        (
            say("Comptages dans l'intervalle publié", "Head counts inside the published interval"),
            percent(sure.within, language),
        ),
    ]
    text = ""
    if sure.error is None:
        text = say(
            "Pour savoir à combien de personnes près les nombres sont justes, il faut au moins cinq comptages dans"
            " le mois.",
            "At least five head counts in the month are needed to know how exact the numbers are.",
        )
    return Section(
        heading=say("Fiabilité des chiffres", "How sure the numbers are"),
        text=text,
        columns=(Column(name=""), Column(name=say("Valeur", "Value"), number=True)),
        rows=rows,
    )
