"""The questions about reports, and the shape of their answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from api.http.models import Answer, Question
from reports.model import Changed, PublicReport, Report, Scope
from reports.month import Month
from reports.tables import Name

Format = Literal["json", "csv", "parquet", "html", "pdf"]


def _month(text: str) -> str:
    return str(Month.parsed(text))


MonthText = Annotated[
    str, Field(max_length=7, json_schema_extra={"pattern": "^2[01][0-9]{2}-(0[1-9]|1[0-2])$"}), AfterValidator(_month)
]


class ReportQuestion(Question):
    """Which month, and how."""

    month: MonthText | None = Field(
        default=None, description="For example 2026-10. Default: the last one that is stored.", examples=["2026-10"]
    )
    version: int | None = Field(
        default=None, ge=1, le=100_000, description="Default: the last one. Older ones need a key of the place."
    )
    format: Format = "json"
    language: Literal["fr", "en"] | None = Field(
        default=None, description="Of html and pdf. Default: by `Accept-Language`."
    )
    table: Name = Field(default="summary", description="Of csv and parquet. Without a key: days or hours.")


class ReportAnswer(Answer):
    """A report. ``report`` with a key of the place, else ``shown``: what everybody may know."""

    public: bool
    number: int | None = Field(description="Of the stored report; null: made now, not stored, or without a key.")
    version: int | None = Field(description="null: made now and not stored.")
    made_at: datetime
    changed: list[Changed] = Field(description="What differs from the version before; needs a key.")
    report: Report | None = Field(default=None)
    shown: PublicReport | None = Field(default=None)


class ReportHead(Answer):
    """A report that is stored."""

    scope: Scope
    place: str | None
    department: str | None
    month: str
    version: int = Field(description="The last one.")
    made_at: datetime


class ReportList(Answer):
    """The newest reports first, at most 5,000."""

    reports: list[ReportHead]


class ReportsQuestion(Question):
    """Which reports to list."""

    month: MonthText | None = Field(default=None, description="Only of this month.", examples=["2026-10"])
    place: str | None = Field(default=None, max_length=64, description="Only of this place.")
    scope: Literal["place", "department", "network"] | None = Field(default=None, description="Only of these.")


class ColumnAbout(Answer):
    """A column of a table."""

    table: str
    name: str
    kind: Literal["text", "time", "whole", "real"]
    unit: str
    about: str


class Columns(Answer):
    """Every column of every table."""

    columns: list[ColumnAbout]
