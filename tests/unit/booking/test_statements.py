"""A month of 40 places: statements equal a recount of the uses, and the clearing adds up to nothing."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from booking.clearing import balances, clear, debts, holder_of
from booking.items import Billing, Item
from booking.rates import Price, PriceList, share
from booking.statements import bill

PLACES = 40
MONTH = date(2026, 3, 1)
RATES: dict[str, Billing] = {"use": "use", "flat": "month", "card": "once"}
CATEGORIES = ("student", "seeker")
PRICES = [
    Price(
        rate=rate,
        category=category,
        first=date(2026, 1, 1) if category is None else date(2026, 3, 10),
        cents=cents - 150 * len(category or ""),
        overuse_cents=1111,
        clearing_cents=clearing,
        vat_permille=vat,
        funder=9 if category == "seeker" else None,
        funder_permille=335 if category == "seeker" else 0,
    )
    for rate, cents, clearing, vat in (("use", 1801, 507, 200), ("flat", 9001, 450, 55), ("card", 7001, 0, 100))
    for category in (None, *CATEGORIES)
]
LIST = PriceList(PRICES)


def month_of(seed: int, people: int = 80) -> list[Item]:
    """Make a month's items of people at home anywhere, some of whom go elsewhere."""
    rng = random.Random(seed)
    items: list[Item] = []
    for number in range(people):
        rate = rng.choice(list(RATES))
        home = rng.choice([None, *range(1, PLACES + 1)])
        known = tuple(rng.sample(CATEGORIES, rng.randrange(3)))
        organisation = rng.choice([None, 1, 2])
        limit = rng.randrange(12)

        def item(kind: Billing, slot: int, place: int | None, day: date, *, over: bool = False) -> Item:
            return Item(
                pass_ref=f"p-{number}",  # noqa: B023  used at once
                member=f"m-{number}",  # noqa: B023
                organisation=organisation,  # noqa: B023
                home=home,  # noqa: B023
                kind=kind,
                slot=slot,
                place=place,
                at=datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
                day=day,
                rate=rate,  # noqa: B023
                billed=RATES[rate],  # noqa: B023
                unit="half_day",
                over=over,
                categories=known,  # noqa: B023
            )

        if RATES[rate] != "use":
            items.append(item(RATES[rate], 0, None, MONTH))
        for use in range(rng.randrange(20)):
            place = home if home is not None and rng.random() < 0.7 else rng.randrange(1, PLACES + 1)
            items.append(item("use", use + 1, place, MONTH + timedelta(days=use), over=use >= limit))
    return items


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6))
def test_statements_equal_a_recount(seed: int) -> None:
    items = month_of(seed)
    statements = bill(items, LIST)
    counted = Counter(
        (item.pass_ref, item.kind, item.slot) for one in statements for line in one.lines for item in line.items
    )
    assert counted == Counter((item.pass_ref, item.kind, item.slot) for item in items), "each thing on one line, once"
    owed: defaultdict[str, int] = defaultdict(int)
    for item in items:
        price = LIST.on(item.rate, item.day, item.categories)
        assert price is not None
        if item.kind == "use" and item.over:
            owed[item.member] += price.overuse_cents
        elif item.kind != "use" or item.billed == "use":
            owed[item.member] += price.cents
    billed: defaultdict[str, int] = defaultdict(int)
    for one in statements:
        for line in one.lines:
            if line.member is not None:
                billed[line.member] += line.net_cents + line.funded_cents
                assert line.net_cents == line.count * line.price_cents - line.funded_cents
    assert billed == {member: owed[member] for member in billed} and set(billed) == set(owed)
    funded = sum(line.funded_cents for one in statements for line in one.lines)
    assert funded == sum(one.net_cents for one in statements if one.payer.funder)
    assert all(
        one.vat_cents == sum(share(line.net_cents, line.vat_permille) for line in one.lines) for one in statements
    )


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_the_order_of_what_was_reported_changes_nothing(seed: int, rng: random.Random) -> None:
    items = month_of(seed, 40)
    mixed = rng.sample(items, len(items))
    assert [
        (one.payer, [(line.kind, line.member, line.place, line.count, line.net_cents) for line in one.lines])
        for one in bill(items, LIST)
    ] == [
        (one.payer, [(line.kind, line.member, line.place, line.count, line.net_cents) for line in one.lines])
        for one in bill(mixed, LIST)
    ]
    assert [replace(line, items=()) for line in clear(items, LIST, MONTH)] == [
        replace(line, items=()) for line in clear(mixed, LIST, MONTH)
    ]


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6))
def test_the_clearing_adds_up_to_nothing(seed: int) -> None:
    items = month_of(seed)
    lines = clear(items, LIST, MONTH)
    away = [item for item in items if item.kind == "use" and item.home is not None and item.place != item.home]
    owed = [item for item in away if item.rate != "card"]  # a card's clearing price is 0
    assert sum(line.count for line in lines) == len(owed)
    amounts = [(line.debtor, line.creditor, line.amount_cents) for line in lines]
    assert sum(balances(amounts).values()) == 0
    # What each pays each settles the same balances.
    settled = balances((one.debtor, one.creditor, one.cents) for one in debts(amounts))
    assert {place: cents for place, cents in balances(amounts).items() if cents} == {
        place: cents for place, cents in settled.items() if cents
    }
    assert all(one.cents > 0 for one in debts(amounts))


def test_a_pseudonym_is_another_one_each_month() -> None:
    assert holder_of("m-1", MONTH) != holder_of("m-1", date(2026, 4, 1)) != holder_of("m-2", date(2026, 4, 1))
