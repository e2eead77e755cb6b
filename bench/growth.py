# SPDX-License-Identifier: Apache-2.0
"""Growth: rate and CPU time of a purchase against one thing at a time that grows, the others as at saturation: organisations
(of a constant number of travellers), travellers, connections, and rows recorded this month."""

import shutil
import time

import history
import loads
from servers import Servers, Trouble

ORGANISATIONS, TRAVELLERS_EACH, CONNECTIONS = 200, 500, 1000
SECONDS, WARM_UP_S = 5, 1
# 10 000 purchases at once wait longer for their turn than the usual deadline.
TIMEOUT_MS = 5000

TRAVELLERS = ORGANISATIONS * TRAVELLERS_EACH
ORGANISATION_STEPS = (1, 100, 10_000)
TRAVELLER_STEPS = (1000, 10_000, 100_000, 1_000_000, 10_000_000)
CONNECTION_STEPS = (1, 10, 100, 1000, 10_000)
ROW_STEPS = (1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000)
BYTES_A_ROW = 250  # of a table with its index, and what vacuum and the log need beside
FREE_BYTES = 8 << 30  # that are left to others


def populations(part):
    """For each step how many organisations, and of how many travellers each."""
    of_organisations = {at: (at, max(1, round(TRAVELLERS * part) // at)) for at in scaled(ORGANISATION_STEPS, part)}
    of_travellers = {}
    for at in scaled(TRAVELLER_STEPS, part):
        organisations = min(ORGANISATIONS, at)
        of_travellers[at] = (organisations, at // organisations)
    return {"organisations": of_organisations, "travellers": of_travellers}


def scaled(steps, part):
    """A part of each, to try it; each once."""
    return sorted({max(1, round(step * part)) for step in steps})


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


def measure_populations(state, name, steps, told, progress):
    points = []
    for at, population in steps.items():
        progress(f"  making {population[0]} organisations of {population[1]} travellers")
        with servers_of(state, *population) as servers:
            servers.start_switch(loads.SETTINGS)
            points.append(told(name, point(servers, at)))
            servers.vaxel("audit")
    return points


def measure_connections(servers, part, told):
    return [told("connections", point(servers, at, at)) for at in scaled(CONNECTION_STEPS, part)]


def measure_rows(servers, part, told, progress):
    """From what the connections left on."""
    points = []
    for wanted in scaled(ROW_STEPS, part):
        there = int(servers.sql("SELECT count(*) FROM entry"))
        more = max(0, wanted - there)
        free = shutil.disk_usage(servers.postgres_host).free
        if more * BYTES_A_ROW > free - FREE_BYTES:
            progress(f"  {wanted} rows are left out: {free >> 30} GiB are free")
            break
        began = time.monotonic()
        history.fill(servers, more, there, progress)
        progress(f"  {more} rows made in {time.monotonic() - began:.0f} s")
        history.empty_redis(servers)
        points.append(told("rows", point(servers, max(wanted, there))))
    return points


def run(state, part, progress):
    """For each thing that grows its points, with servers of their own; `part` of the sizes, 1 but when it is tried."""

    def told(name, figures):
        progress(f"  {figures['at']} {name}: {figures['rate']:.0f}/s, {sum(figures['cpu_us'].values()):.1f} us")
        return figures

    progress("Growth")
    steps = populations(part)
    measured = {name: measure_populations(state, name, steps[name], told, progress) for name in steps}
    with servers_of(state, ORGANISATIONS, TRAVELLERS_EACH) as servers:
        servers.start_switch(loads.SETTINGS)
        measured["connections"] = measure_connections(servers, part, told)
        measured["rows"] = measure_rows(servers, part, told, progress)
        servers.vaxel("audit")
    return measured
