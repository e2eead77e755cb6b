# SPDX-License-Identifier: Apache-2.0
"""The same job as one plpgsql function (plpgsql.sql), driven by pgbench in the same PostgreSQL."""

import contextlib
import os

import pgbench
from servers import Trouble

NAME = "plpgsql function, pgbench"
HERE = os.path.dirname(os.path.abspath(__file__))

COUNTED = "SELECT string_agg(spent::text, ' ') FROM (SELECT sum(spent_minor) AS spent FROM peer.counter GROUP BY kind) AS kinds"
RECORDED = "SELECT sum(amount_minor) FROM peer.purchase"


class Peer:
    def __init__(self, servers):
        self.servers = servers
        self.travellers = servers.organisations * servers.travellers
        path = os.path.join(HERE, "plpgsql.sql")
        servers.sql_file(path, travellers=self.travellers, organisations=servers.organisations)

    def measure(self, is_hot, duration_s):
        before = self._rows()
        script = os.path.join(HERE, "plpgsql_hot.sql" if is_hot else "plpgsql_spread.sql")
        settings = ("-D", f"travellers={self.travellers}", "-D", f"organisations={self.servers.organisations}")
        answers, rate = pgbench.drive(self.servers, duration_s, *settings, "-f", script)
        self._verify(self._rows() - before, answers)
        return rate

    def _rows(self):
        return int(self.servers.sql("SELECT count(*) FROM peer.purchase"))

    def _verify(self, rows, answers):
        counted, _, recorded = self.servers.sql(f"SELECT ({COUNTED}), ({RECORDED})").partition("|")
        if rows != answers or counted.split() != [recorded] * 3:
            raise Trouble(f"{NAME}: {answers} answers and {rows} rows; counters {counted}, purchases {recorded}")


@contextlib.contextmanager
def set_up(servers):
    yield Peer(servers)  # what it made is in the benchmark's own database
