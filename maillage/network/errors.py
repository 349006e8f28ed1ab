"""The exceptions of the network's administration, as a tree.

NetworkError
├── InventoryError    a file of places that cannot be read at all (a bad row is no error: it is reported)
├── SelectionError    a region that doesn't exist, or a selection without any place
├── KeyMissingError   a secret that the command needs is not set
├── KeyChangedError   a secret that isn't the one that the database's rows were made with
└── SampleRefusedError  the sample isn't mixed into a real network, or into one of another seed
"""

from __future__ import annotations


class NetworkError(Exception):
    """A command about the network failed; the text names the cause and the remedy."""


class InventoryError(NetworkError):
    """A file of places that cannot be read at all."""


class SelectionError(NetworkError):
    """The requested region or place doesn't exist."""


class KeyMissingError(NetworkError):
    """A secret that the command needs is not set."""


class KeyChangedError(NetworkError):
    """A secret isn't the one that the database's rows were made with."""


class SampleRefusedError(NetworkError):
    """The database holds a network that the sample must not be mixed into."""
