"""A Grafana over its HTTP API: who answers, of which version, in which organisation, and what went wrong.

Paths, codes and bodies are those of Grafana's HTTP API reference (docs/sources/developers/http_api in its repository).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from grafana_client.api import GrafanaApi
from grafana_client.client import (
    GrafanaClientError,
    GrafanaException,
    GrafanaServerError,
    GrafanaTimeoutError,
    GrafanaUnauthorizedError,
)
from niquests.exceptions import InvalidHeader, JSONDecodeError, RequestException, TooManyRedirects

from dashboards.errors import Conflict, Forbidden, NotGrafana, Refused, TooOld, Unauthorized, Unreachable
from dashboards.settings import DashboardsSettings
from dashboards.versions import NEWEST, OLDEST, Version, parse

TIMEOUT_S: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grafana:
    """One organisation of a Grafana that answered and took the credential."""

    url: str
    api: Any
    """grafana-client's, which has no types."""
    version: Version
    organisation: int
    organisation_name: str
    login: str | None
    """The user's, where the credential is user:password; None: a service account's token."""
    notes: tuple[str, ...]
    """What its version means for what it is given."""

    @property
    def head(self) -> str:
        """The first line of a plan."""
        return f"Grafana {self.version} at {self.url}, organisation {self.organisation_name!r}"

    def get(self, path: str) -> Any:
        """Return what is at ``path`` below ``/api``; None: nothing is (404)."""
        try:
            return _json(self.api.client.GET(path), self.url)
        except GrafanaClientError as error:
            if error.status_code == 404:
                return None
            raise

    def send(self, method: str, path: str, body: Any = None, *, ours: bool = True) -> Any:
        """Send a change. ``ours``: false leaves an alerting resource editable by hand (`X-Disable-Provenance`)."""
        headers = None if ours else {"X-Disable-Provenance": "true"}
        call = getattr(self.api.client, method)
        return _json(call(path, json=body, headers=headers, accept_empty_json=True), self.url)


@contextmanager
def connect(url: str, settings: DashboardsSettings, *, organisation: int | None = None) -> Iterator[Grafana]:
    """Ask the Grafana at ``url`` who it is; what goes wrong here and inside the block is a `GrafanaError`.

    ``organisation``: its id, which only user:password can choose (`X-Grafana-Org-Id`); None: the credential's own.

    Raises:
        GrafanaError: see `dashboards.errors`.
    """
    if settings.grafana_token is None:
        raise Unauthorized("set MAILLAGE_GRAFANA_TOKEN to a service account's token (role Admin) or user:password")
    user, colon, password = settings.grafana_token.get_secret_value().partition(":")
    api: Any = GrafanaApi.from_url(_address(url), (user, password) if colon else user, timeout=TIMEOUT_S)
    if organisation is not None:
        api.client.s.headers["X-Grafana-Org-Id"] = str(organisation)
    api.client.s.max_redirects = 0  # a redirected POST would come back as a GET, and look like success
    with closing(api.client.s), _explained(url):
        written = _ask_who(api, url)
        version = parse(written) or NEWEST
        if version.major < OLDEST.major:
            raise TooOld(f"Grafana {written} at {url} is too old: the dashboards need {OLDEST} or later")
        held = _json(api.organization.get_current_organization(), url)  # the first call that needs the credential
        yield Grafana(
            url=url,
            api=api,
            version=version,
            organisation=int(held["id"]),
            organisation_name=str(held["name"]),
            login=user if colon else None,
            notes=tuple(_notes(written)),
        )


def _notes(written: str) -> Iterator[str]:
    version = parse(written)
    if version is None:
        yield f"this Grafana doesn't say its version ({written!r}): it gets what {NEWEST} gets"
    elif version.major > NEWEST.major:
        yield f"Grafana {written} is newer than what this release was made for ({NEWEST}); it gets what {NEWEST} gets"
    elif version < OLDEST:
        yield f"Grafana {written} is older than what this release was made for ({OLDEST})"


def _address(url: str) -> str:
    """Check what an operator typed; with the slash at its end without which grafana-client loses a path's last part."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise NotGrafana(f"{url!r} is not the address of a Grafana: write http://host:3000 or https://…")
    if parts.username is not None:
        raise NotGrafana("the address holds a user: put user:password into MAILLAGE_GRAFANA_TOKEN")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/"


def _ask_who(api: Any, url: str) -> str:
    try:
        answer = api.client.GET("/health")
    except GrafanaClientError as error:
        if error.status_code != 404:
            raise
        answer = None
    if not isinstance(answer, dict) or "database" not in answer:
        raise NotGrafana(f"{url} answers, but not as Grafana does: check the host, the port and the path")
    return str(answer.get("version", "of unknown version"))


def _json(answer: Any, url: str) -> Any:
    """Return the answer, which is JSON: a text is a page of something that stands in front of Grafana."""
    if isinstance(answer, str) and answer.strip():
        raise NotGrafana(f"{url} answers with a page, not as Grafana's API does: is a login page in front of it?")
    return answer


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn what grafana-client raises, and what leaks from under it, into errors of ours."""
    try:
        yield
    except GrafanaUnauthorizedError as error:
        raise Unauthorized(f"{url} doesn't accept the token or password in MAILLAGE_GRAFANA_TOKEN") from error
    except GrafanaTimeoutError as error:
        raise Unreachable(f"{url} didn't answer within {TIMEOUT_S:g} s") from error
    except GrafanaClientError as error:
        raise _refusal(error, url) from error
    except GrafanaServerError as error:
        said = f"{url} fails ({error.status_code}): {_text(error)}. Grafana's log says more; then run this again"
        raise Refused(said) from error
    except JSONDecodeError as error:
        raise NotGrafana(f"{url} answers, but not as Grafana does") from error
    except GrafanaException as error:
        raise Refused(f"{url} fails: {error.message}") from error
    except (InvalidHeader, UnicodeEncodeError) as error:
        raise Unauthorized(
            "MAILLAGE_GRAFANA_TOKEN holds a character that no token has (a line end, a blank, an ellipsis …): "
            "copy it again"
        ) from error
    except TooManyRedirects as error:
        raise NotGrafana(
            f"{url} sends us elsewhere{_target(error)}: give the address that it ends at, "
            "or let the API past the login page in front of Grafana"
        ) from error
    except RequestException as error:  # grafana-client lets a refused connection through as it is
        raise Unreachable(f"nobody answers at {url}: {type(error).__name__}") from error


def _refusal(error: GrafanaClientError, url: str) -> Exception:
    text = _text(error)
    match error.status_code:
        case 403:
            return Forbidden(
                f"the token or password lacks a right: {text}. A service account needs the role Admin; "
                "organisations need user:password of a server administrator"
            )
        case 409 | 412:
            return Conflict(f"{url}: somebody changed it meanwhile, or made one of that name: {text}. Run it again")
        case _:
            return Refused(f"{url} refuses ({error.status_code}): {text}")


def _text(error: GrafanaException) -> str:
    said = error.response
    return str(said.get("message") or said if isinstance(said, dict) else said)[:300]


def _target(error: TooManyRedirects) -> str:
    where = error.response.headers.get("location") if error.response is not None else None
    return f" ({where})" if where else ""
