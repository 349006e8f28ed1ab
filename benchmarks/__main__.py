"""Run every benchmark and write docs/benchmarks.md: ``python -m benchmarks [--quick] [NAME …]``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.report import progress
from maillage.embedded import fetch

BENCHMARKS: Final = {
    "ingest": ["--quick"],
    "fold": ["--hours", "3"],
    "latency": ["--seconds", "6", "--taps", "500"],
    "board": [],
    "history": ["--days", "60", "--rounds", "20"],
    "monthly": ["--places", "20"],
    "decision": ["--decisions", "5000"],
    "revocation": ["--revocations", "30", "--returns", "5", "--stolen", "5"],
    "lists": ["--places", "200"],
    "spool": ["--events", "200000", "--taps", "300"],
    "gateway": ["--pins", "50", "--others", "20"],
    "accuracy": ["--places", "1", "--days", "14"],
    "forecast": ["--places", "1"],
    "privacy": ["--members", "40"],
    "booking": ["--rounds", "4", "--bookings", "60480"],
    "availability": ["--times", "1", "--bookings", "100000"],
    "dashboards": ["--places", "154", "--days", "60", "--rounds", "10"],
}
"""Name and what makes it quick."""
NOTES: Final = """
## How to read them

- `events_per_s`: broker, two ingest workers, database and 154 gateways' worth of load share two cores; events of 82
  bytes in batches of 500, checked, folded and committed. One gateway, and ten (all in the shards of one worker), are
  bounded by that worker's core: the database stores the rows of one batch while the next is read and folded.
- `events_per_s`, `ticks_per_s` of `fold`: a working day of places of several sizes. An event is one that a gateway
  sends, repeats included: sensors repeat their state every minute, which is the most that a gateway passes on, so that
  49 of 50 events say the same again. The fold is settled in each second of the events in which anything happens: the
  ingest settles a place at the end of each transaction with events of it, a few times a second at most; a gateway that
  sends what it kept while it was offline is settled once for some hundred events. `small`: 10 sensed desks and readers
  on both sides; `middle`: 28 desks, two rooms, readers, a counter; `half`: 30 of 60 seats sensed, four rooms, two
  counters; `large`: 150 desks, ten rooms, readers, three counters; `counted`: one counter for 40 seats, where each
  event is a passage. A tick asks a place for the numbers of all its spaces, five seconds later each time: time alone
  moves them once a minute, so eleven of twelve ticks find what was made before.
- `event_to_stream_…_at_10000_per_s`: in recorded batches. 154 gateways in *one* gateway process take about 7,500
  events a second on one core; in life each has a machine of its own. So their batches are sent by
  `benchmarks.recorded`, each with the real window and the events of 5 ms. The gateway's own time (driver, disk) is not
  in it: see the rows at 100 and 1,000 a second, in which it is.
- `place_month_ms`, `network_year_ms`: medians of whole HTTP answers with a key, from a year of 1,512 places (551,880
  days): another place's 30 days by quarter hours each time (2,880 rows, 0.5 MB), and the network's 365 days.
- `panel_…`: the slowest panel of its dashboard, planning and execution as the server measures them
  (docs/dashboards.md); of *The network* its curves. `least`: of 20 places or rounds; `cpu`: what the server's process
  ran on a core, with the reading of the query. `_1509`: all places with a year behind them, at a load of 6 on two
  cores (`python -m benchmarks.dashboards --places 1512 --rounds 20`).
- `event_to_transaction_…`, `event_to_commit_…`: where the time of `event_to_stream_…` goes. The first is until the
  ingest begins the transaction that stores the event (driver, spool, brokers, and the transaction before it); the
  second until the database has ended the commit; the rest is notification, API and client. `event_to_stream_tls_…`
  and its reference are measured in turn, three times each; compared are the medians (`--only-tls`: only these).
- `tap_to_unlock_p99_ms`: from a client's publish of the reader's message to its receipt of the lock's command, with 200
  desk messages a second beside; the echo does the same with nothing in between.
- `revocation_p99_s`: from the HTTP request that takes a card out of service to the last of 154 gateways' word that the
  newer list is on its disk; all 154 in one process here. `reconnect_p99_s`: from the connection that comes through,
  after 100 changes at that place.
- `cut_off_p99_s`: from the HTTP request that shuts a stolen gateway out until its connection is closed and it can
  neither publish nor receive. It is connected with the stolen key, publishes and hears every few milliseconds, connects
  again at once, and must fail.
- `…_tls…`: gateways, ingest and rights log in with certificates of the network's authority (TLS 1.3) instead of
  passwords; everything else is the same, in the same run.
- `lists_…`: of all 1,509 places, without a broker. A lockdown goes out as orders at once; that the lists say it too is
  for who is away.
- `list_…`, `delta_…`: of a list of 100,000 entries, which no place has. `list_load_s` with Python's cyclic garbage
  collector paused, as a gateway reads; `list_load_collecting_s` with it.
- `spool_events_per_s`: one gateway's events as quickly as its spool takes them, each commit on the disk; the reference
  inserts rows that were encoded and chained beforehand. `drain_events_per_s`: a spool of a million events through the
  real uplink and a real Mosquitto to a committer that answers at once, so that nothing but the gateway holds it up
  (an ingest takes fewer from one gateway, see `events_per_s_1_gateways`). `tap_to_unlock_draining_p99_ms`: cards read
  at the door meanwhile, beside cards before and after; the echo shows what the same load does to a bare MQTT client on
  these cores. The central broker and the committer run at a lower priority: in life they are on another machine.
- `rss_mb`, `cpu_at_rest_percent`: a gateway process with one place, 26 devices and a list of 2,000 cards; and one with
  225 places. `bytes_per_event`: what the kernel wrote for 100 events a second that come one by one (event, delivery and
  mark: whole pages), the spool's deletions included; `bytes_held_per_event`: of the spool's file while the centre is
  away. `pin_to_unlock_p99_ms`: a card and its PIN right after it, gateway and field broker on one core.
- `accuracy`: how true the estimates are, not how quick. Places of each kind of equipment (docs/simulator.md lists
  their devices) live for 28 days with the faults of people and devices; the first week is for learning, and nothing is
  tuned on these places. Beside each figure stands the best baseline's: people in minus out since ever; in minus out
  with exits weighed by the last 14 days' balance, and a reset at four in the morning; the count of occupied desks,
  times seats over seats with a sensor; the estimator's first form (releases up to 0.9). `_mae_pct`: mean error in % of
  the place's capacity, day and night (`_open_…`: in opening hours). `_coverage`: share of instants at which the truth
  lies from `low` to `high`; 0.9 or more, since whole people can't be cut into 90 %. `_interval_score_pct`: width of
  that interval and 20 times the distance of a truth outside it, in % of capacity; what is unknown costs 100. `_live`:
  share of opening hours in which the quality is `live`. `_wrong_live`: share of `live` answers, day and night, that
  err by more than two people or a tenth of the capacity, whichever is more. `_ghost`: share of empty closed hours in
  which somebody is said to be there. `_known`: share of answers that aren't `unknown`; those that are have no error.
  `_right`, `_flips`: somebody or nobody said rightly, and how often that changes for each true change.
- `uci_room`, `uci_door`: real data (`benchmarks/data/README.md`). The room has its head count. The door has none: its
  figures are held against the counts themselves. In the middle of each night's longest lull (1.5 hours at least,
  between ten and eight) nobody is taken to be in; from one such instant to the next in and out must balance, what is
  left over is spread over the passages as evenly as it can be with nobody less than nobody in. That knows what comes
  later in the day; it is near the truth, not the truth. Who works all night, or comes by another entrance (there are
  some: on weekends thirty more leave than came), is not in it: a few people by night, some ten on a busy afternoon.
  A day that ended only in a night without any passage from two to five would join up to nine days into one, with forty
  people in for a whole weekend. `_ghost` counts the hours of those quiet nights only; all others count as open. Its
  capacity is taken as 120. The rules for counters were chosen with this door's score in sight, and no weeks of it were
  held out: its figures are better than those of another door would be. `half_desks_no_hours` and
  `counter_only_no_hours` are places whose opening hours nobody has entered.
- `python -m benchmarks.accuracy one_sided_out other_counters --places 8` (not in the table: each time they are other
  places) scores worlds that the simulator doesn't make (`benchmarks/other_worlds.py`): places of 10 to 120 seats with
  other days, night work, misses, report rhythms and head counts. `--seed` takes the same ones again. Decision 43 says
  what they showed while the estimator was made. Afterwards, eight fresh places of each of the eight worlds (seeds from
  200,560 on): coverage .954 to .981, ghosts .008 to .040, wrong while `live` 0 to .0062, error .5 to 1.6 % of capacity.
- `python -m benchmarks.field_kills` (not in the table: it counts, it doesn't time) kills a gateway 20 times while the
  field broker takes 500 messages a second, and counts what is lost and what is doubled: both must be 0.
- `forecast`: how near the next hours are, on virtual places and the real door, learned from their own past
  (docs/forecast.md). Skills are shares of the reference's error; the seats' figures are of 30 to 60 minutes ahead.
- `bookings_per_s`: 64 clients in four processes, each with its own connection, book any of 40 units for the same hours
  at the same moment, over the API with its rules; the run fails if not exactly 40 are given, each once. The reference
  inserts the same rows with triggers and audit, without API and race. `one_booking_…`: one client alone, with as many
  bookings to come as `--bookings` says (a million).
- `panel_…`: the slowest panel of *My place, live*, and of the network's curves over a day and a year, with so many
  places and a year behind them: planning and execution at the server. `_cpu_` is the median of the time that the
  server's process ran on a core for it, which the load of a shared machine changes less than the clock's time.
- `page_p99_ms`, `page_p50_ms`, `pages_over_30_ms`, `page_statements`, `page_first_paint_ms`: every page of a member, of
  a place's manager and of the network's administrator (`api/pages/`), on 1,512 places with a year behind them, as the
  API's own database user, so that row-level security holds. One browser asks for one page again and again on one
  connection; a figure is the slowest page's whole HTTP answer. `python -m benchmarks.pages` prints each page with the
  statements that it sends to the database (BEGIN and COMMIT among them) and the processors' time of one request in
  the API and in the database's processes; these are nearly the same on a busy machine, so versions can be compared by
  them. A page that the network has nothing for is named and left out. `--only members`: only pages in whose address
  this stands. `--paints 0`: without Chromium, which opens each page with an empty cache on fast 3G and a four times
  slower processor.
- `privacy`: how often a guesser who sees all public numbers is right about which of two months holds a member's visits
  (docs/privacy.md); 0.5 is chance. `bands`: what a place shows by default; `numbers`: with `public_numbers`.
"""
PAGE: Final = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def main() -> int:
    """Run them one after the other; a benchmark that fails is said, the others go on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; none: all")
    parser.add_argument("--quick", action="store_true", help="shorter runs, and docs/benchmarks.md is left as it is")
    choice = parser.parse_args()
    unknown = set(choice.names) - BENCHMARKS.keys()
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    lines: dict[str, dict[str, Any]] = {}
    for name in choice.names or BENCHMARKS:
        progress(f"== {name}")
        command = [sys.executable, "-m", f"benchmarks.{name}", *(BENCHMARKS[name] if choice.quick else [])]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        last = done.stdout.strip().rpartition("\n")[2]
        if done.returncode or not last.startswith("{"):
            progress(f"{name} failed with exit code {done.returncode}")
            continue
        print(last, flush=True)
        lines[name] = json.loads(last)
    if not choice.quick and not choice.names and len(lines) == len(BENCHMARKS):
        PAGE.write_text(page(lines), encoding="utf-8")
        progress(f"written: {PAGE}")
    return 0 if len(lines) == len(choice.names or BENCHMARKS) else 1


def page(lines: dict[str, dict[str, Any]]) -> str:
    """The Markdown page of all results."""
    rows = [
        f"| {name} | `{one['name']}` | {_number(one['value'])} | {one['unit']} | {one['reference'] or ''} "
        f"| {_number(one['reference_value'])} | {_number(one['ratio'])} |"
        for name, line in lines.items()
        for one in line["results"]
    ]
    return "\n".join(
        [
            "# Benchmarks",
            "",
            f"Written by `python -m benchmarks` on {datetime.now(UTC):%Y-%m-%d}. {machine()}",
            "Absolute numbers mean little on a shared machine: read the ratio to what was measured in the same run.",
            "",
            "| benchmark | result | value | unit | reference | its value | ratio |",
            "|---|---|---|---|---|---|---|",
            *rows,
            NOTES,
        ]
    )


def machine() -> str:
    """One sentence about this machine."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = "an unnamed processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    versions = ", ".join(f"{name} {version}" for name, version in fetch().versions().items())
    return (
        f"{cores} cores ({model}), {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {versions}. Broker, database, load and ourselves share these cores."
    )


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
