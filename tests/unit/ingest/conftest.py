"""The fixture of these tests: one place's hardware."""

from __future__ import annotations

import pytest

from occupancy.topology import Topology
from tests.unit.topology import make_topology


@pytest.fixture
def topology() -> Topology:
    return make_topology()
