# SPDX-License-Identifier: Apache-2.0
"""The bound: what two servers that did nothing but our calls would carry on these cores. Redis alone and PostgreSQL alone are
fed by the switch's own rooms, with as much at once as the switch had in this run; the bound is the cores by the sum of their
CPU time for a purchase."""

import contextlib
import json
import math
import os
import re

from servers import PATIENCE_S, PROGRAMS, Trouble, run

DATABASE = "vaxel_bound"
TOGETHER_MAX = 1024  # limits_bench's capacity
ROWS_MAX = 1000  # postgres.batch


class Batches:
    """How many purchases of one organisation went to Redis together, and to PostgreSQL in one commit, since this was made."""

    def __init__(self, servers):
        self.servers = servers
        self.began = self._now()

    def _now(self):
        statistics = run(["redis-cli", "-s", self.servers.redis_socket, "INFO", "commandstats"], 10)
        # What is decided together of one organisation is written by two commands, as vaxel.lua does it: what the ids did, and
        # the counters. A call may decide for several organisations.
        writes = sum(int(calls) for calls in re.findall(r"cmdstat_(?:hset|hsetnx):calls=(\d+)", statistics))
        # Every commit that writes takes one transaction id; what only reads takes none.
        commits = int(self.servers.sql("SELECT pg_snapshot_xmax(pg_current_snapshot())"))
        return writes / 2, commits

    def figures(self, purchases):
        groups, commits = (now - then for now, then in zip(self._now(), self.began))
        return {"purchases_a_group": purchases / max(1, groups), "rows_a_commit": purchases / max(1, commits)}


def together(group, organisations):
    """How many purchases of random travellers make groups of so many, of one organisation each."""
    if organisations == 1:
        return min(TOGETHER_MAX, max(1, round(group)))

    def group_of(count):
        return count / (organisations * (1 - (1 - 1 / organisations) ** count))

    return next((count for count in range(1, TOGETHER_MAX) if group_of(count) >= group * (1 - 1e-9)), TOGETHER_MAX)


def _bench(name, *arguments):
    return json.loads(run([os.path.join(PROGRAMS, name), *[str(word) for word in arguments]], PATIENCE_S))


@contextlib.contextmanager
def beside(servers):
    """Another Redis, and another database: nothing of this is among what the switch has counted and recorded."""
    socket = servers.start_beside()
    servers.sql(f"CREATE DATABASE {DATABASE}")
    conninfo = f"host={servers.postgres_host} user=postgres dbname={DATABASE}"
    try:
        servers.vaxel("--set", f"postgres.conninfo={conninfo}", "migrate")
        yield socket, conninfo
    finally:
        servers.sql(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        servers.stop_beside()


def measure(place, batches, organisations, rate, plan):
    """`place` is what beside() gave; `rate` is what the switch did."""
    socket, conninfo = place
    count = together(batches["purchases_a_group"], organisations)
    rows = min(ROWS_MAX, max(1, math.ceil(batches["rows_a_commit"])))
    redis_us = _bench("limits_bench", socket, plan["bound_purchases"], count, organisations)["redis_us"]
    postgres_us = _bench("record_bench", conninfo, plan["bound_seconds"], rows, organisations)["postgres_us"]
    if redis_us <= 0 or postgres_us <= 0:
        raise Trouble("Redis or PostgreSQL alone took no time")
    bound = len(os.sched_getaffinity(0)) * 1e6 / (redis_us + postgres_us)
    return {"rate": bound, "ratio": rate / bound, "redis_us": redis_us, "postgres_us": postgres_us, **batches}
