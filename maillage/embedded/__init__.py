"""A real TimescaleDB and a real Mosquitto, unpacked without root: what demo and tests run on by default."""

from __future__ import annotations

from maillage.embedded.bundle import BundleError, fetch
from maillage.embedded.field import EmbeddedField
from maillage.embedded.mosquitto import EmbeddedMosquitto
from maillage.embedded.postgres import EmbeddedPostgres
from maillage.embedded.process import ServerError
from maillage.embedded.secrets import Secrets, load_secrets

__all__ = [
    "BundleError",
    "EmbeddedField",
    "EmbeddedMosquitto",
    "EmbeddedPostgres",
    "Secrets",
    "ServerError",
    "fetch",
    "load_secrets",
]
