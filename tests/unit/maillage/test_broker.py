"""Who may do what on the central broker."""

from __future__ import annotations

import pytest

from maillage.broker import acl


def test_a_gateway_has_rights_at_its_own_address_only() -> None:
    lines = acl(["ingest", "rights", "port-1"], {"port-1": "02/port"}).splitlines()
    of_gateway = lines[lines.index("user port-1") + 1 :]
    assert len(of_gateway) == 9
    assert all(" maillage/v1/02/port/port-1/" in line for line in of_gateway)
    assert not any(line.startswith("pattern") for line in lines)
    assert lines.count("user ingest") == lines.count("user rights") == 1


@pytest.mark.parametrize(
    ("user", "where"),
    [
        ("+", "02/port"),
        ("#", "02/port"),
        ("a b", "02/port"),
        ("port-1", "02/+"),
        ("port-1", "02/port/x"),
        ("x\nuser y", "02/p"),
    ],
)
def test_a_name_that_would_widen_the_rights_is_refused(user: str, where: str) -> None:
    with pytest.raises(ValueError, match="address"):
        acl([user], {user: where})
