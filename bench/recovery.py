# SPDX-License-Identifier: Apache-2.0
"""Recovery as speed (DESIGN 5): what makes every organisation's counters be built anew happens under load, with purchases on
record. Redis is emptied (FLUSHALL), with a month that is under way; or the month turns, by a clock that is ahead (clock.py).
How long until the rate is back, how long the answers took, and how many purchases were not approved."""

import dataclasses
import os
import threading
import time

import history
import loads
from servers import Servers, Trouble

WARM_UP_S = 3
# A purchase that waits must not keep the next ones from being sent: they are the waiting the figures are about.
IN_FLIGHT = 20
STEP_S = 0.1
BACK_SHARE = 0.95
# The month turns so long after PostgreSQL and the switch were started: time enough to get the load going.
TURN_LEAD_S = 45
# The servers' clock jumps to then, so what the switch does in the last quarter of an hour, it does before.
AHEAD_SETTINGS = ["switch.month_ahead=2 h"]
AHEAD_WITHIN_S = 300
NOT_AHEAD = """
SELECT count(*) FROM fence f WHERE month = (SELECT min(month) FROM fence)
    AND NOT EXISTS (SELECT FROM fence n WHERE n.organisation = f.organisation AND n.month > f.month AND n.epoch > 0)
"""
AROUND_S = 5  # before and after: what `around` tells of


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    organisations: int
    travellers: int  # of each
    rows: int  # on record
    watched_s: int  # driven after it has happened; the rate has to be back by then
    is_turn: bool = False


def cases_of(rows):
    """Each organisation of the many has a thousand rows; the one has a tenth of all; a month that is over has a hundred each."""
    most = max(1, rows // 1000)
    return (
        Case("Redis emptied, many organisations", most, 10, rows, 60),
        Case("Redis emptied, one organisation", 1, 1000, rows // 10, 60),
        Case("the month turns, many organisations", most, 10, rows // 10, 30, is_turn=True),
    )


class Event:
    """What happens beside a run of `vaxel load`, which then goes on for a while."""

    def __init__(self, servers, watched_s):
        self.servers = servers
        self.watched_s = watched_s
        self.child = None
        self.at = None  # by the servers' clock

    def _happen(self):
        raise NotImplementedError

    def _run(self):
        self._happen()
        time.sleep(max(0, self.at + self.watched_s - self.servers.clock.now()))

    def start(self):
        self.child = threading.Thread(target=self._run, daemon=True)
        self.child.start()

    def is_over(self):
        return not self.child.is_alive()


class Emptying(Event):
    def _happen(self):
        self.at = self.servers.clock.now()
        history.empty_redis(self.servers)


class Turn(Event):
    """Restarts the switch and PostgreSQL shortly before their month ends, when the next one's counters are made ahead."""

    def __init__(self, servers, watched_s):
        super().__init__(servers, watched_s)
        self.at = servers.clock.month_ends()
        self._await_next_month()
        servers.set_clock(self.at - TURN_LEAD_S)
        servers.start_switch(loads.SETTINGS)

    def _await_next_month(self):
        give_up_at = time.monotonic() + AHEAD_WITHIN_S
        while self.servers.sql(NOT_AHEAD) != "0":
            if time.monotonic() > give_up_at:
                raise Trouble("the next month's counters are not made ahead")
            time.sleep(1)

    def start(self):
        if self.servers.clock.now() > self.at - AROUND_S:
            raise Trouble("the month turns before the load is under way: the machine is too busy")
        super().start()

    def _happen(self):
        pass  # time does it


def take_answers(servers, path):
    servers.sql("CREATE UNLOGGED TABLE answered (id uuid, latency_us bigint, reason text)")
    servers.sql(f"\\copy answered FROM '{path}'")


def steps_of(servers, since, at):
    """Approved purchases in each tenth of a second from `at` on, by when they were recorded, and how many have no row."""
    joined = f"answered a LEFT JOIN entry e ON e.id = a.id AND e.recorded_at >= to_timestamp({since})"
    step = f"floor(extract(epoch FROM e.recorded_at - to_timestamp({at})) / {STEP_S})"
    query = f"SELECT coalesce({step}::text, 'none'), count(*) FROM {joined} WHERE a.reason = 'APPROVED' GROUP BY 1"
    steps = {name: int(count) for name, count in (line.split("|") for line in servers.sql(query).splitlines())}
    missing = steps.pop("none", 0)
    return {int(name): count for name, count in steps.items()}, missing


def around(servers, at):
    """Of the purchases made in the seconds before and after, by the time in their ids."""
    first, last = (f"{round((at + by) * 1000):012x}".ljust(32, "0") for by in (-AROUND_S, AROUND_S))
    quantiles = "percentile_disc(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (ORDER BY latency_us)"
    counts = "count(*), count(*) FILTER (WHERE reason <> 'APPROVED')"
    told = servers.sql(f"SELECT {quantiles}, {counts} FROM answered WHERE id >= '{first}' AND id < '{last}'")
    latencies, answered, not_approved = told.split("|")
    p50_ms, p99_ms, worst_ms = (int(us) / 1000 for us in latencies.strip("{}").split(","))
    return {
        "seconds": 2 * AROUND_S,
        "p50_ms": p50_ms,
        "p99_ms": p99_ms,
        "worst_ms": worst_ms,
        "answered": int(answered),
        "not_approved": int(not_approved),
    }


def rate_back_s(steps, rate, watched_s):
    """From when on a whole second, and its first tenth, had what was sent. None: never."""
    wanted = rate * STEP_S * BACK_SHARE
    whole = round(1 / STEP_S)
    for first in range(round(watched_s / STEP_S) - whole):
        counts = [steps.get(at, 0) for at in range(first, first + whole)]
        if counts[0] >= wanted and sum(counts) >= wanted * whole:
            return first * STEP_S
    return None


def approved_each_s(steps, watched_s):
    whole = round(1 / STEP_S)
    return [sum(steps.get(at, 0) for at in range(first, first + whole)) for first in range(0, watched_s * whole, whole)]


def audit(servers):
    for month in servers.sql("SELECT DISTINCT month FROM entry").split():
        servers.vaxel("audit", "--month", month)  # fails on any difference


def drive(servers, case, options):
    """The load, and what happens beside it: what the load told, and when it happened."""
    event = (Turn if case.is_turn else Emptying)(servers, case.watched_s)
    patience_s = case.watched_s + TURN_LEAD_S
    result, _ = loads.drive(servers, options.replace(seconds=patience_s, warm_up_s=WARM_UP_S, in_flight=IN_FLIGHT), event)
    return result, event.at


def measure_case(servers, case):
    history.fill(servers, case.rows)
    servers.start_switch(loads.SETTINGS + (AHEAD_SETTINGS if case.is_turn else []))
    many = loads.Options(1000, 5, 1)
    history.warm(servers, many)
    half = loads.run(servers, many).figures["rate"] / 2
    path = os.path.join(servers.state, "answers")
    before_minor, since = history.usage_minor(servers), servers.clock.now()
    result, at = drive(servers, case, many.replace(rate=half, answers_path=path))
    history.verify_usage(servers, before_minor, result, case.name)
    take_answers(servers, path)
    steps, missing = steps_of(servers, since, at)
    if missing:
        raise Trouble(f"{case.name}: {missing} approved purchases are not on record")
    audit(servers)
    return {
        "name": case.name,
        "organisations": case.organisations,
        "travellers": case.travellers,
        "rows": case.rows,
        "rate": half,
        "rate_back_s": rate_back_s(steps, half, case.watched_s),
        "approved_each_s": approved_each_s(steps, case.watched_s),
        **{name: result[name] for name in ("p50_ms", "p99_ms")},
        "worst_ms": result["max_ms"],
        "answered": result["answered"],
        "not_approved": result["sent_in_all"] - result["approved_in_all"] + result["unsent"],
        "around": around(servers, at),
    }


def servers_of(state, case):
    """Those whose month turns begin an hour before it does."""
    limits = ("--organisation-limit", loads.ORGANISATION_LIMIT, "--credit-limit", loads.CREDIT_LIMIT)
    servers = Servers(state, case.organisations, case.travellers, *limits)
    if case.is_turn:
        servers.clock.set(servers.clock.month_ends() - 3600)
    return servers


def run(state, rows, progress):
    """The cases, each with servers of its own."""
    measured = []
    for case in cases_of(rows):
        progress(f"{case.name}: {case.rows} rows")
        with servers_of(state, case) as servers:
            measured.append(figures := measure_case(servers, case))
        back = "not back" if figures["rate_back_s"] is None else f"back after {figures['rate_back_s']:.1f} s"
        progress(f"  the rate is {back}, worst {figures['worst_ms']:.0f} ms, {figures['not_approved']} not approved")
    return measured
