from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Database
from tests.integration.rights.network import Network, build


@pytest.fixture
def network(database: Database) -> Iterator[Network]:
    found = build(database.url, database.as_login("rights_1"))
    yield found
    found.owner.close()
    found.rights.close()
