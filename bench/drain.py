# SPDX-License-Identifier: Apache-2.0
"""The drain (DOMAIN F6): what devices approved by themselves during an outage comes all at once, and is recorded, while
online purchases go on at half of what the switch can take."""

import json
import os
import random
import subprocess
import time

import loads
from servers import PROGRAMS, Trouble

OUTAGE_MS = 30 * 60 * 1000
PATIENCE_S = 600


def _uuid7(ms):
    number = ms << 80 | 7 << 76 | random.getrandbits(12) << 64 | 2 << 62 | random.getrandbits(62)
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def write_reports(servers, path, count):
    """Purchases of the last half hour, in the order they were made, as `vaxel advise` reads them."""
    generated = servers.organisations * servers.travellers  # their numbers are the lowest
    cards = servers.sql(f"SELECT card FROM credit WHERE card IS NOT NULL ORDER BY card LIMIT {generated}").split()
    now_ms = time.time_ns() // 1_000_000
    times = sorted(now_ms - random.randrange(1000, OUTAGE_MS) for _ in range(count))
    with open(path, "w", encoding="ascii") as file:
        for ms in times:
            file.write(f"{_uuid7(ms)}\t{random.choice(cards):0>16}\t45.00\tsingle\tline 45, bus 4711\n")


class Drain:
    """`vaxel advise`, beside a run of `vaxel load`."""

    def __init__(self, servers, path):
        self.arguments = [os.path.join(PROGRAMS, "vaxel"), "--config", servers.settings_path, "advise", "--json", path]
        self.told = path + ".told"
        self.child = None

    def start(self):
        with open(self.told, "w", encoding="utf-8") as file:
            self.child = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=file)

    def is_over(self):
        return self.child.poll() is not None

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def result(self, count):
        with open(self.told, encoding="utf-8") as file:
            text = file.read()
        told = json.loads(text) if text else {}
        if self.child.returncode != 0 or told.get("recorded") != count or told.get("repeats") != 0:
            raise Trouble(f"not every report was recorded: {text[:2000]}")
        return told


def run(servers, options, count):
    """Drains `count` reports while `options` are driven; the load's run, and the drain's figures."""
    path = os.path.join(servers.state, "reports")
    write_reports(servers, path, count)
    drain = Drain(servers, path)
    try:
        online = loads.run(servers, options.replace(seconds=PATIENCE_S), drain)
        told = drain.result(count)
    finally:
        drain.stop()
    figures = {
        "rate": count / (told["took_us"] / 1e6),
        "rate_online": online.figures["rate"],
        "p50_ms": online.figures["p50_ms"],
        "p99_ms": online.figures["p99_ms"],
    }
    return online, figures
