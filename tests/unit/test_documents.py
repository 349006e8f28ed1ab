"""A document is PDF and HTML from one source; what it holds is data, never markup."""

from __future__ import annotations

from html import unescape

from process.documents import Column, Document, Section, as_html, as_pdf

NASTY = 'Łódź #eval("1") *œuf* <b>$x$</b> \\ "é"'
DOCUMENT = Document(
    title=f"Compensation {NASTY}",
    language="fr",
    lines=("Mois : 2026-11",),
    sections=(
        Section(
            heading="Qui paie qui",
            columns=(Column(name="De"), Column(name="Montant", number=True)),
            rows=[(NASTY, f"{cents},50 €") for cents in range(200)],
        ),
        Section(heading="Courbe", plot='<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'),
    ),
    signatures=("Limoges", "Isle"),
    sign=("Pour", "Nom et date", "Signature"),
)


def test_the_same_values_make_the_same_bytes() -> None:
    made = as_pdf(DOCUMENT)
    assert made.startswith(b"%PDF-") and made == as_pdf(DOCUMENT)


def test_html_holds_what_the_values_say_and_no_markup_of_theirs() -> None:
    page = as_html(DOCUMENT).decode()
    assert unescape(page).count(f"<td>{NASTY}</td>") == 200 and "<b>" not in page
    assert '<html lang="fr">' in page and "199,50 €" in page and "data:image/svg" in page
