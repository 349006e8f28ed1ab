"""The tables in the documentation that are made from the code: settings, metrics, the place's file."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from api.http.settings import ApiSettings
from dashboards.settings import DashboardsSettings
from gateway.settings import GatewaySettings
from ingest.metrics import Metrics
from ingest.settings import IngestSettings
from jobs.metrics import Metrics as JobsMetrics
from jobs.settings import JobsSettings
from maillage.network.settings import NetworkSettings
from maillage.place.sections import SECTIONS
from rights.metrics import Metrics as RightsMetrics
from rights.settings import RightsSettings
from simulator.settings import SimulatorSettings

ROOT: Final = Path(__file__).parent.parent
SETTINGS: Final[dict[str, type[BaseSettings]]] = {
    "gateway": GatewaySettings,
    "ingest": IngestSettings,
    "rights": RightsSettings,
    "jobs": JobsSettings,
    "api": ApiSettings,
    "simulate": SimulatorSettings,
    "network": NetworkSettings,
    "dashboards": DashboardsSettings,
}


def settings_table() -> str:
    """One row for each meaning of each environment variable: who reads it, its default, what it is for."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for command, settings in SETTINGS.items():
        for name, field in settings.model_fields.items():
            about = (field.description or "").rstrip(".")
            key = (f"MAILLAGE_{name.upper()}", _default(field.default), about[:1].upper() + about[1:])
            rows.setdefault(key, []).append(command)
    lines = ["| variable | read by | default | what it is |", "|---|---|---|---|"]
    lines += [
        f"| `{name}` | {', '.join(who)} | {default} | {about} |" for (name, default, about), who in sorted(rows.items())
    ]
    return "\n".join(lines)


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "**required**"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, BaseModel) or value is None or value in ("", ()):
        return "none"
    return f"`{value}`"


def metrics_table() -> str:
    """Every metric of every process, from what they expose."""
    lines = ["| metric | labels | what it counts |", "|---|---|---|"]
    for metric in (
        *Metrics().registry.collect(),
        *RightsMetrics().registry.collect(),
        *JobsMetrics().registry.collect(),
    ):
        labels = ", ".join(_LABELS.get(metric.name, ()))
        suffix = "_total" if metric.type == "counter" else ""
        lines.append(f"| `{metric.name}{suffix}` | {labels} | {metric.documentation} |")
    for source in (
        "gateway/http/metrics.py",
        "gateway/http/list_metrics.py",
        "api/http/metrics.py",
        "api/present/metrics.py",
    ):
        lines += [f"| `{name}` | | {about} |" for name, about in _mentions(ROOT / source)]
    return "\n".join(lines)


_LABELS: Final = {
    "maillage_ingest_lag_seconds": ("quantile",),
    "maillage_ingest_dead_letters": ("reason",),
    "maillage_ingest_messages_refused": ("reason",),
    "maillage_ingest_connected": ("peer",),
    "maillage_ingest_gateway_spool_depth": ("gateway",),
    "maillage_ingest_gateway_clock_offset_seconds": ("gateway",),
    "maillage_ingest_gateway_online": ("gateway",),
    "maillage_jobs_connected": ("peer",),
    "maillage_jobs_last_success_timestamp_seconds": ("job",),
    "maillage_jobs_failures_in_a_row": ("job",),
    "maillage_jobs_last_run_seconds": ("job",),
    "maillage_jobs_failures": ("job",),
    "maillage_rights_connected": ("peer",),
    "maillage_rights_messages_sent": ("kind",),
    "maillage_rights_bytes_sent": ("kind",),
    "maillage_rights_commands": ("outcome",),
}


def _mentions(source: Path) -> list[tuple[str, str]]:
    """(metric, its sentence), from the calls in ``source`` that name a metric and then say what it is."""
    found = {}
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            names = [text for text in texts if text.startswith("maillage_")]
            about = [text for text in texts if " " in text]
            if names and about:
                found[names[0]] = about[0].rstrip(".")
    return sorted(found.items())


def place_file_tables() -> str:
    """One table for each section of a place's file, from what reads it."""
    parts = []
    for section in SECTIONS:
        lines = [f"**`{section.name}`.** {section.says}", "", "| key | what is written | what it is |", "|---|---|---|"]
        lines += [
            f"| {'**' * one.required}`{one.name}`{'**' * one.required} | {one.form.says} | {one.says} |"
            for one in section.fields
        ]
        parts.append("\n".join(lines))
    return "Keys in bold are required.\n\n" + "\n\n".join(parts)


def fill(*, write: bool) -> list[Path]:
    """Bring the tables up to date; returns the files in which they were not (``write`` False: changes nothing)."""
    stale = []
    for path, name, table in (
        (ROOT / "docs" / "settings.md", "settings", settings_table()),
        (ROOT / "docs" / "metrics.md", "metrics", metrics_table()),
        (ROOT / "docs" / "places.md", "place file", place_file_tables()),
    ):
        text = path.read_text(encoding="utf-8")
        head, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, tail = rest.partition(f"<!-- end of {name} -->")
        fresh = head + begin + table + "\n" + end + tail
        if fresh != text:
            stale.append(path)
            if write:
                path.write_text(fresh, encoding="utf-8")
    return stale
