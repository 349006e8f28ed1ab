"""Checks a configuration: signed with a key that is believed, whole, and for this gateway."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import SecretStr, ValidationError

from gateway.config import GatewayConfig
from gateway.contract.configuration import LONGEST, SEALED_FOR, Configuration, Secrets, SignedConfiguration, fingerprint
from gateway.contract.sealed import SealError, unseal
from gateway.contract.signing import SignatureError, verify
from gateway.drivers.registry import with_locks
from gateway.errors import GatewayError


class ConfigurationRefused(GatewayError):
    """A configuration that isn't the centre's, isn't for this gateway, or can't be used here; the text says why."""


class Unusable(ConfigurationRefused):
    """It is the centre's and for this gateway, but it can't be used: the centre should know."""

    def __init__(self, reason: str, version: int | None = None) -> None:
        super().__init__(reason)
        self.version = version


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A configuration that was checked."""

    signed: SignedConfiguration
    configuration: Configuration
    secrets: Secrets
    fingerprint: str

    def over(self, base: GatewayConfig) -> GatewayConfig:
        """Return ``base`` with what this configuration says."""
        said, muster_key = self.configuration, self.secrets.muster_key
        return base.model_copy(
            update={
                "time_zone": said.time_zone,
                "doors": with_locks(said.doors, said.devices),
                "devices": said.devices,
                "list_keys": said.list_keys,
                "card_key": SecretStr(self.secrets.card_key),
                "muster_key": None if muster_key is None else SecretStr(muster_key),
            }
        )


def parse(payload: bytes) -> SignedConfiguration:
    """Return the message in ``payload``, of which nothing is checked yet.

    Raises:
        ConfigurationRefused: it isn't one, or it is too long.
    """
    if len(payload) > 2 * LONGEST:  # quotes are escaped
        raise ConfigurationRefused(f"a message of {len(payload)} bytes")
    try:
        return SignedConfiguration.model_validate_json(payload)
    except ValidationError as error:
        raise ConfigurationRefused("not a signed configuration, or one that is too long") from error


def check(
    signed: SignedConfiguration, base: GatewayConfig, *, keys: Sequence[str], sealing_key: bytes | None
) -> Accepted:
    """Return what ``signed`` says, if one of ``keys`` signed it and it is for the gateway of ``base``.

    Args:
        sealing_key: opens its secrets (X25519, private).

    Raises:
        ConfigurationRefused: it isn't signed, or for another gateway or place.
        Unusable: it can't be read, or its secrets can't be opened.
    """
    try:
        verify(keys, "config", signed.body, signed.signature)
    except SignatureError as error:
        raise ConfigurationRefused(str(error)) from error
    try:
        said = Configuration.model_validate_json(signed.body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Unusable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if said.address != base.address:
        raise ConfigurationRefused(
            f"it is for gateway {said.gateway} of {said.place} in shard {said.shard}, not for this one"
        )
    for what, codes in (("door", [one.code for one in said.doors]), ("device", [one.code for one in said.devices])):
        code, times = max(Counter(codes).items(), key=lambda item: item[1], default=("", 0))
        if times > 1:
            raise Unusable(f"{what} {code} comes {times} times", said.version)
    return Accepted(
        signed=signed,
        configuration=said,
        secrets=_opened(said, sealing_key),
        fingerprint=fingerprint(signed.body),
    )


def _opened(said: Configuration, sealing_key: bytes | None) -> Secrets:
    if said.sealed is None:
        return Secrets()
    if sealing_key is None:
        raise Unusable("it holds sealed secrets, and this gateway has no key to open them with", said.version)
    try:
        text = unseal(sealing_key, base64.b64decode(said.sealed, validate=True), SEALED_FOR)
        return Secrets.model_validate_json(text)
    except (SealError, binascii.Error, ValidationError) as error:
        # Nothing of the error's text: it may quote a secret.
        raise Unusable("its secrets can't be opened with this gateway's sealing key", said.version) from error
