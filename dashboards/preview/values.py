"""How a panel's field configuration shows one value: its text and its colour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from dashboards.panels import Json
from dashboards.words import Language

TEXT: Final = "#d8d9da"
_COLOURS: Final = {
    "text": TEXT,
    "green": "#73bf69",
    "yellow": "#fade2a",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
    "purple": "#b877d9",
    "light-blue": "#8ab8ff",
    "super-light-blue": "#c0d8ff",
    "semi-dark-blue": "#3274d9",
    "dark-blue": "#1f60c4",
}
_AGO: Final = {
    "fr": ("à l'instant", "il y a {} min", "il y a {} h", "il y a {} j"),
    "en": ("just now", "{} min ago", "{} h ago", "{} d ago"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The surroundings in which values are shown."""

    language: Language
    zone: ZoneInfo
    now: datetime


def colour(name: str) -> str:
    """Return a colour of Grafana's palette by its name; one that isn't in it is taken as it is."""
    return _COLOURS.get(name, name)


def config_of(panel: Json, column: str) -> Json:
    """Return the field configuration of one column: the defaults and its overrides."""
    config = dict(panel["fieldConfig"]["defaults"])
    for one in panel["fieldConfig"]["overrides"]:
        if one["matcher"]["options"] == column:
            config.update({each["id"]: each["value"] for each in one["properties"]})
    return config


def shown(value: Any, config: Json, look: Look) -> tuple[str, str | None]:
    """Return a value's text, and its colour where the configuration has one."""
    for mapping in config.get("mappings", ()):
        found = mapping["options"].get(str(value)) if mapping["type"] == "value" and value is not None else None
        if mapping["type"] == "special" and value is None:
            found = mapping["options"]["result"]
        if found is not None:
            return found["text"], colour(found["color"]) if "color" in found else None
    if value is None:
        return config.get("noValue", "—"), None
    return _written(value, config, look), _painted(value, config)


def _written(value: Any, config: Json, look: Look) -> str:
    unit = config.get("unit", "none")
    if unit == "bytes":
        return f"{value / 2**20:.1f} MiB"
    if unit == "dateTimeFromNow":
        at = value.timestamp() if isinstance(value, datetime) else float(value) / 1000
        return _ago(look.now.timestamp() - at, look.language)
    if isinstance(value, datetime):
        return f"{value.astimezone(look.zone):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        decimals = config.get("decimals")
        text = f"{float(value):.{decimals}f}" if decimals is not None else f"{float(value):.3g}"
        if decimals is None and float(value).is_integer():
            text = f"{int(value)}"
        return text + {"percent": "%", "ms": " ms", "s": " s", "cps": "/s"}.get(unit, "")
    return str(value)


def _ago(seconds: float, language: Language) -> str:
    now, minutes, hours, days = _AGO[language]
    if seconds < 60:
        return now
    if seconds < 3600:
        return minutes.format(round(seconds / 60))
    return hours.format(round(seconds / 3600)) if seconds < 86400 else days.format(round(seconds / 86400))


def _painted(value: Any, config: Json) -> str | None:
    mode = config.get("color", {}).get("mode")
    if mode == "fixed":
        return colour(config["color"]["fixedColor"])
    steps = config.get("thresholds", {}).get("steps")
    if not steps or isinstance(value, (str, datetime, bool)):
        return None
    reached = [step for step in steps if step["value"] is None or float(value) >= step["value"]]
    return colour(reached[-1]["color"]) if reached else None
