"""Statements and a month's clearing as documents in English and French."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.http.language import Language
from process.documents import Column, Document, Section

_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "statement": "Statement",
        "counter": "Counter-entry to statement {}",
        "clearing": "Clearing between places",
        "month": "Month: {}",
        "for": "For: {}",
        "by": "From: {}",
        "network": "the network",
        "no_invoice": "A statement of use: not an invoice.",
        "closed": "Closed on {}",
        "lines": "Lines",
        "totals": "Totals",
        "what": "What",
        "holder": "Member",
        "place": "Place",
        "count": "Count",
        "price": "Price",
        "funded": "Funded",
        "net": "Without VAT",
        "vat": "VAT",
        "total": "Total",
        "debts": "Who pays whom",
        "balances": "Balance of each place",
        "details": "In detail",
        "from": "From",
        "to": "To",
        "amount": "Amount",
        "rate": "Rate",
        "used_in": "Used in",
        "sign_for": "For",
        "sign_name": "Name and date",
        "sign": "Signature",
        "none": "Nobody owes anything.",
        "footer": "Amounts of the clearing are without VAT.",
    },
    "fr": {
        "statement": "Relevé",
        "counter": "Contre-passation du relevé {}",
        "clearing": "Compensation entre les lieux",
        "month": "Mois : {}",
        "for": "Pour : {}",
        "by": "De : {}",
        "network": "le réseau",
        "no_invoice": "Relevé d'usage : ce n'est pas une facture.",
        "closed": "Arrêté le {}",
        "lines": "Lignes",
        "totals": "Totaux",
        "what": "Objet",
        "holder": "Membre",
        "place": "Lieu",
        "count": "Nombre",
        "price": "Prix",
        "funded": "Financé",
        "net": "Hors taxe",
        "vat": "TVA",
        "total": "Total TTC",
        "debts": "Qui paie qui",
        "balances": "Solde de chaque lieu",
        "details": "En détail",
        "from": "De",
        "to": "À",
        "amount": "Montant",
        "rate": "Tarif",
        "used_in": "Utilisé en",
        "sign_for": "Pour",
        "sign_name": "Nom et date",
        "sign": "Signature",
        "none": "Personne ne doit rien.",
        "footer": "Les montants de la compensation sont hors taxe.",
    },
}
_KINDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "use": "uses",
        "included": "uses, included",
        "overuse": "beyond the allowance",
        "month": "monthly price",
        "once": "pass",
        "booking": "bookings",
        "funded": "share paid",
    },
    "fr": {
        "use": "usages",
        "included": "usages compris",
        "overuse": "au-delà du forfait",
        "month": "abonnement du mois",
        "once": "forfait",
        "booking": "réservations",
        "funded": "part financée",
    },
}


def money(cents: int, language: Language) -> str:
    """Return an amount as people write it: ``1 234,50 €`` or ``€1,234.50``."""
    sign, whole, rest = "-" if cents < 0 else "", abs(cents) // 100, abs(cents) % 100
    grouped = f"{whole:,}"
    if language == "fr":
        return f"{sign}{grouped.replace(',', chr(0x202F))},{rest:02} €"
    return f"{sign}€{grouped}.{rest:02}"


def statement_paper(head: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], language: Language) -> Document:
    """Return a closed statement as a document."""
    words, kinds = _WORDS[language], _KINDS[language]
    title = words["statement"] if head["corrects"] is None else words["counter"].format(head["corrects"])
    payer = head["organisation_name"] or head["member_name"] or head["member"] or ""
    rows = [
        (
            f"{line['rate']}, {kinds[line['kind']]}" + (f" ({line['category']})" if line["category"] else ""),
            line["member_name"] or line["member"] or "",
            line["place"] or "",
            line["month"],
            str(line["count"]),
            *(money(line[name], language) for name in ("price_cents", "funded_cents", "net_cents")),
            f"{line['vat_permille'] / 10:g} %",
        )
        for line in lines
    ]
    totals = [
        (words[name], money(head[cents], language))
        for name, cents in (("net", "net_cents"), ("vat", "vat_cents"), ("total", "total_cents"))
    ]
    numbers = {"count", "price", "funded", "net", "vat"}
    names = ("what", "holder", "place", "used_in", "count", "price", "funded", "net", "vat")
    return Document(
        title=f"{title} {head['month']}",
        language=language,
        lines=(
            words["by"].format(head["place_name"] or words["network"]),
            words["for"].format(payer),
            words["closed"].format(head["closed_at"][:10]),
            words["no_invoice"],
        ),
        sections=(
            Section(
                heading=words["lines"],
                columns=[Column(name=words[name], number=name in numbers) for name in names],
                rows=rows,
            ),
            Section(
                heading=words["totals"],
                columns=[Column(name=""), Column(name=words["amount"], number=True)],
                rows=totals,
            ),
        ),
        footer=head["ref"],
    )


def clearing_paper(clearing: Mapping[str, Any], names: Mapping[str, str], language: Language) -> Document:
    """Return a month's clearing as a document to sign; ``names``: of the places, by code."""
    words = _WORDS[language]
    called = {code: names.get(code, code) for code in clearing["balances"]}
    debts = [
        (called[one["debtor"]], called[one["creditor"]], money(one["cents"], language)) for one in clearing["debts"]
    ]
    details = [
        (
            called[line["debtor"]],
            called[line["creditor"]],
            line["holder"],
            line["rate"],
            line["used_in"],
            str(line["count"]),
            money(line["price_cents"], language),
            money(line["amount_cents"], language),
        )
        for line in clearing["lines"]
    ]
    columns = ("from", "to", "holder", "rate", "used_in", "count", "price", "amount")
    numbers = {"count", "price", "amount"}
    return Document(
        title=f"{words['clearing']} {clearing['month']}",
        language=language,
        lines=(words["month"].format(clearing["month"]),),
        sections=(
            Section(
                heading=words["debts"],
                text="" if debts else words["none"],
                columns=[Column(name=words[name], number=name == "amount") for name in ("from", "to", "amount")]
                if debts
                else (),
                rows=debts,
            ),
            Section(
                heading=words["balances"],
                columns=[Column(name=words["place"]), Column(name=words["amount"], number=True)],
                rows=[(called[code], money(cents, language)) for code, cents in clearing["balances"].items()],
            ),
            Section(
                heading=words["details"],
                columns=[Column(name=words[name], number=name in numbers) for name in columns],
                rows=details,
            ),
        ),
        signatures=list(called.values()),
        sign=(words["sign_for"], words["sign_name"], words["sign"]),
        footer=words["footer"],
    )
