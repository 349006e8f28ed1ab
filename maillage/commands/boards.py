"""Grafana dashboards, as code."""

from __future__ import annotations

import typer

app = typer.Typer(help="Grafana dashboards as code.", no_args_is_help=True)
