# SPDX-License-Identifier: Apache-2.0
"""Recovery as speed (DESIGN 5): Redis is emptied (FLUSHALL) under load, with a month of purchases on record, and every
organisation's counters have to be built anew from its rows. How long until the rate is back, how long the slowest answer
took, and how many purchases were not approved meanwhile."""

import os
import threading
import time

import history
import loads
from servers import Servers, Trouble

# Seconds driven after the counters are gone; the rate has to be back by then.
WATCHED_S = 60
WARM_UP_S = 3
# A purchase that waits must not keep the next ones from being sent: they are the waiting the figures are about.
IN_FLIGHT = 20
STEP_S = 0.1
BACK_SHARE = 0.95


def cases_of(rows):
    """Each organisation of the many has a thousand rows; the one has a tenth of all."""
    most = max(1, rows // 1000)
    return (
        {"name": "Redis emptied, many organisations", "organisations": most, "travellers": 10, "rows": rows},
        {"name": "Redis emptied, one organisation", "organisations": 1, "travellers": 1000, "rows": rows // 10},
    )


class Emptying:
    """Empties Redis beside a run of `vaxel load`, and lets the run go on for a while."""

    def __init__(self, servers):
        self.servers = servers
        self.child = None
        self.emptied_at = None

    def _empty(self):
        self.emptied_at = time.time()
        history.empty_redis(self.servers)
        time.sleep(WATCHED_S)

    def start(self):
        self.child = threading.Thread(target=self._empty)
        self.child.start()

    def is_over(self):
        return not self.child.is_alive()


def steps_of(servers, emptied_at, path):
    """Approved purchases in each tenth of a second since then, by when they were recorded, and how many have no row."""
    servers.sql("CREATE UNLOGGED TABLE approved (id uuid)")
    servers.sql(f"\\copy approved FROM '{path}'")
    joined = f"approved a LEFT JOIN entry e ON e.id = a.id AND e.recorded_at >= to_timestamp({emptied_at - 60})"
    step = f"floor(extract(epoch FROM e.recorded_at - to_timestamp({emptied_at})) / {STEP_S})"
    lines = servers.sql(f"SELECT coalesce({step}::text, 'none'), count(*) FROM {joined} GROUP BY 1").splitlines()
    servers.sql("DROP TABLE approved")
    steps = {name: int(count) for name, count in (line.split("|") for line in lines)}
    missing = steps.pop("none", 0)
    return {int(name): count for name, count in steps.items()}, missing


def rate_back_s(steps, rate):
    """From when on a whole second, and its first tenth, had what was sent. None: never."""
    wanted = rate * STEP_S * BACK_SHARE
    whole = round(1 / STEP_S)
    for first in range(round(WATCHED_S / STEP_S) - whole):
        counts = [steps.get(at, 0) for at in range(first, first + whole)]
        if counts[0] >= wanted and sum(counts) >= wanted * whole:
            return first * STEP_S
    return None


def approved_each_s(steps):
    whole = round(1 / STEP_S)
    return [sum(steps.get(at, 0) for at in range(first, first + whole)) for first in range(0, WATCHED_S * whole, whole)]


def measure_case(servers, case):
    history.fill(servers, case["rows"])
    servers.start_switch(loads.SETTINGS)
    many = loads.Options(1000, 5, 1)
    history.warm(servers, many)
    half = loads.run(servers, many).figures["rate"] / 2
    path = os.path.join(servers.state, "approved")
    before_minor = history.usage_minor(servers)
    emptying = Emptying(servers)
    options = many.replace(seconds=WATCHED_S + 30, warm_up_s=WARM_UP_S, rate=half, in_flight=IN_FLIGHT, approved_path=path)
    try:
        result, _ = loads.drive(servers, options, emptying)
    finally:
        if emptying.child:
            emptying.child.join()
    history.verify_usage(servers, before_minor, result, case["name"])
    steps, missing = steps_of(servers, emptying.emptied_at, path)
    if missing:
        raise Trouble(f"{case['name']}: {missing} approved purchases are not on record")
    servers.vaxel("audit")
    return {
        **case,
        "rate": half,
        "rate_back_s": rate_back_s(steps, half),
        "approved_each_s": approved_each_s(steps),
        "worst_ms": result["max_ms"],
        "p99_ms": result["p99_ms"],
        "answered": result["answered"],
        "not_approved": result["sent_in_all"] - result["approved_in_all"] + result["unsent"],
    }


def run(state, rows, progress):
    """The cases, each with servers of its own."""
    measured = []
    for case in cases_of(rows):
        progress(f"{case['name']}: {case['rows']} rows")
        limits = ("--organisation-limit", loads.ORGANISATION_LIMIT, "--credit-limit", loads.CREDIT_LIMIT)
        with Servers(state, case["organisations"], case["travellers"], *limits) as servers:
            measured.append(measure_case(servers, case))
        progress(f"  the rate is back after {measured[-1]['rate_back_s']} s, worst {measured[-1]['worst_ms']:.0f} ms")
    return measured
