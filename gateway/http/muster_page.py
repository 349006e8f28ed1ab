"""The muster as a page: French, readable on a telephone without a network, and on paper."""

from __future__ import annotations

from datetime import datetime, tzinfo
from html import escape
from typing import Final

from gateway.door.muster import Roll

_SURE: Final = {
    "badged": "badge lu",
    "not_seen": "passage non vu",
    "long_ago": "ancien, sans doute sorti",
}
_STYLE: Final = """
:root{color-scheme:light dark;font:16px/1.45 system-ui,sans-serif}
body{margin:0 auto;max-width:46rem;padding:1rem}
h1{font-size:1.3rem;margin:0 0 .2rem}h2{font-size:1.05rem;margin:1.2rem 0 .3rem}
.total{font-size:2.4rem;font-weight:700;line-height:1.1}
.alert{border:2px solid;border-radius:.4rem;padding:.5rem .7rem;font-weight:600}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.45rem .5rem .45rem 0;border-bottom:1px solid #8886;vertical-align:top}
th{font-size:.85rem;font-weight:600}td.ref{font-family:ui-monospace,monospace;overflow-wrap:anywhere}
td.box{font-size:1.3rem;width:1.6rem}small,.note{opacity:.8;font-size:.9rem}
label{display:block;margin:.8rem 0 .2rem}
input{font:inherit;padding:.5rem;width:100%;box-sizing:border-box}
button{font:inherit;padding:.6rem 1.2rem;margin-top:1rem}
@media print{body{max-width:none;padding:0}.screen{display:none}tr{break-inside:avoid}}
"""


def roll_page(roll: Roll, zone: tzinfo) -> str:
    """Return the list of who may be inside; times as on the clock of the place."""
    counts = roll.by_sureness
    title = f"Personnes présentes : {roll.place}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p class=note>Au {_moment(roll.at, roll.at, zone, whole=True)}, d’après la passerelle du lieu.</p>",
    ]
    if roll.evacuation:
        parts.append("<p class=alert>Évacuation en cours : les portes restent ouvertes.</p>")
    if roll.lockdown:
        parts.append("<p class=alert>Confinement en cours.</p>")
    sure = ", ".join(f"{words} : {counts[name]}" for name, words in _SURE.items() if counts[name])
    parts.append(f"<p><span class=total>{len(roll.people)}</span> {_plural(len(roll.people))}<br>{sure}</p>")
    if not roll.exits_read:
        parts.append(
            "<p class=note>Aucun lecteur ne lit les sorties : cette liste contient aussi des personnes parties.</p>"
        )
    if roll.unsure.openings or roll.unsure.strangers:
        parts.append(
            f"<p class=note>Depuis 4 h : {roll.unsure.openings} ouverture(s) de porte sans badge,"
            f" {roll.unsure.strangers} sortie(s) avec un badge inconnu."
            " Ces passages peuvent être des entrées comme des sorties.</p>"
        )
    if roll.people:
        rows = "".join(
            f"<tr><td class=box>☐<td class=ref>{escape(member)}<td>{escape(one.space)}"
            f"<td>{_moment(one.since, roll.at, zone)}<br><small>par {escape(one.door)}</small><td>{_SURE[one.sure]}"
            for member, one in roll.people.items()
        )
        parts.append(f"<table><tr><th><th>Membre<th>Espace<th>Depuis<th>Certitude{rows}</table>")
        spaces = ", ".join(f"{escape(space)} : {number}" for space, number in sorted(roll.by_space.items()))
        parts.append(f"<h2>Par espace</h2><p>{spaces}</p>")
    return _page(title, "\n".join(parts))


def key_page(place: str, why: str | None) -> str:
    """Return the page that asks for the key; ``why``: what was wrong with the last one."""
    said = f"<p class=alert>{escape(why)}</p>" if why is not None else ""
    return _page(
        "Personnes présentes",
        f"""<h1>Personnes présentes</h1>{said}
<form method=post action=/muster>
<label for=place>Lieu</label><input id=place name=place value="{escape(place)}" autocapitalize=none required>
<label for=key>Clé du plan d’évacuation</label>
<input id=key name=key autocomplete=off autocapitalize=none spellcheck=false required autofocus>
<button>Afficher la liste</button></form>""",
    )


def _page(title: str, body: str) -> str:
    return (
        "<!doctype html><html lang=fr><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'><meta name=robots content=noindex>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style>\n{body}\n</html>\n"
    )


def _plural(number: int) -> str:
    return "personne peut être à l’intérieur" if number < 2 else "personnes peuvent être à l’intérieur"


def _moment(at: datetime, now: datetime, zone: tzinfo, *, whole: bool = False) -> str:
    local = at.astimezone(zone)
    if whole or local.date() != now.astimezone(zone).date():
        return f"{local:%d/%m/%Y} à {local:%H:%M}"
    return f"{local:%H:%M}"
