"""A process's own login at the place's broker, as ``maillage gateway field`` made it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Final

from gateway.mqtt.address import Broker

log = logging.getLogger(__name__)

USER: Final = "gateway"


def logged_in(broker: Broker, logins: Path | None, user: str = USER) -> Broker:
    """Return ``broker`` with the login of ``user`` from the file ``logins``, unless its address brings one.

    Without the file the doors still work where the broker is open; where it isn't, it refuses, which is logged.
    """
    if broker.username is not None or logins is None:
        return broker
    try:
        password = json.loads(logins.read_text(encoding="utf-8"))["passwords"][user]
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.error("no_field_login", extra={"path": str(logins), "reason": type(error).__name__})
        return broker
    return broker.as_user(user, str(password))
