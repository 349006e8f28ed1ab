"""Grafana's macros, as the previews expand them."""

from dashboards.macros import Window, expand, own_range

__all__ = ["Window", "expand", "own_range"]
