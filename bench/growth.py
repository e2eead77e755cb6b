# SPDX-License-Identifier: Apache-2.0
"""Growth: rate and CPU time of a purchase against one thing at a time that grows, the others as at saturation: organisations
(of a constant number of travellers), travellers, connections, and rows recorded this month."""

import history
import loads
from servers import Servers, Trouble

ORGANISATIONS, TRAVELLERS_EACH, CONNECTIONS = 200, 500, 1000
SECONDS, WARM_UP_S = 5, 1
# 10 000 purchases at once wait longer for their turn than the usual deadline.
TIMEOUT_MS = 5000

POPULATIONS = {
    "organisations": {1: (1, 100_000), 100: (100, 1000), 10_000: (10_000, 10)},
    "travellers": {count: (200, count // 200) for count in (1000, 10_000, 100_000, 1_000_000)},
}
CONNECTION_STEPS = (1, 10, 100, 1000, 10_000)
ROW_STEPS = (1_000_000, 3_000_000, 10_000_000)


def point(servers, at, connections=CONNECTIONS):
    """One closed-loop run with warm counters; every purchase is approved and has its row."""
    options = loads.Options(connections, SECONDS, WARM_UP_S, timeout_ms=TIMEOUT_MS)
    history.warm(servers, options.replace(connections=CONNECTIONS, seconds=2, warm_up_s=0))
    before = int(servers.sql("SELECT count(*) FROM entry"))
    run = loads.run(servers, options)
    if int(servers.sql("SELECT count(*) FROM entry")) != before + run.approved:
        raise Trouble(f"{run.approved} purchases were approved, and not so many rows recorded")
    return {"at": at, **run.figures, "cpu_us": run.cpu_us}


def servers_of(state, organisations, travellers_each):
    limits = ("--organisation-limit", loads.ORGANISATION_LIMIT, "--credit-limit", loads.CREDIT_LIMIT)
    return Servers(state, organisations, travellers_each, *limits)


def measure_populations(state, name, told):
    points = []
    for at, population in POPULATIONS[name].items():
        with servers_of(state, *population) as servers:
            servers.start_switch(loads.SETTINGS)
            points.append(told(name, point(servers, at)))
            servers.vaxel("audit")
    return points


def measure_connections(servers, told):
    return [told("connections", point(servers, at, at)) for at in CONNECTION_STEPS]


def measure_rows(servers, told):
    """From what the connections left on."""
    points = []
    for wanted in ROW_STEPS:
        there = int(servers.sql("SELECT count(*) FROM entry"))
        history.fill(servers, max(0, wanted - there), there)
        history.empty_redis(servers)
        points.append(told("rows", point(servers, max(wanted, there))))
    return points


def run(state, progress):
    """For each thing that grows its points, with servers of their own."""

    def told(name, figures):
        progress(f"  {figures['at']} {name}: {figures['rate']:.0f}/s, {sum(figures['cpu_us'].values()):.1f} us")
        return figures

    progress("Growth")
    measured = {name: measure_populations(state, name, told) for name in POPULATIONS}
    with servers_of(state, ORGANISATIONS, TRAVELLERS_EACH) as servers:
        servers.start_switch(loads.SETTINGS)
        measured["connections"] = measure_connections(servers, told)
        measured["rows"] = measure_rows(servers, told)
        servers.vaxel("audit")
    return measured
