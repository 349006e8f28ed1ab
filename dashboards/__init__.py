"""Grafana dashboards as code, their provisioning, and the database readers that they are read with."""
