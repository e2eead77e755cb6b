# SPDX-License-Identifier: Apache-2.0
"""The peer: the same job as one plpgsql function (peer.sql), driven by pgbench in the same PostgreSQL."""

import os
import re

from servers import HERE, Trouble, run

NAME = "plpgsql function, pgbench"
CLIENTS = 16
AMOUNT_MINOR = 13000


class Peer:
    def __init__(self, servers):
        self.servers = servers
        self.travellers = servers.organisations * servers.travellers
        servers.sql_file(os.path.join(HERE, "peer.sql"), travellers=self.travellers, organisations=servers.organisations)

    def measure(self, is_hot, duration_s):
        """Purchases a second; verified."""
        before = self._rows()
        script = os.path.join(HERE, "peer_hot.sql" if is_hot else "peer_spread.sql")
        options = {**os.environ, "PGHOST": self.servers.postgres_host, "PGUSER": "postgres"}
        output = run(
            ["pgbench", "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(duration_s)]
            + ["-D", f"travellers={self.travellers}", "-D", f"organisations={self.servers.organisations}"]
            + ["-f", script, "vaxel"],
            duration_s + 30,
            env=options,
        )
        self._verify(self._rows() - before, _number(output, r"actually processed: (\d+)"))
        return _number(output, r"tps = ([0-9.]+)")

    def _rows(self):
        return int(self.servers.sql("SELECT count(*) FROM peer.purchase"))

    def _verify(self, rows, answers):
        sums = self.servers.sql(
            "SELECT (SELECT string_agg(s::text, ' ') FROM (SELECT sum(spent_minor) s FROM peer.counter GROUP BY kind) x),"
            " (SELECT sum(amount_minor) FROM peer.purchase)"
        )
        counted, _, recorded = sums.partition("|")
        if rows != answers or counted.split() != [recorded] * 3:
            raise Trouble(f"the peer answered {answers} and recorded {rows}; counters {counted}, purchases {recorded}")


def _number(output, pattern):
    found = re.search(pattern, output)
    if found is None:
        raise Trouble(f"pgbench said: {output}")
    return float(found.group(1))
