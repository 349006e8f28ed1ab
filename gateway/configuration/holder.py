"""The configuration of one gateway: which is in force, which is on the disk, and why another isn't used.

A newer one is checked and built before anything changes, then written, then put in force. It is on trial until the
process has run with it for a while; if the process ends again and again before, the last one that ran is used instead.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from gateway.config import GatewayConfig
from gateway.configuration.accepting import Accepted, ConfigurationRefused, Unusable, check, parse
from gateway.configuration.store import ConfigurationStore, Kept
from gateway.contract.configuration import Configuration, SignedConfiguration
from gateway.contract.signing import SignatureError, verify
from gateway.drivers import DriverError
from gateway.equipment import Equipment, equip

log = logging.getLogger(__name__)

STARTS: Final = 3
"""Starts with a configuration on trial that did not last; then the one before is used."""
RUNS_S: Final = 10.0
"""Once the process has run with a configuration for so long, it is on trial no longer."""


class ConfigurationHolder:
    """One gateway's configuration. Changed in one thread at a time; the state is read from any."""

    def __init__(
        self,
        base: GatewayConfig,
        store: ConfigurationStore,
        *,
        sealing_key: bytes | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what the gateway's identity says.

        Args:
            base: address and keys; no doors, no devices.
            sealing_key: opens the secrets (X25519, private).
            clock: seconds that only grow.
        """
        self.equipment = equip(base)
        """What is in force."""
        self.refused: str | None = None
        """Why the last configuration that the centre signed isn't used; None: it is."""
        self.refused_version: int | None = None
        """That one's version, if it could be read."""
        self.refusals = 0
        """Messages refused since the start."""
        self._base = base
        self._store = store
        self._sealing_key = sealing_key
        self._clock = clock
        self._since = clock()
        self._kept = Kept()
        self._held: Accepted | None = None
        self._on_disk = False
        self._newest: tuple[int, str] = (0, "")
        self._both = threading.Lock()
        """Held while what is in force changes."""
        self._turn = threading.RLock()
        """Held while what is kept changes."""

    @property
    def version(self) -> int | None:
        """The version in force, whether it is on the disk or not."""
        return None if self._held is None else self._held.configuration.version

    @property
    def acknowledged(self) -> tuple[int | None, str | None]:
        """Version and fingerprint in force, once they are on the disk."""
        with self._both:
            held = self._held
            return (None, None) if held is None or not self._on_disk else (held.configuration.version, held.fingerprint)

    @property
    def newest(self) -> str:
        """The newest version that was ever held and its fingerprint, to be kept apart from the file."""
        return f"{self._newest[0]} {self._newest[1]}"

    def begin(self, newest: str) -> Equipment:
        """Take what was kept before a restart, the first that can be used: else nothing, so that no door opens.

        Args:
            newest: as ``newest`` was before.
        """
        number, _, mark = newest.partition(" ")
        self._newest = (int(number), mark) if number.isdecimal() else (0, "")
        self._kept = kept = self._store.load(self._base.gateway)
        if kept.current is not None and not kept.ran:
            if kept.starts >= STARTS:
                self._give_up(f"the process ended {kept.starts} times within {RUNS_S:.0f} s of its start with it")
            else:
                self._write(kept.model_copy(update={"starts": kept.starts + 1}))
        self.refused, self.refused_version = self._kept.given_up, self._kept.given_up_version
        keys = _keys_of(self._kept.links, self._base.believed_keys)
        for signed in (self._kept.current, self._kept.last_good):
            if signed is None:
                continue
            try:
                held = check(signed, self._base, keys=keys, sealing_key=self._sealing_key)
                equipment = _equipped(held, self._base)
            except ConfigurationRefused as error:
                self.refused = self.refused or f"the one that is kept can't be used: {error}"[:1000]
                log.error("kept_configuration_refused", extra={"gateway": self._base.gateway, "reason": str(error)})
                continue
            self._put_in_force(held, equipment, on_disk=True)
            break
        extra = {"gateway": self._base.gateway, "version": self.version, "reason": self.refused}
        log.info("configuration_restored" if self._held is not None else "no_configuration", extra=extra)
        return self.equipment

    def take(self, payload: bytes, put_in_force: Callable[[Equipment], None]) -> bool:
        """Process a message; return whether another configuration is in force now.

        Args:
            put_in_force: is called with it when it is on the disk.

        Raises:
            ConfigurationRefused: it isn't the centre's, or not for this gateway, or older than what was ever held.
            Unusable: it can't be used; the one in force goes on.
        """
        with self._turn:
            try:
                held = self._checked(parse(payload))
                if held is None:
                    return False
                equipment = _equipped(held, self._base, self.equipment)
            except ConfigurationRefused as error:
                self.refusals += 1
                if isinstance(error, Unusable):
                    self.refused, self.refused_version = str(error)[:1000], error.version
                raise
            on_disk = self._replace(held)
            put_in_force(equipment)
            self._put_in_force(held, equipment, on_disk=on_disk)
            self.refused, self.refused_version, self._since = None, None, self._clock()
            return True

    def _replace(self, held: Accepted) -> bool:
        """Write a newer one, on trial; return whether it is on the disk."""
        before = self._kept
        last_good = before.current if before.ran and before.current is not None else before.last_good
        return self._write(Kept(current=held.signed, last_good=last_good, links=self._links(held.signed)))

    def look(self) -> None:
        """Note that the process is still running; to be called about once a second."""
        with self._turn:
            if self._on_disk and not self._kept.ran and self._clock() - self._since >= RUNS_S:
                self._write(self._kept.model_copy(update={"ran": True, "starts": 0}))

    def stopped(self) -> None:
        """The process ends as it was asked to: that says nothing against the configuration."""
        with self._turn:
            if not self._kept.ran and self._kept.starts:
                self._write(self._kept.model_copy(update={"starts": 0}))

    def _checked(self, signed: SignedConfiguration) -> Accepted | None:
        """Return a configuration that is to be put in force; None: it is in force already."""
        held = check(signed, self._base, keys=self.equipment.config.believed_keys, sealing_key=self._sealing_key)
        version = held.configuration.version
        if self._held is not None and (version, held.fingerprint) == (self.version, self._held.fingerprint):
            self.refused = self.refused_version = None
            if not self._on_disk:
                self._on_disk = self._write(self._kept)
            return None
        newest, mark = self._newest
        if version < newest:
            raise ConfigurationRefused(f"version {version} is older than {newest}")
        if version == newest and self._kept.given_up is not None:
            raise Unusable(self._kept.given_up, version)
        if version == newest and held.fingerprint != mark:
            raise Unusable("another one with its number was held before", version)
        return held

    def _give_up(self, reason: str) -> None:
        """Go back to the last that ran, or to nothing."""
        current = self._kept.current
        assert current is not None
        version = Configuration.model_validate_json(current.body).version
        extra = {"gateway": self._base.gateway, "version": version, "reason": reason}
        log.critical("configuration_given_up", extra=extra)
        self._write(
            Kept(
                current=self._kept.last_good,
                ran=True,
                given_up=reason,
                given_up_version=version,
                links=self._kept.links,
            )
        )

    def _put_in_force(self, held: Accepted, equipment: Equipment, *, on_disk: bool) -> None:
        with self._both:
            self._held, self._on_disk, self.equipment = held, on_disk, equipment
        self._newest = max(self._newest, (held.configuration.version, held.fingerprint))

    def _write(self, kept: Kept) -> bool:
        self._kept = kept
        return self._store.save(self._base.gateway, kept)

    def _links(self, fresh: SignedConfiguration) -> tuple[SignedConfiguration, ...]:
        """Return the configurations that are needed to believe ``fresh`` at the next start."""
        for links in ((), self._kept.links):
            if _is_signed(fresh, _keys_of(links, self._base.believed_keys)):
                return links
        assert self._kept.current is not None  # it names the key
        return (*self._kept.links, self._kept.current)


def read_kept(base: GatewayConfig, store: ConfigurationStore, *, sealing_key: bytes | None) -> GatewayConfig | None:
    """Return what the disk holds for the gateway of ``base``, for another process than the gateway's; None: nothing.

    Raises:
        ConfigurationRefused: nothing that is kept can be used.
    """
    kept = store.load(base.gateway)
    keys = _keys_of(kept.links, base.believed_keys)
    refused: ConfigurationRefused | None = None
    for signed in (kept.current, kept.last_good):
        if signed is not None:
            try:
                return check(signed, base, keys=keys, sealing_key=sealing_key).over(base)
            except ConfigurationRefused as error:
                refused = refused or error
    if refused is not None:
        raise refused
    return None


def _equipped(held: Accepted, base: GatewayConfig, before: Equipment | None = None) -> Equipment:
    try:
        return equip(held.over(base), before)
    except DriverError as error:
        raise Unusable(error.reason, held.configuration.version) from error


def _keys_of(links: Sequence[SignedConfiguration], believed: Sequence[str]) -> tuple[str, ...]:
    """Return ``believed`` and the keys that ``links`` name, each of which must be signed with one before it."""
    known = list(believed)
    for signed in links:
        if _is_signed(signed, known):
            known.extend(Configuration.model_validate_json(signed.body).list_keys)
    return tuple(dict.fromkeys(known))


def _is_signed(signed: SignedConfiguration, keys: Sequence[str]) -> bool:
    try:
        verify(keys, "config", signed.body, signed.signature)
    except SignatureError:
        return False
    return True
