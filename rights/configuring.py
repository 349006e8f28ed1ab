"""Makes gateways' configurations, and says what to do about the one that a gateway holds. Pure.

Times are seconds of a monotonic clock.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from gateway.contract.configuration import LONGEST, SEALED_FOR, Configuration, Secrets, fingerprint
from gateway.contract.sealed import seal
from gateway.contract.wire import State
from rights.fleet import Gateway, Target

ANSWER_S: Final = 5.0
"""Seconds after which a configuration that a gateway hasn't acknowledged is sent again."""
IN_VAIN: Final = 3
"""After so many times without an answer the operator is told."""
REFUSED_AGAIN_S: Final = 300.0
"""What a gateway has refused is sent again after this: a driver may have been installed meanwhile."""
_LONGEST_REST_S: Final = 300.0

Step = Literal["nothing", "send", "refused", "silent", "differs", "ahead", "went_back"]


class TooLong(Exception):
    """A configuration that no message can carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a gateway's rows say. A door that several gateways have devices at is given to each."""

    gateway: Gateway
    time_zone: str
    sealing_key: bytes | None
    """What is sealed with it, this gateway alone can open; None: it has not joined, or is shut out."""
    doors: tuple[dict[str, Any], ...]
    """Fields of ``gateway.contract.configuration.Door``; its lock is the gateway's to find."""
    devices: tuple[dict[str, Any], ...]
    """Fields of ``gateway.contract.configuration.Device``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a gateway's configuration says, without its version."""

    layout: Layout
    back_to: int | None
    """The version whose time zone, doors and devices it repeats; None: those of the rows."""
    secrets: Secrets
    list_keys: Sequence[str]
    content: dict[str, Any]
    """Time zone, doors and devices."""

    @property
    def made_of(self) -> str:
        """A digest of all that makes it: another one asks for a new version. The secrets in it can't be guessed."""
        sealing_key = self.layout.sealing_key
        parts = {
            **self.content,
            "address": self.layout.gateway.address.topic("config"),
            "list_keys": list(self.list_keys),
            "secrets": self.secrets.model_dump(),
            "sealing_key": None if sealing_key is None else sealing_key.hex(),
            "back_to": self.back_to,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def body(self, version: int) -> str:
        """Return the JSON of version ``version``; its secrets are sealed for this gateway.

        Raises:
            TooLong: it has too many devices.
            ValidationError: it holds what no gateway could read.
        """
        address, sealing_key = self.layout.gateway.address, self.layout.sealing_key
        sealed = None
        if sealing_key is not None:
            sealed = base64.b64encode(seal(sealing_key, self.secrets.model_dump_json().encode(), SEALED_FOR)).decode()
        body = Configuration.model_validate(
            {
                **self.content,
                "version": version,
                "shard": address.shard,
                "place": address.place,
                "gateway": address.gateway,
                "list_keys": list(self.list_keys),
                "sealed": sealed,
            }
        ).model_dump_json(exclude_defaults=True)
        if len(body) > LONGEST:
            raise TooLong(f"{len(self.layout.devices)} devices make {len(body)} characters: {LONGEST} at most")
        return body


def content_of(layout: Layout) -> dict[str, Any]:
    """Return the content of a configuration that follows the rows."""
    return {
        "time_zone": layout.time_zone,
        "doors": list(layout.doors),
        "devices": list(layout.devices),
    }


def content_again(body: str) -> dict[str, Any]:
    """Return the content of an earlier version, from its ``body``.

    Raises:
        ValidationError: it can't be read any more.
    """
    earlier = Configuration.model_validate_json(body)
    return earlier.model_dump(mode="json", exclude_defaults=True, include={"time_zone", "doors", "devices"})


def target_of(version: int, body: str) -> Target:
    """Return what a gateway should report that holds ``body``."""
    return Target(version=version, fingerprint=fingerprint(body))


@dataclass(slots=True, kw_only=True)
class GatewayConfigured:
    """The configuration of one gateway: which version it reports, and which is on its way to it."""

    gateway: Gateway
    online: bool = False
    boot: str | None = None
    version: int = 0
    """The one that it uses and has on its disk; 0: none."""
    fingerprint: str | None = None
    refused: str | None = None
    refused_version: int | None = None
    reached: int = 0
    """The newest version that it has acknowledged."""
    sent: int | None = None
    due: float = 0.0
    tries: int = 0
    """Sendings since it last held what it should."""
    told: int | None = None
    """The version that the operator has been told of."""
    accused: bool = True
    """The alarm that it refuses its configuration may be open, as of a gateway that is new to this process."""

    def heard(self, state: State) -> None:
        """Take in the gateway's state."""
        if not state.online:
            self.online = False
            self.sent = None
            return
        if not self.online or state.boot != self.boot:  # what was on its way is lost
            self.sent, self.tries = None, 0
        self.online, self.boot = True, state.boot
        self.version, self.fingerprint = state.config_version or 0, state.config_fingerprint
        self.refused, self.refused_version = state.config_refused, state.config_refused_version

    def settled(self, target: Target) -> bool:
        """Return whether it holds what it should."""
        return self.version == target.version and self.fingerprint == target.fingerprint

    def step(self, target: Target | None, now: float) -> Step:
        """Return what is to be done.

        ``differs``: it holds something else under the newest number. ``ahead``: it holds a newer one than the centre
        has. ``went_back``: it holds an older one than it had. ``refused``, ``silent``: the operator is to be told.
        """
        if target is None or not self.online:
            return "nothing"
        if self.settled(target):
            self.reached, self.sent, self.tries, self.told = target.version, None, 0, None
            return "nothing"
        if self.version >= target.version:  # it gets a newer one still
            if not self._tell(target):
                return "nothing"
            return "ahead" if self.version > target.version else "differs"
        refused = self.refused_version == target.version
        if refused and self._tell(target):
            self.sent, self.due = target.version, now + REFUSED_AGAIN_S
            return "refused"
        if not refused and self.reached > self.version:
            self.reached = self.version
            return "went_back"
        if self.sent == target.version and now < self.due:
            return "nothing"
        if not refused and self.sent == target.version and self.tries >= IN_VAIN and self._tell(target):
            return "silent"
        return "send"

    def sending(self, version: int, now: float) -> None:
        """Note that ``version`` goes out."""
        if version != self.sent:
            self.tries = 0
        self.sent = version
        rest_s = REFUSED_AGAIN_S if self.refused_version == version else ANSWER_S * 2 ** min(self.tries, 10)
        self.due = now + min(rest_s, _LONGEST_REST_S)
        self.tries += 1

    def _tell(self, target: Target) -> bool:
        """Return whether the operator hasn't been told of this version yet."""
        before, self.told = self.told, target.version
        return before != target.version
