"""Holds the access list that a gateway decides by: takes a new one only if it is whole, ours, signed and newer.

Whatever fails changes nothing: the last good list goes on, within its age.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError

from access import AccessList, ListError, from_json
from gateway.config import GatewayConfig
from gateway.errors import GatewayError
from gateway.signing import SignatureError, verify
from gateway.wire import SignedList

log = logging.getLogger(__name__)

KEPT_AS: Final = "access_list"


class ListRefused(GatewayError):
    """A list that must not be used; the text says why."""


class ListHolder:
    """The list of one gateway. Taken in one thread, read in another: the attribute is replaced whole."""

    def __init__(self, config: GatewayConfig) -> None:
        self.current: AccessList | None = None
        self._config = config

    @property
    def version(self) -> int | None:
        """The version that decisions go by."""
        return self.current.version if self.current is not None else None

    def restore(self, kept: Mapping[str, str]) -> None:
        """Take the list that was kept across a restart; it is checked like any other."""
        text = kept.get(KEPT_AS)
        if text is None:
            return
        try:
            self.current = self._checked(text)
        except ListRefused as error:
            log.error("kept_list_refused", extra={"gateway": self._config.gateway, "reason": str(error)})

    def take(self, payload: bytes) -> str | None:
        """Take a list that arrived; return the text to keep, or None where it is the one that is held.

        Raises:
            ListRefused: it is not whole, not signed by the centre, another place's, or older than the one held.
        """
        try:
            text = payload.decode()
        except UnicodeDecodeError as error:
            raise ListRefused("not UTF-8") from error
        held = self.version
        fresh = self._checked(text, newer_than=held)
        if held is not None and fresh.version == held:
            return None
        self.current = fresh
        return text

    def _checked(self, text: str, newer_than: int | None = None) -> AccessList:
        try:
            signed = SignedList.model_validate_json(text)
        except ValidationError as error:
            raise ListRefused("not a signed list") from error
        try:
            verify(self._config.list_key, "list", signed.body, signed.signature)
            access_list = from_json(signed.body)
        except (SignatureError, ListError) as error:
            raise ListRefused(str(error)) from error
        if access_list.version != signed.version:
            raise ListRefused("its two versions differ")
        if access_list.place != self._config.place:
            raise ListRefused("it is another place's")
        if newer_than is not None and access_list.version < newer_than:
            raise ListRefused(f"version {access_list.version} is older than {newer_than}")
        return access_list
