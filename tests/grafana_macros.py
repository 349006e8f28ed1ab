"""Grafana's macros, as the previews expand them."""

from dashboards.macros import Window, expand

__all__ = ["Window", "expand"]
