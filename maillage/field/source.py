"""Which devices use the place's broker: those of the configurations that this machine's gateway holds."""

from __future__ import annotations

from pathlib import Path

from gateway.config import GatewayConfig, read_gateways
from gateway.configuration.accepting import ConfigurationRefused
from gateway.configuration.holder import read_kept
from gateway.configuration.store import ConfigurationStore
from gateway.identity import Identity, read_identities
from maillage.field.logins import FieldError

__all__ = ["configured", "read_gateways"]


def configured(identity: Path, spool: Path) -> tuple[GatewayConfig, ...]:
    """Return the gateways of ``identity``, each as the configuration on its disk says.

    Args:
        identity: the identity's folder, or one of several.
        spool: the gateway's spool, beside which its configuration lies.

    Raises:
        IdentityError: there is no identity.
        FieldError: a gateway holds no configuration, or none that can be used.
    """
    store = ConfigurationStore(spool.with_name(spool.name + ".configurations"))
    return tuple(_configured(one, store) for one in read_identities(identity))


def _configured(identity: Identity, store: ConfigurationStore) -> GatewayConfig:
    base = GatewayConfig(
        shard=identity.shard, place=identity.place, gateway=identity.gateway, list_keys=identity.list_keys
    )
    try:
        found = read_kept(base, store, sealing_key=identity.sealing_key())
    except ConfigurationRefused as error:
        raise FieldError(f"the configuration of {identity.gateway} can't be used: {error}.") from error
    if found is None:
        raise FieldError(
            f"{identity.gateway} has no configuration yet: start the gateway, wait until it has reached the centre, "
            "and run this again."
        )
    return found
