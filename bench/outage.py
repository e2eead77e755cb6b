# SPDX-License-Identifier: Apache-2.0
"""The outage (DESIGN 7): PostgreSQL is frozen for a while under load. Purchases go on, by the journal; when it is back, all
of them are in its tables some seconds later."""

import os
import signal
import threading
import time

import accounting
import loads
from servers import Trouble

RATE = 3000  # a second: ten times two nations' busiest hour
DRAIN_PATIENCE_S = 120
# What is vouched for must not be what ends it.
SETTINGS = ["stand_in.amount=99999999999.99", "stand_in.size=1 GiB"]


class Freeze:
    """Freezes PostgreSQL beside a run of `vaxel load`, and thaws it when the time is over."""

    def __init__(self, servers, seconds):
        self.servers = servers
        self.seconds = seconds
        self.child = None
        self.thawed_at = None
        self.is_ended = threading.Event()

    def _signal(self, number):
        for pid in accounting.family(self.servers.postgres_pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass  # it has just ended

    def _freeze(self):
        self._signal(signal.SIGSTOP)
        try:
            self.is_ended.wait(self.seconds)
        finally:
            self._signal(signal.SIGCONT)
            self.thawed_at = time.monotonic()

    def start(self):
        self.child = threading.Thread(target=self._freeze)
        self.child.start()

    def is_over(self):
        return not self.child.is_alive()

    def stop(self):
        if self.child:
            self.is_ended.set()
            self.child.join()


def run(servers, options, seconds):
    """Freezes PostgreSQL for so long while `options` are driven; the load's run, and the outage's figures."""
    rows_before = int(servers.sql("SELECT count(*) FROM entry"))
    freeze = Freeze(servers, seconds)
    try:
        online = loads.run(servers, options.replace(seconds=seconds + 60), freeze)
    finally:
        freeze.stop()
    until = time.monotonic() + DRAIN_PATIENCE_S
    while int(servers.sql("SELECT count(*) FROM entry")) < rows_before + online.approved:
        if time.monotonic() > until:
            raise Trouble("what was approved in the outage is not all recorded")
        time.sleep(0.1)
    figures = {
        "frozen_s": seconds,
        "rate": online.figures["rate"],
        "p50_ms": online.figures["p50_ms"],
        "p99_ms": online.figures["p99_ms"],
        "p999_ms": online.figures["p999_ms"],
        "drained_s": time.monotonic() - freeze.thawed_at,
    }
    return online, figures
