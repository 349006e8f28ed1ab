"""A field broker on 127.0.0.1 with the users and rights of a place's, for the demo and for tests.

In the demo one stands for the brokers of all places. A connection for each of thousands of simulated boards would be
more than the machine holds, so that the simulator has a user of its own, which speaks for all of them; a real place
has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gateway.config import GatewayConfig
from maillage.embedded.bundle import Bundle
from maillage.embedded.mosquitto import HERE, EmbeddedMosquitto
from maillage.embedded.process import free_port, give_to_server
from maillage.field.certificate import ensure_certificate
from maillage.field.files import CERTIFICATE, CONF, conf, write_if_changed, write_users
from maillage.field.logins import PROCESS, SIMULATOR, Logins, logins_of
from maillage.field.passwords import passwords_for, read_passwords, write_passwords


class EmbeddedField(EmbeddedMosquitto):
    """One closed field broker; ``furnish`` gives it the devices."""

    def __init__(
        self,
        directory: Path,
        *,
        bundle: Bundle,
        simulator: bool = False,
        tls: bool = False,
        port: int | None = None,
        log: Path | None = None,
    ) -> None:
        super().__init__(directory, bundle=bundle, port=port, log=log)
        self._simulator = simulator
        self.tls_port = free_port() if tls else None
        """Of the listener with TLS, whose certificate is ``certificate``."""
        self._store = self.directory / "logins.json"
        self._logins = Logins(all=())
        self._passwords: dict[str, str] = {}

    @property
    def certificate(self) -> Path:
        """What a bridge with TLS believes."""
        return self.directory / CERTIFICATE

    def furnish(self, gateways: Iterable[GatewayConfig]) -> Logins:
        """Give the users for the devices of ``gateways`` their passwords and rights; return them."""
        self._logins = logins_of(gateways)
        self._write_users()
        self.reload()
        return self._logins

    def _write_files(self) -> None:
        tls = None
        if self.tls_port is not None:
            tls = f"{self.tls_port} {self.host}"
            ensure_certificate(self.directory, None, give=give_to_server)
        text = conf(listeners=[f"{self.port} {self.host}"], tls=tls, seen=HERE, data=HERE)
        self._write_users()
        write_if_changed(self.directory / CONF, text, give=give_to_server)
        give_to_server(self.directory)

    def _write_users(self) -> None:
        users = [PROCESS, *([SIMULATOR] if self._simulator else []), *(login.user for login in self._logins.all)]
        kept = read_passwords(self._store)
        self._passwords = passwords_for(users, kept)
        write_passwords(self._store, self._passwords if self._logins.all else kept | self._passwords)
        write_users(self.directory, self._logins.all, self._passwords, simulator=self._simulator, give=give_to_server)

    def password(self, user: str) -> str:
        """Return a user's password."""
        return self._passwords[user]
