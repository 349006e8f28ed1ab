"""A report as a document in French or English, to be made PDF or HTML (``process.documents``). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from process.documents import Column, Document, Section
from reports.model import PublicReport, Report, Stored, Use
from reports.month import Month
from reports.plots import day_columns, heat_map
from reports.sections import bookings, categories, certainty, desks, devices, doors, places, say_in, spaces
from reports.words import (
    UNKNOWN,
    WEEKDAYS,
    Language,
    Words,
    day_name,
    moment_name,
    month_name,
    number,
    percent,
)


def report_document(stored: Stored, language: Language) -> Document:
    """Return the document of a report."""
    report = stored.report
    month = Month.parsed(report.month)
    say = say_in(language)
    return Document(
        title=f"{say('Rapport mensuel', 'Monthly report')} – {name_of(report, language)}",
        language=language,
        lines=tuple(_lines(stored, month, language)),
        sections=tuple(_sections(report, month, language)),
        footer=f"{name_of(report, language)}, {month_name(month.first, language)}" + _edition(stored, language),
    )


def public_document(shown: PublicReport, language: Language) -> Document:
    """Return what everybody may know of a month as a document."""
    month = Month.parsed(shown.month)
    say, name = say_in(language), name_of(shown, language)
    months = month_name(month.first, language)
    lines = [months[0].upper() + months[1:]]
    if not shown.complete:
        lines.append(say("Mois incomplet.", "Month not complete."))
    lines.append(
        say(
            f"Temps pendant lequel le lieu a été entendu : {percent(shown.known, language)}.",
            f"Time in which the place was heard: {percent(shown.known, language)}.",
        )
    )
    note = Section(
        heading=say("Comment lire ce rapport", "How to read this report"),
        text=say(
            "Ces nombres sont publics : chacun est le milieu d'une fourchette, jamais un nombre exact de personnes.",
            "These numbers are public: each is the middle of a band, never an exact number of people.",
        ),
    )
    return Document(
        title=f"{say('Rapport mensuel', 'Monthly report')} – {name}",
        language=language,
        lines=lines,
        sections=(*_plots(shown, month, language), note),
        footer=f"{name}, {months}",
    )


def name_of(report: Report | PublicReport, language: Language) -> str:
    """Return what the report is about."""
    if report.scope == "place":
        return report.name
    if report.scope == "network":
        return Words("le réseau", "the network").of(language)
    return f"{Words('département', 'department').of(language)} {report.name}"


def _edition(stored: Stored, language: Language) -> str:
    say = say_in(language)
    if stored.number is None:
        return say(" – provisoire", " – provisional")
    return f" – {say('rapport n°', 'report no.')} {stored.number}, version {stored.version}"


def _lines(stored: Stored, month: Month, language: Language) -> Iterator[str]:
    report, say = stored.report, say_in(language)
    name = month_name(month.first, language)
    yield name[0].upper() + name[1:]
    if report.scope != "place":
        yield say(
            f"{report.places} lieux, dont {report.places_known} avec des mesures ce mois-ci",
            f"{report.places} places, {report.places_known} of them with numbers in this month",
        )
    elif report.capacity is not None:
        yield say(f"{report.capacity} places assises ou postes", f"{report.capacity} seats")
    if not report.complete:
        last = report.counted_until - timedelta(days=1)
        yield (
            say(
                f"Mois incomplet : chiffres du {day_name(month.first, language)} au {day_name(last, language)}.",
                f"Month not complete: figures from {day_name(month.first, language)} to {day_name(last, language)}.",
            )
            if report.counted_until > month.first
            else say("Aucune journée de ce mois n'est encore comptée.", "No day of this month is counted yet.")
        )
    if report.since is not None and month.first < report.since < month.after:
        yield say(
            f"Premières mesures le {day_name(report.since, language)}.",
            f"First numbers on {day_name(report.since, language)}.",
        )
    if stored.changed:
        yield say(
            f"Version {stored.version} : {len(stored.changed)} chiffres corrigés après des données arrivées en retard.",
            f"Version {stored.version}: {len(stored.changed)} figures corrected after data that arrived late.",
        )


def _sections(report: Report, month: Month, language: Language) -> Iterator[Section]:
    say = say_in(language)
    if not report.sensors:
        yield Section(
            heading=say("Aucun capteur", "No sensors"),
            text=say(
                "Ce lieu n'a ni lecteur de badges, ni compteur, ni capteur : sa fréquentation est inconnue.",
                "This place has no reader, counter or sensor: how many people come is not known.",
            ),
        )
    yield _summary(report, month, language)
    yield from _plots(report, month, language)
    if report.rows:
        yield places(report, language)
    if report.spaces:
        yield spaces(report, language)
    yield from desks(report, language)
    yield from bookings(report, language)
    yield doors(report, language)
    yield from categories(report, language)
    yield from devices(report, language)
    yield certainty(report, language)
    yield Section(
        heading=say("Comment lire ce rapport", "How to read this report"),
        text=say(
            "Une heure-personne est une personne présente pendant une heure. Le taux d'occupation est la part des"
            " places offertes pendant les heures d'ouverture qui étaient prises. Une pointe est le quart d'heure où"
            " il y avait en moyenne le plus de monde. Ce qui n'est pas connu est écrit « inconnu » et ne compte jamais"
            " pour zéro.",
            "A people-hour is one person present for one hour. Utilisation is the share of the seats offered in opening"
            " hours that was taken. A peak is the quarter of an hour with the most people on average. What is not known"
            ' is written "unknown" and never counts as zero.',
        ),
    )


def _summary(report: Report, month: Month, language: Language) -> Section:
    say = say_in(language)
    uses = (report.use, report.before, report.year_before)
    months = (month, month.before, month.year_before)

    def row(name: str, cell: Callable[[Use], str]) -> tuple[str, ...]:
        return (name, *(UNKNOWN.of(language) if use is None else cell(use) for use in uses))

    def peak(use: Use) -> str:
        return number(use.peak, language, 1)

    rows = [
        row(say("Heures d'ouverture", "Opening hours"), lambda use: number(use.open_hours, language)),
        row(say("Heures-personnes", "People-hours"), lambda use: number(use.person_hours, language)),
        row(say("Taux d'occupation", "Utilisation"), lambda use: percent(use.utilisation, language)),
        row(
            say("Temps presque complet (plus de 80 %)", "Time nearly full (over 80%)"),
            lambda use: percent(use.busy_share, language),
        ),
        row(say("Pointe (personnes)", "Peak (people)"), peak),
        row(
            say("Ouverture dont le nombre est connu", "Opening hours with a number"),
            lambda use: percent(use.known, language),
        ),
    ]
    text = ""
    if report.use is not None and report.use.peak is not None and report.use.peak_at is not None:
        people, at = number(report.use.peak, language, 1), moment_name(report.use.peak_at, language)
        text = say(f"Le plus de monde : {people} personnes, {at}.", f"Most people: {people}, {at}.")
    return Section(
        heading=say("En bref : pendant les heures d'ouverture", "At a glance: in opening hours"),
        text=text,
        columns=(Column(name=""), *(Column(name=month_name(one.first, language), number=True) for one in months)),
        rows=rows,
    )


def _plots(report: Report | PublicReport, month: Month, language: Language) -> Iterator[Section]:
    say = say_in(language)
    known = [one for one in report.by_day if one.person_hours is not None]
    nothing = say("Aucun nombre n'est connu ce mois-ci.", "No number is known in this month.")
    if not known:
        yield Section(heading=say("Jour par jour", "Day by day"), text=nothing)
        return
    best = max(known, key=lambda one: one.person_hours or 0)
    total = report.all_person_hours
    dark = len(report.by_day) - len(known)
    days = say(
        f"{number(total, language)} heures-personnes à toute heure, le plus le {day_name(best.day, language)}"
        f" ({number(best.person_hours, language)}) ; jours inconnus : {dark}.",
        f"{number(total, language)} people-hours at any hour, most on {day_name(best.day, language)}"
        f" ({number(best.person_hours, language)}); unknown days: {dark}.",
    )
    yield Section(
        heading=say("Jour par jour", "Day by day"),
        text=days,
        plot=day_columns(report.by_day, month.first, month.days, language),
        alt=days,
    )
    hours = [one for one in report.by_hour if one.people is not None]
    if not hours:
        return
    full = max(hours, key=lambda one: one.people or 0)
    weekday = WEEKDAYS[full.weekday - 1].of(language)
    text = say(
        f"Personnes présentes en moyenne, par jour de la semaine et heure locale. Le plus :"
        f" {number(full.people, language, 1)}, le {weekday} à {full.hour} h.",
        f"People present on average, by weekday and local hour. Most: {number(full.people, language, 1)},"
        f" {weekday} at {full.hour}:00.",
    )
    yield Section(
        heading=say("Semaine type", "A typical week"), text=text, plot=heat_map(report.by_hour, language), alt=text
    )
