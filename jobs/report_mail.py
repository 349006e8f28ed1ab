"""Mails operators who asked for it that a monthly report is there."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from database.leases import Fenced
from database.mail import queue_mail
from reports.document import name_of
from reports.model import Report
from reports.month import Month
from reports.words import Language, month_name, number, percent

_READERS: Final = """
-- operators who want mail and may read the report: of a place, or (place NULL) of the network
SELECT DISTINCT o.ref, o.email FROM operator o JOIN operator_role r ON r.operator = o.ref
WHERE o.report_mail AND o.email IS NOT NULL AND o.ended_at IS NULL
  AND r.role IN ('network_administrator', 'place_manager', 'auditor')
  AND r.place IS NOT DISTINCT FROM %(place)s::integer
"""
_LANGUAGE: Final[Language] = "fr"


def mail_report(connection: Fenced, report: Report, month: Month, place: int | None) -> int:
    """Queue the mails about a report that was just stored, in its transaction; return how many."""
    use, language = report.use, _LANGUAGE
    place_page = f"/manage/{quote(report.code or '')}/history/reports/{month}"
    path = f"/manage/network/reports/{month}/pdf" if place is None else place_page
    queued = 0
    for ref, email in connection.execute(_READERS, {"place": place}).fetchall():
        queued += queue_mail(
            connection,
            kind="report_ready",
            to_address=email,
            values={
                "about": name_of(report, language),
                "month": month_name(month.first, language),
                "person_hours": number(None if use is None else use.person_hours, language),
                "utilisation": percent(None if use is None else use.utilisation, language),
                "peak": number(None if use is None else use.peak, language, 1),
                "known": percent(None if use is None else use.known, language),
                "path": path,
            },
            language=language,
            once=f"report {month} {ref} {place or 'network'}",
        )
    return queued
