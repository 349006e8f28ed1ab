"""Dashboards drawn without Grafana: their real queries, in a plain page that resembles Grafana's."""
