"""What can go wrong with dashboards.

DashboardsError
├── ReaderError        a database reader can't be made as asked
├── MacroError         a query uses a macro that Grafana doesn't know, or wrongly
└── GrafanaError       Grafana didn't do what was asked
    ├── Unreachable    nothing answers at that URL, or not in time
    ├── NotGrafana     something else answers, for example a login page in front of it
    ├── TooOld         a Grafana that has not what is needed
    ├── Unauthorized   the token or password isn't accepted
    ├── Forbidden      it is, but lacks a right
    ├── Conflict       what somebody else made or changed is in the way
    └── Refused        Grafana refuses, or fails; the text is its own
"""

from __future__ import annotations


class DashboardsError(Exception):
    """The root; the text is a sentence for the operator."""


class ReaderError(DashboardsError):
    """A database reader can't be made as asked."""


class MacroError(DashboardsError):
    """A query uses a macro that Grafana doesn't know, or uses it wrongly."""


class GrafanaError(DashboardsError):
    """Grafana didn't do what was asked."""


class Unreachable(GrafanaError):
    """Nothing answers at that URL, or not in time."""


class NotGrafana(GrafanaError):
    """Something other than Grafana answers."""


class TooOld(GrafanaError):
    """This Grafana lacks what is needed."""


class Unauthorized(GrafanaError):
    """The token or password isn't accepted."""


class Forbidden(GrafanaError):
    """The token or password is accepted, but lacks a right."""


class Conflict(GrafanaError):
    """Something that another person made or changed prevents it."""


class Refused(GrafanaError):
    """Grafana refuses or fails; the text is its own."""
