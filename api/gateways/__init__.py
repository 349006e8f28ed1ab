"""Gateways: how one joins, and how one is shut out."""
