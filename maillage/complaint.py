"""What goes wrong, as one readable sentence with what to do about it."""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from database.unfounded import REMEDY, is_unfounded

_EXTRA_OF: Final = {
    "psycopg": "centre",
    "psycopg_pool": "centre",
    "prometheus_client": "centre",
    "fastapi": "api",
    "uvicorn": "api",
    "uvloop": "api",
    "httptools": "api",
    "grafana_client": "dashboards",
    "yaml": "centre",
}
"""Packages that only some processes need, and the extra that brings each."""

_OURS: Final = (
    "access",
    "api",
    "dashboards",
    "database",
    "gateway",
    "ingest",
    "jobs",
    "maillage",
    "rights",
    "simulator",
)


class Complaint(Exception):
    """A problem that the operator can fix; the command line prints its text as it is."""


def sentence(error: BaseException) -> str:
    """Return the message for the operator about ``error``: never a traceback, never a secret."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        extra = _EXTRA_OF.get(error.name.partition(".")[0])
        if extra:
            return f"this command needs the package {error.name}: pip install 'maillage[{extra}]'"
    if isinstance(error, ValidationError):
        return _settings(error)
    package = type(error).__module__.partition(".")[0]
    if package in _OURS:
        return str(error)
    if package == "psycopg":
        told = " ".join(str(error).split())
        if is_unfounded(error):
            return (
                "the database that MAILLAGE_DATABASE_URL names has no tables of Maillage, or an older version's: "
                f"{REMEDY} ({told[:200]})"
            )
        return f"the database: {told} (MAILLAGE_DATABASE_URL says which; `maillage doctor` looks at it)"
    if isinstance(error, OSError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}. This is a bug: please report it with the output of --debug."


def _settings(error: ValidationError) -> str:
    """Name the settings that are missing or wrong, without their values, which may be secrets."""
    problems = error.errors(include_url=False, include_input=False)
    lines = []
    for one in problems:
        name = "MAILLAGE_" + "_".join(str(part) for part in one["loc"]).upper()
        missing = one["type"] == "missing"
        lines.append(f"{name} is not set" if missing else f"{name}: {one['msg'].removeprefix('Value error, ')}")
    told = "; ".join(lines) + "."
    if any(one["type"] == "missing" for one in problems):
        told += " Set it in the environment (docs/settings.md), or run `maillage up`, which sets all."
    return told
