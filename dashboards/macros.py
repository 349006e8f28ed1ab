"""Queries as Grafana's PostgreSQL data source sends them: variables first, then ``$__interval``, then macros.

So that a panel's query can be run without Grafana, for previews and tests.
Follows what Grafana does, quirks too: a macro's argument ends at
the first closing bracket, and ``$__timeGroup(…)`` directly before a comma names its column "time".
Source: Grafana's documentation of the PostgreSQL data source ("Macros") and of variable formats ("sqlstring").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from dashboards.errors import MacroError

_VARIABLE: Final = re.compile(
    r"\$\{(?P<braced>\w+)(?::(?P<format>\w+))?\}|\$(?P<bare>[A-Za-z]\w*)|\[\[\w+(?::\w+)?\]\]"
)
_MACRO: Final = re.compile(r"\$([_a-zA-Z0-9]+)\(([^)]*)\)")
_INTERVAL: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a dashboard hands to its queries: the time range, the bucket width that suits it, the variables."""

    start: datetime
    end: datetime
    interval: timedelta = timedelta(minutes=1)
    variables: Mapping[str, Sequence[str]] = field(default_factory=dict)


def own_range(period: str | None, window: Window) -> Window:
    """Return the window of a panel with a period of its own (``timeFrom``): ``7d`` before now, ``+12h`` from now on.

    ``window`` ends now: where a dashboard's range is fixed, Grafana ignores such a period.
    """
    if period is None:
        return window
    span = timedelta(seconds=_seconds(period.removeprefix("+")))
    if period.startswith("+"):
        return replace(window, start=window.end, end=window.end + span)
    return replace(window, start=window.end - span)


def expand(query: str, window: Window) -> str:
    """Return ``query`` as the database receives it.

    Raises:
        MacroError: a macro or a variable that isn't known, a variable without a format, or a wrong argument.
    """
    text = _VARIABLE.sub(lambda found: _variable(found, window), query)
    text = text.replace("$__interval_ms", str(int(window.interval.total_seconds() * 1000)))
    text = text.replace("$__interval", _format(window.interval))
    text = text.replace("$__unixEpochFrom()", str(int(window.start.timestamp())))
    text = text.replace("$__unixEpochTo()", str(int(window.end.timestamp())))
    return _MACRO.sub(lambda found: _macro(found, text[found.end() : found.end() + 1], window), text)


def _variable(found: re.Match[str], window: Window) -> str:
    name = found["braced"] or found["bare"]
    if name is None:
        raise MacroError(f"{found[0]}: Grafana would take this for a variable")
    if name.startswith("__"):
        return found[0]
    if name not in window.variables:
        raise MacroError(f"{found[0]}: no such variable")
    if found["format"] != "sqlstring":
        raise MacroError(f"{found[0]}: not quoted; write ${{{name}:sqlstring}}")
    return ",".join("'" + value.replace("'", "''") + "'" for value in window.variables[name])


def _macro(found: re.Match[str], following: str, window: Window) -> str:
    name, arguments = found[1], [one.strip(" ") for one in found[2].split(",")]
    if name == "__time":
        return f'{arguments[0]} AS "time"'
    if name == "__timeFilter":
        return f"{arguments[0]} BETWEEN '{_instant(window.start)}' AND '{_instant(window.end)}'"
    if name == "__timeFrom":
        return f"'{_instant(window.start)}'"
    if name == "__timeTo":
        return f"'{_instant(window.end)}'"
    if name in {"__timeGroup", "__timeGroupAlias"}:
        if len(arguments) < 2:
            raise MacroError(f"{found[0]}: needs a column and an interval")
        alias = ' AS "time"' if name.endswith("Alias") or following == "," else ""
        return f"time_bucket('{_seconds(arguments[1]):.3f}s',{arguments[0]}){alias}"
    raise MacroError(f"unknown macro {name!r}")


def _instant(value: datetime) -> str:
    """RFC 3339 as Go writes it: no more digits than there are."""
    text = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"{text}Z"


def _seconds(text: str) -> float:
    found = _INTERVAL.fullmatch(text.strip("'"))
    if found is None:
        raise MacroError(f"{text}: not an interval")
    return float(found[1]) * _SECONDS[found[2]]


def _format(interval: timedelta) -> str:
    seconds = interval.total_seconds()
    for unit in ("d", "h", "m", "s"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{int(seconds / _SECONDS[unit])}{unit}"
    return f"{int(seconds * 1000)}ms"
