"""What an import and an export say, in French: by the English sentence. Pure.

The sentences are written in English where they arise; ``{…}`` stands for what they name. A test finds every sentence of
this package that is missing here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from api.transfer.columns import Column

HEADERS: Final[Mapping[Column, str]] = {
    "member": "Référence membre", "name": "Nom complet", "email": "Courriel", "organisation": "Structure",
    "home": "Rattachement", "home_commune": "Commune de résidence", "work_commune": "Commune de travail",
    "status": "Statut", "card_ref": "Référence badge", "card_format": "Format de badge",
    "card_last4": "Fin du badge", "card_status": "Statut du badge", "card_from": "Badge du",
    "card_until": "Badge au",
    "pass_ref": "Référence abonnement", "pass": "Abonnement", "places": "Lieux", "schedule": "Horaire",
    "valid_from": "Du", "valid_until": "Au", "unit": "Unité", "allowance": "Quota", "each_month": "Par mois",
    "booked": "Sur réservation",
    "outside_hours": "Hors horaires", "host": "Encadrant",
}  # fmt: skip
"""The headers of an export."""
_FLAGS: Final = {"yes": "oui", "no": "non"}
CELLS: Final[Mapping[str, Mapping[str, str]]] = {
    "status": {"active": "actif", "suspended": "suspendu"},
    "card_status": {
        "issued": "émis", "suspended": "suspendu", "lost": "perdu", "expired": "expiré", "returned": "rendu",
    },
    "unit": {"half_day": "demi-journée", "day": "jour", "hour": "heure", "entry": "entrée"},
    "each_month": _FLAGS, "booked": _FLAGS, "outside_hours": _FLAGS, "host": _FLAGS,
}  # fmt: skip
"""Words of an export, by column."""

_SENTENCES: Final[Mapping[str, str]] = {
    # at the top of the report
    "The encoding was chosen by the letters: {a}. If names look wrong, say another by encoding.":
        "Le codage a été choisi d'après les lettres : {a}. Si des noms sont abîmés, indiquez-en un autre par encoding.",
    "The encoding is {a}.": "Le codage est {a}.",
    "Not used, and dropped: {a}.": "Colonnes laissées de côté : {a}.",
    "The name is made of: {a}.": "Le nom est composé de : {a}.",
    "Columns read as: {a}.": "Colonnes comprises ainsi : {a}.",
    "{a} ends in the year 9999 are read as without end.": "{a} fins en l'an 9999 sont comprises comme sans fin.",
    "{a} ends at 00:00 or 23:59 are read as days: the last day is included.":
        "{a} fins à 00:00 ou 23:59 sont comprises comme des jours : le dernier jour est inclus.",
    "The new passes {a} follow the schedule {b}.": "Les nouveaux abonnements {a} suivent l'horaire {b}.",
    "The new passes {a} have no schedule: they open their places whenever these are open. A column schedule gives them "
    "one; there are: {b}.":
        "Les nouveaux abonnements {a} n'ont pas d'horaire : ils ouvrent leurs lieux aux heures d'ouverture. Une "
        "colonne horaire leur en donne un ; il existe : {b}.",
    # the file
    "The file is larger than {a} MB. Import it in parts.":
        "Le fichier dépasse {a} Mo. Importez-le en plusieurs parties.",
    "The file has more than {a} lines. Import it in parts.":
        "Le fichier a plus de {a} lignes. Importez-le en plusieurs parties.",
    "Line {a} holds a control character: this isn't a text file. Export it as CSV (UTF-8).":
        "La ligne {a} contient un caractère de contrôle : ce n'est pas un fichier texte. Exportez-le en CSV (UTF-8).",
    "The file is empty. Its first line names the columns, for example: name,email,card,places.":
        "Le fichier est vide. Sa première ligne nomme les colonnes, par exemple : nom;courriel;badge;lieux.",
    "There is no member in this file: it has one line, which names the columns. Where it had more, its line ends are "
    "missing; with curl use --data-binary, not -d.":
        "Il n'y a aucun membre dans ce fichier : il n'a qu'une ligne, celle des colonnes. S'il en avait plus, les "
        "fins "
        "de ligne manquent ; avec curl, utilisez --data-binary et non -d.",
    "Line {a} can't be read: the file is {b} up to there and something else after. Two files of different encodings "
    "may "
    "have been joined, or it was saved with broken letters; save it anew as CSV UTF-8.":
        "La ligne {a} est illisible : jusque-là le fichier est en {b}, ensuite non. Deux fichiers de codages "
        "différents "
        "ont peut-être été réunis, ou les lettres étaient déjà abîmées ; enregistrez-le à nouveau en CSV UTF-8.",
    "The file's encoding is unclear: its letters make sense in several. Choose one: {a}; or save "
    "it "
    "anew as CSV UTF-8.":
        "Le codage du fichier est incertain : ses lettres ont un sens dans plusieurs. Indiquez le bon : {a} ; ou "
        "enregistrez le fichier à nouveau en CSV UTF-8.",
    "Line {a} can't be read ({b}). Is a quote open or doubled wrongly?":
        "La ligne {a} est illisible ({b}). Un guillemet est-il resté ouvert ou mal doublé ?",
    "The columns {a} and {b} both mean {c}. Keep one of them.":
        "Les colonnes {a} et {b} veulent toutes deux dire {c}. Gardez-en une.",
    "No column tells one member from another: there must be one of member, email, card or card_ref. The first line "
    "names "
    "the columns; there are: {a}.":
        "Aucune colonne ne distingue les membres : il en faut une parmi membre, courriel, badge et référence "
        "badge. La première ligne nomme les colonnes ; il existe : {a}.",
    "the line has {a} cells, the header {b}: is a separator not quoted?":
        "la ligne a {a} cellules, l'en-tête {b} : un séparateur n'est-il pas entre guillemets ?",
    # cells
    "a spreadsheet has turned this date into a number: format the column as a date first":
        "un tableur a changé cette date en nombre : mettez d'abord la colonne au format date",
    "{a} is no date: write 2026-11-21, 21/11/2026 or 2026-11-21T08:00+01:00":
        "{a} n'est pas une date : écrivez 21/11/2026, 2026-11-21 ou 2026-11-21T08:00+01:00",
    "this is longer than 200 characters": "plus de 200 caractères",
    "a letter was lost (\ufffd) when this file was saved: export it again as CSV UTF-8":
        "une lettre a été perdue (\ufffd) à l'enregistrement du fichier : exportez-le à nouveau en CSV UTF-8",
    "write yes or no": "écrivez oui ou non",
    "write a whole number from 0 on": "écrivez un nombre entier, 0 ou plus",
    "there is no {a} here; there are: {b}": "{a} n'existe pas ici ; il existe : {b}",
    "{a} is no place: write codes of places, with blanks between them; * is everywhere; place/space, place/door:CODE "
    "and "
    "place/group:CODE limit a pass to these":
        "{a} n'est pas un lieu : écrivez les codes des lieux, séparés par des espaces ; * veut dire partout ; "
        "lieu/espace, lieu/door:CODE et lieu/group:CODE y limitent l'abonnement",
    "a reference is m- and 4 to 32 lower-case letters or digits":
        "une référence est m- suivi de 4 à 32 minuscules ou chiffres",
    "this is no e-mail address": "ce n'est pas une adresse électronique",
    "a card's reference is c- and letters or digits": "la référence d'un badge est c- suivi de lettres ou de chiffres",
    "a pass's reference is p- and letters or digits":
        "la référence d'un abonnement est p- suivi de lettres ou de chiffres",
    # who
    "a member whom this key doesn't see has this address": "un membre que cette clé ne voit pas a cette adresse",
    "a member whom this key doesn't see has this card, or it was changed just now":
        "un membre que cette clé ne voit pas a ce badge, ou celui-ci vient d'être modifié",
    "several cards or addresses of this file belong to members whom this key doesn't see, so that none of its new ones "
    "is taken: ask a network administrator to import it":
        "plusieurs badges ou adresses de ce fichier sont à des membres que cette clé ne voit pas ; aucun nouveau "
        "n'est donc pris : demandez l'import à l'administration du réseau",
    "this key may not change this member, or it has just been changed: try again":
        "cette clé ne peut pas modifier ce membre, ou quelqu'un vient de le faire : réessayez",
    "this pass holds at other places as well: this key may not change it":
        "cet abonnement vaut aussi dans d'autres lieux : cette clé ne peut pas le modifier",
    "another person has this address already (of line {a}): {_}":
        "une autre personne a déjà cette adresse (ligne {a}) : laissez la cellule vide pour l'une des deux, avec un "
        "badge pour la reconnaître, ou donnez une adresse à chacune. Pour changer un nom, désignez le membre dans une "
        "colonne "
        "membre",
    "another person has this address already ({a}): {_}":
        "une autre personne a déjà cette adresse ({a}) : laissez la cellule vide pour l'une des deux, avec un "
        "badge pour la reconnaître, ou donnez une adresse à chacune. Pour changer un nom, désignez le membre dans une "
        "colonne membre",
    "a new member needs a name": "un nouveau membre doit avoir un nom",
    "a new member needs an e-mail address or a card: else a second import would double it":
        "un nouveau membre doit avoir une adresse ou un badge : sinon un second import le doublerait",
    "a new member needs a home: the code of one of this key's places":
        "un nouveau membre doit avoir un lieu de rattachement : le code d'un des lieux de cette clé",
    "there is no place {a}; /v1/places?q=… finds them": "il n'y a pas de lieu {a} ; /v1/places?q=… les trouve",
    "there is no commune {a}: expected an INSEE code, not a postcode":
        "il n'y a pas de commune {a} : un code INSEE est attendu, pas un code postal",
    "expected a commune's INSEE code, for example 87085: five characters, not a postcode":
        "un code INSEE de commune est attendu, par exemple 87085 : cinq caractères, pas un code postal (un tableur a "
        "peut-être supprimé le zéro au début)",
    "this key may not change {a}": "cette clé ne peut rien modifier à {a}",
    "this member is at home elsewhere: a key of that place may change them":
        "ce membre est rattaché à un autre lieu : une clé de ce lieu peut le modifier",
    "there is no member {a} that this key sees; without one a new one is made":
        "cette clé ne voit pas de membre {a} ; sans référence, un nouveau est créé",
    "line {a} names the same card for another member": "la ligne {a} donne le même badge à un autre membre",
    "the card is {a}'s": "le badge est à {a}",
    "{a} has this address": "{a} a cette adresse",
    "{t}, whose address is another; to change the address, name the member":
        "{t}, dont l'adresse est autre ; pour changer l'adresse, désignez le membre par sa référence",
    "line {a} has another value for the same member": "la ligne {a} dit autre chose du même membre",
    # cards
    "the server chooses keypad codes: POST /v1/members/…/cards with code_digits":
        "le serveur choisit les codes de clavier : POST /v1/members/…/cards avec code_digits",
    "a card that is {a} doesn't become {b}: issue a new one":
        "un badge à l'état {a} ne passe pas à l'état {b} : délivrez-en un nouveau",
    "it must be after {a}": "doit être après {a}",
    "there is no card {a} that this key sees": "cette clé ne voit pas de badge {a}",
    "card {a} has another number": "le badge {a} a un autre numéro",
    "a change of a card needs its number or its reference":
        "ce qui est dit d'un badge demande son numéro ou sa référence",
    "this number has another length than most of its column: {_}":
        "ce numéro n'a pas la longueur des autres de sa colonne : un tableur a peut-être supprimé des zéros au début. "
        "Remettez-les, ou indiquez le format de cette ligne dans card_format (MIFARE4-hex, EM4100-hex …)",
    "every long number of this column ends in zeros after 15 digits: {_}":
        "tous les longs numéros de cette colonne finissent par des zéros après 15 chiffres : un tableur les a "
        "arrondis. "
        "Mettez la colonne au format texte, reprenez les numéros à leur source et exportez à nouveau",
    "is this number decimal or hexadecimal? Say it by card_format, for the file or in a column (see `question`)":
        "ce numéro est-il décimal ou hexadécimal ? Indiquez-le par card_format, pour le fichier ou dans une colonne "
        "(voir "
        "`question`)",
    "Are the card numbers decimal or hexadecimal? {a} have decimal digits only, and each reading is another card. "
    "Say it "
    "for the file by card_format, or in a column card_format. This is what a reader would send for the card of line "
    "{b} "
    "(XX, ??: a byte that isn't printed). In doubt, read this card at a reader (POST /v1/enrolments).":
        "Les numéros de badge sont-ils décimaux ou hexadécimaux ? {a} n'ont que des chiffres décimaux, et chaque "
        "lecture "
        "est un autre badge. Indiquez-le pour le fichier par card_format, ou dans une colonne card_format. Voici ce "
        "qu'un lecteur enverrait pour le badge de la ligne {b} (XX, ?? : un octet non imprimé). Dans le doute, "
        "présentez ce badge à un lecteur (POST /v1/enrolments).",
    "this number begins with 08: {_} A 125 kHz card that a 34-bit reader sends so is of the format H10306-hex":
        "ce numéro commence par 08 : c'est celui d'un téléphone ou d'un badge à UID aléatoire, différent à chaque "
        "lecture, qui n'ouvrirait plus jamais une porte. Donnez un autre badge ou un code. Un badge 125 kHz qu'un "
        "lecteur 34 bits envoie ainsi est au format H10306-hex",
    "a spreadsheet has turned this number into a power of ten, and digits are lost: {_}":
        "un tableur a changé ce numéro en puissance de dix et des chiffres sont perdus : mettez la colonne au format "
        "texte, reprenez les numéros à leur source et exportez à nouveau",
    "a spreadsheet has made a number of this, and zeros in front may be lost: {_}":
        "un tableur en a fait un nombre et des zéros au début sont peut-être perdus : mettez la colonne au format "
        "texte, "
        "reprenez-le et exportez à nouveau",
    "a UID is 8, 10, 14 or 20 hexadecimal digits; another notation is named by card_format (format)":
        "un UID a 8, 10, 14 ou 20 chiffres hexadécimaux ; une autre écriture est nommée par card_format",
    "there is no such card format; there are: {a}": "ce format de badge n'existe pas ; il existe : {a}",
    "a number of the format {a}-decimal is decimal digits":
        "un numéro au format {a}-decimal n'a que des chiffres décimaux",
    "this is more than {a} bytes hold: it is a number of another format":
        "c'est plus que {a} octets ne contiennent : ce numéro est d'un autre format",
    "this decimal number has only the last 4 of the card's 5 bytes. {_}":
        "ce numéro décimal n'a que les 4 derniers des 5 octets du badge. Présentez un badge du lot à un lecteur "
        "(enrôlement) : s'il envoie 10 chiffres, les deux premiers sont l'octet non imprimé et le format est "
        "EM4100-0A-decimal avec ces deux chiffres à la place de 0A ; s'il en envoie 8, le format est MIFARE4-decimal",
    "a number of the format {a} has {b} hexadecimal digits, this one {c}: zeros in front may be lost, or another "
    "card_format (format) is right":
        "un numéro au format {a} a {b} chiffres hexadécimaux, celui-ci {c} : des zéros au début sont peut-être "
        "perdus, ou "
        "un autre card_format convient",
    "a card of this format is written as its facility code and number, like 68:41551":
        "un badge de ce format s'écrit avec son code de site et son numéro, comme 68:41551",
    "a card of this format is written as its number alone": "un badge de ce format s'écrit avec son seul numéro",
    "after a comma a card has five digits; {_}":
        "après une virgule, un badge a cinq chiffres ; un tableur a peut-être supprimé un zéro à la fin : écrivez "
        "77:30210",
    "the facility code has {a} bits here and the number {b}: this is more":
        "ici le code de site a {a} bits et le numéro {b} : c'est plus",
    "a number of the format {a} has {b} bits: this is more": "un numéro au format {a} a {b} bits : c'est plus",
    "a keypad code has 4 to 12 digits": "un code de clavier a 4 à 12 chiffres",
    "a card number in base {a} is its digits": "un numéro de badge en base {a} n'a que des chiffres",
    "a card number of more than {a} bytes": "un numéro de badge de plus de {a} octets",
    # passes
    "a new pass needs its places: their codes, or * for everywhere":
        "un nouvel abonnement demande ses lieux : leurs codes, ou * pour partout",
    "unit and allowance go together": "unité et quota vont ensemble",
    "this key gives no passes: ask for one of a place's manager":
        "cette clé ne donne pas d'abonnements : il faut celle de la gestion d'un lieu",
    "the member has several passes of this name: say which by pass_ref":
        "le membre a plusieurs abonnements de ce nom : indiquez lequel par pass_ref",
    "this key may not give a pass for the whole network":
        "cette clé ne peut pas donner d'abonnement pour tout le réseau",
    "there is no schedule {a}, neither of the place nor of the network; there are: {b}":
        "il n'y a pas d'horaire {a}, ni du lieu ni du réseau ; il existe : {b}",
    "this member has no pass {a} in force": "ce membre n'a pas d'abonnement {a} en cours",
    "{a} has no space {b}": "{a} n'a pas d'espace {b}",
    "{a} has no door {b}": "{a} n'a pas de porte {b}",
    "{a} has no group of doors {b}": "{a} n'a pas de groupe de portes {b}",
    # the answer
    "Nothing was stored": "Rien n'a été enregistré",
    "{a} of {b} lines can't be imported; `lines` says why. Put them right and send the file again, or store the others "
    "with skip_refused=true.":
        "{a} lignes sur {b} ne peuvent pas être importées ; `lines` dit pourquoi. Corrigez-les et renvoyez le "
        "fichier, ou "
        "enregistrez les autres avec skip_refused=true.",
    "This key has reached a limit: {a} {_} within {b} minutes. {_}":
        "Cette clé a atteint une limite : {a} essais en {b} minutes. Réessayez plus tard, ou demandez à "
        "l'administration "
        "du réseau.",
}  # fmt: skip
_LONGEST: Final = 4000
"""A sentence may quote a file's header; patterns on megabytes of it would hold up everybody."""
_HOLE: Final = re.compile(r"\{(\w)\}")


def _pattern(english: str) -> re.Pattern[str]:
    parts = _HOLE.split(english)  # text, hole, text, hole … text
    return re.compile(
        "".join(
            re.escape(part) if at % 2 == 0 else ".*" if part == "_" else f"(?P<{part}>.+?)"
            for at, part in enumerate(parts)
        ),
        re.DOTALL,
    )


_PLAIN: Final = {english: french for english, french in _SENTENCES.items() if _HOLE.search(english) is None}
_PATTERNS: Final = [(_pattern(english), french) for english, french in _SENTENCES.items() if english not in _PLAIN]


def french(sentence: str) -> str:
    """The sentence in French; as it is where there is none, or where it quotes more than a person reads."""
    if len(sentence) > _LONGEST:
        return sentence
    if sentence in _PLAIN:
        return _PLAIN[sentence]
    for pattern, said in _PATTERNS:
        if (match := pattern.fullmatch(sentence)) is not None:
            holes = match.groupdict()
            if "t" in holes:  # a sentence within the sentence
                holes["t"] = french(holes["t"])
            return _HOLE.sub(partial(_filled, holes), said)
    return sentence


def _filled(holes: Mapping[str, str], hole: re.Match[str]) -> str:
    return holes[hole[1]]


def french_report(report: dict[str, Any]) -> dict[str, Any]:
    """A report with its sentences in French; its fields and values stay."""
    question = report["question"]
    return report | {
        "notes": [french(note) for note in report["notes"]],
        "question": question and question | {"what": french(question["what"])},
        "lines": [
            line | {"problems": [one | {"what": french(one["what"])} for one in line["problems"]]}
            if "problems" in line
            else line
            for line in report["lines"]
        ],
    }
