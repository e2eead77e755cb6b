# SPDX-License-Identifier: Apache-2.0
"""What a node keeps in memory: at rest, with a thousand connections, and for each of many TLS connections. All of them buy
something before they are counted, so that what a connection only needs then is there."""

import resource
import time

import loads

FEW = 1000  # connections of a node in use
SETTLE_S = 1
EACH_BUYS_WITHIN_S = 4
OTHER_FILES = 200  # that the load, or the switch, has open beside its connections


def resident_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        line = next(line for line in file if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


class Look:
    """Beside a run of `vaxel load`, until every connection has had its turn; then one look at the switch."""

    def __init__(self, servers):
        self.servers = servers
        self.child = None
        self.over_at = 0
        self.resident_bytes = 0

    def start(self):
        self.child = self
        self.over_at = time.monotonic() + EACH_BUYS_WITHIN_S + SETTLE_S

    def is_over(self):
        if time.monotonic() < self.over_at:
            return False
        self.resident_bytes = resident_bytes(self.servers.switch_pid)
        return True


def possible_connections(wanted):
    """Each is an open file of the switch and one of the load."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if files == resource.RLIM_INFINITY else min(wanted, files - OTHER_FILES)


def _with_connections(servers, connections):
    """The switch's memory while so many are there, and how many purchases were approved."""
    look = Look(servers)
    options = loads.Options(connections, 60, 0.5, rate=connections / EACH_BUYS_WITHIN_S)
    return look, loads.run(servers, options, look).approved


def run(servers, many):
    """Of a switch that has just started: how many purchases were approved, and the figures."""
    time.sleep(SETTLE_S)
    at_rest = resident_bytes(servers.switch_pid)
    with_few, approved = _with_connections(servers, FEW)
    many = possible_connections(many)
    with_many, approved_by_many = _with_connections(servers, many)
    figures = {
        "node_mib": at_rest / 2**20,
        f"node_with_{FEW}_mib": with_few.resident_bytes / 2**20,
        "credentials": int(servers.sql("SELECT count(*) FROM credit")),
        "connections": many,
        "bytes_a_connection": (with_many.resident_bytes - at_rest) / many,
    }
    return approved + approved_by_many, figures
