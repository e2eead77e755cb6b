# SPDX-License-Identifier: Apache-2.0
"""pgbench's builtin tpcb-like transaction in the same PostgreSQL: an account, a teller and a branch get an amount each, and the
history a row. Five statements, sent one at a time."""

import contextlib

import pgbench
from servers import Trouble

NAME = "TPC-B-like, pgbench"
# Of branches, whose rows are what transactions wait for: one for all, or as many as clients, as pgbench's manual wants.
SCALES = {True: 1, False: pgbench.CLIENTS}

SUMS = """
SELECT (SELECT count(*) FROM {schema}.pgbench_history), (SELECT coalesce(sum(delta), 0) FROM {schema}.pgbench_history),
    (SELECT sum(abalance) FROM {schema}.pgbench_accounts), (SELECT sum(tbalance) FROM {schema}.pgbench_tellers),
    (SELECT sum(bbalance) FROM {schema}.pgbench_branches)
"""


class Peer:
    def __init__(self, servers):
        self.servers = servers
        self.schemas = {is_hot: f"tpcb_{scale}" for is_hot, scale in SCALES.items()}
        self.answers = dict.fromkeys(SCALES, 0)
        for is_hot, scale in SCALES.items():
            servers.sql(f"CREATE SCHEMA {self.schemas[is_hot]}")
            pgbench.initialise(servers, scale, self.schemas[is_hot])

    def measure(self, is_hot, duration_s):
        schema = self.schemas[is_hot]
        answers, rate = pgbench.drive(self.servers, duration_s, "-b", "tpcb-like", search_path=schema)
        self.answers[is_hot] += answers
        self._verify(self.answers[is_hot], self.servers.sql(SUMS.format(schema=schema)))
        return rate

    def _verify(self, answers, sums):
        rows, *balances = sums.split("|")
        if int(rows) != answers or len(set(balances)) != 1:
            raise Trouble(f"{NAME}: {answers} answers and {rows} rows; history, accounts, tellers, branches: {balances}")


@contextlib.contextmanager
def set_up(servers):
    yield Peer(servers)  # what it made is in the benchmark's own database
