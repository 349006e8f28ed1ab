"""Puts the API together: the board, its listener, the streams, the routes."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI

from api import health, page
from api.alarms import routes as alarms
from api.appointments.booker import Booker
from api.audit import routes as audit
from api.audit.entries import RecentEntries
from api.bookings import guests_routes as booking_guests
from api.bookings import quotas_routes as booking_quotas
from api.bookings import routes as bookings
from api.bookings import rules_routes as booking_rules
from api.bookings import series_routes as booking_series
from api.bookings import slots_routes as slots
from api.bookings import steps_routes as booking_steps
from api.calendars import member_calendars
from api.calendars import routes as calendars
from api.cards import enrolment_routes as enrolments
from api.cards import routes as cards
from api.desks import routes as desks
from api.devices import driver_routes as drivers
from api.devices import routes as devices
from api.doors import building_routes as building
from api.doors import routes as doors
from api.events import door_routes as door_events
from api.events import routes as events
from api.explain import muster_routes as muster
from api.explain import routes as explain
from api.explain import what_if_routes as what_if
from api.forecast import routes as forecast
from api.gateways import configuration_routes
from api.gateways import fitting_routes as fleet
from api.gateways import routes as gateways
from api.head_counts import routes as head_counts
from api.head_counts.trust import TrustBook
from api.history import routes as history
from api.http import problems
from api.http.answers import Packer
from api.http.callers import KeyChecker
from api.http.clients import Clients
from api.http.dispatch import Dispatch
from api.http.limits import Tries
from api.http.metrics import Metrics
from api.http.middleware import Middleware
from api.http.openapi import describe_problems
from api.http.pool import make_pool
from api.http.settings import ApiSettings
from api.http.state import Shared
from api.http.turns import Turns
from api.inventory import routes as inventory
from api.keys import routes as keys
from api.members import organisations
from api.members import routes as members
from api.operators import own_routes as operators_own
from api.operators import routes as operators
from api.orders import lockdowns
from api.orders import routes as orders
from api.orders.answers import OrderAnswers
from api.own_access import routes as own_access
from api.own_access import unlock as own_unlock
from api.pages import accessibility, at_provider, guest_qr, invited, signing_in, signing_in_passkey, signing_in_password
from api.pages import unknown as unknown_page
from api.pages.manage import agenda_routes, door_why, head_count, now
from api.pages.manage import alarms as manage_alarms
from api.pages.manage import device_forms as manage_device_forms
from api.pages.manage import devices as manage_devices
from api.pages.manage import doors as manage_doors
from api.pages.manage import gateways as manage_gateways
from api.pages.manage import history as manage_history
from api.pages.manage import keys as manage_keys
from api.pages.manage import orders as manage_orders
from api.pages.manage import places as manage_places
from api.pages.manage import plan as manage_plan
from api.pages.manage import reports as manage_reports
from api.pages.manage import team as manage_team
from api.pages.manage import visit_form as manage_visit_form
from api.pages.manage import visits as manage_visits
from api.pages.manage import what_if as what_if_page
from api.pages.manage.members import pages as manage_members
from api.pages.me import account, guests, open_door, second_factor_page, sign_in_page
from api.pages.me import book as my_book
from api.pages.me import bookings as my_bookings
from api.pages.me import calendars as my_calendars
from api.pages.me import cards as my_cards
from api.pages.me import data as my_data
from api.pages.me import passes as my_passes
from api.pages.me import seats as my_seats
from api.pages.me import waiting as my_waiting
from api.passes import routes as passes
from api.places import hours as places_access
from api.places import live_routes, profile
from api.places import routes as places
from api.plans import routes as plans
from api.present import availability_routes as availability
from api.present import badge_routes as badge
from api.present import routes as occupancy
from api.present.board import Board
from api.present.curves import Forecasts
from api.present.demand import Demand
from api.present.gazetteer import Gazetteer
from api.present.listen import Listener
from api.present.metrics import PresentMetrics
from api.present.sampling import sampler
from api.present.state import Present
from api.present.stream import Streams
from api.privacy import routes as privacy
from api.rates import categories, consent, rates
from api.reports import routes as reports
from api.resources import public_routes as bookable
from api.resources import routes as resources
from api.schedules import closures
from api.schedules import routes as schedules
from api.sign_in import passkey_routes, password_routes
from api.sign_in import routes as sessions
from api.spaces import routes as spaces
from api.statements import clearing_routes
from api.statements import routes as statements
from api.transfer import routes as transfer
from api.unassigned import routes as unassigned
from api.visits import guests_routes as own_guests
from api.visits import routes as visitors
from api.waiting import routes as waiting
from api.worth import routes as worth
from database import samples
from database.listening import end_tasks

log = logging.getLogger(__name__)

_PUBLIC: Final = (occupancy, places, availability, forecast, badge, events, history, reports, health)
_PAGES: Final = (
    page,
    accessibility,
    signing_in_passkey,  # before signing_in: /sign-in/passkey is no link
    signing_in_password,
    at_provider,
    invited,
    signing_in,
    guest_qr,
    *(my_seats, my_book, my_calendars, my_waiting, my_bookings),  # the last has /me/bookings/{ref}
    *(account, sign_in_page, second_factor_page, my_cards, open_door, my_passes, my_data, guests),
    *(manage_places, now, manage_alarms, manage_orders, head_count, door_why, what_if_page, manage_plan),
    *(manage_visits, manage_visit_form),
    *(manage_members, agenda_routes, manage_doors, manage_history, manage_reports),
    *(manage_devices, manage_device_forms, manage_gateways, manage_keys, manage_team),
    unknown_page,  # the last: what no other page has
)
_MANAGEMENT: Final = (
    inventory,
    worth,
    orders,
    enrolments,
    lockdowns,
    own_unlock,
    own_access,
    alarms,
    unassigned,
    muster,
    explain,
    what_if,
    audit,
    privacy,
    transfer,  # before members: /v1/members/export is no member
    cards,
    members,
    passes,
    categories,
    consent,
    rates,
    statements,
    clearing_routes,
    visitors,
    own_guests,
    bookings,
    booking_guests,
    booking_series,
    booking_steps,
    booking_rules,
    booking_quotas,
    slots,
    waiting,
    resources,
    bookable,
    calendars,
    member_calendars,
    organisations,
    schedules,
    doors,
    closures,
    places_access,
    profile,
    spaces,
    plans,
    live_routes,
    head_counts,
    desks,
    building,
    fleet,
    gateways,
    devices,
    drivers,
    door_events,
    configuration_routes,
    operators_own,
    operators,
    keys,
    sessions,
    passkey_routes,
    password_routes,
)
"""Routes that need a key; each declares its permission."""
_ABOUT: Final = """
Occupancy of every place of the network, and where seats are free now: public, without personal data. Every number
has the time it applies to (`at`), how long it stays valid (`ttl`, seconds) and a `quality`; **a stale number is
unknown, not zero**.

Access management needs a key whose role has one of the route's `x-permission`. A change sends in `If-Match` the ETag
of the version that it is based on. Errors are problem details (RFC 9457).
"""


def create_app(settings: ApiSettings) -> FastAPI:
    """Create the application; it connects once it starts."""
    board = Board(boot=secrets.token_hex(4))
    clients = Clients(settings)
    streams = Streams(limit=settings.stream_clients, clients=clients)
    url = settings.database_url.get_secret_value()
    pool = make_pool(url)
    forecasts = Forecasts(pool)
    listener = Listener(url, board, streams.ring, forecasts.weeks.learnt)
    metrics = Metrics(clients, PresentMetrics(board, listener, streams))
    answers = OrderAnswers(url)
    callers = KeyChecker(pool, clients)
    demand = Demand()
    booker = Booker(url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await pool.open(wait=False)
        running = (
            ("listener", listener.run()),
            ("aging", listener.age()),
            ("answers", answers.run()),
            ("appointments", booker.run()),
            ("usual weeks", forecasts.weeks.run()),
        )
        tasks = {name: asyncio.create_task(one, name=name) for name, one in running}
        for task in tasks.values():
            task.add_done_callback(_log_if_dead)
        app.state.listening = (tasks["listener"], tasks["aging"])
        stopping = threading.Event()
        sampling = threading.Thread(
            target=lambda: samples.watch(url, "api", sampler(metrics, demand), stopping), name="samples", daemon=True
        )
        sampling.start()
        try:
            yield
        finally:
            stopping.set()
            streams.close()
            await end_tasks(tasks.values())
            await pool.close(timeout=2)

    app = FastAPI(
        title="Maillage",
        version="1",
        summary="Occupancy of a network of third places",
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,  # these pages load scripts from a third party
        redoc_url=None,
    )
    app.state.listening = ()
    app.state.shared = Shared(
        settings=settings,
        clients=clients,
        pool=pool,
        turns=Turns(pool),
        keys=callers,
        metrics=metrics,
        packer=Packer(),
        tries=Tries(),
    )
    app.state.present = Present(
        board=board, listener=listener, streams=streams, forecasts=forecasts, gazetteer=Gazetteer(pool), demand=demand
    )
    app.state.order_answers = answers
    app.state.provider = at_provider.provider_of(settings)
    app.state.recent_entries = RecentEntries()
    app.state.trust = TrustBook(pool)
    problems.install(app)
    # Added to one flat list, busiest first: `include_router` would match each router in turn, which takes longer.
    for routes in (*_PUBLIC, *_PAGES, *_MANAGEMENT):
        app.router.routes.extend(routes.router.routes)
    app.router.middleware_stack = Dispatch(app.router)
    describe_problems(app)
    app.add_middleware(Middleware, metrics=metrics, check_key=callers.known, large=transfer.LARGE, clients=clients)
    return app


def _log_if_dead(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.critical("listener_dead", extra={"task": task.get_name()}, exc_info=task.exception())
