# SPDX-License-Identifier: Apache-2.0
"""Drives the switch with `vaxel load`, and takes the CPU time of every part while it is measured."""

import dataclasses
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

from servers import PROGRAMS, Trouble

# Nothing may refuse the load's few travellers, who buy all day.
SETTINGS = ["operator.traveller_cap=99999999999.99"]
CREDIT_LIMIT = "9999999999.99"
ORGANISATION_LIMIT = "99999999999.99"


@dataclasses.dataclass(frozen=True)
class Options:
    connections: int
    seconds: float
    warm_up_s: float
    rate: float = 0  # 0: closed loop
    is_hot: bool = False
    in_flight: int = 1  # of one connection; a validator has one purchase under way
    timeout_ms: int = 0  # the deadline that each gives; 0: the server's setting
    answers_path: str = ""  # a file for what each purchase was told

    def replace(self, **changes):
        return dataclasses.replace(self, **changes)

    def arguments(self, servers):
        words = ["load", "--json", "--connections", self.connections, "--seconds", self.seconds]
        words += ["--warm-up", self.warm_up_s, "--organisations", servers.organisations]
        words += ["--travellers", servers.travellers, "--amount", "130.00", "--place", "line 45, bus 4711"]
        words += ["--seed", time.time_ns() % 2**31]
        words += ["--rate", f"{self.rate:.0f}"] if self.rate else []
        words += ["--hot"] if self.is_hot else []
        words += ["--in-flight", self.in_flight] if self.in_flight > 1 else []
        words += ["--timeout", f"{self.timeout_ms}ms"] if self.timeout_ms else []
        words += ["--answers", self.answers_path] if self.answers_path else []
        return [str(word) for word in words]


@dataclasses.dataclass
class Run:
    approved: int
    figures: dict
    curve: list
    cpu_us: dict


class Glances:
    """Answers so far and CPU time so far, at each line of progress."""

    def __init__(self, servers):
        self.servers = servers
        self.seen = []

    def look(self, line):
        found = re.search(r"(\d+) answers", line)
        if found and int(found.group(1)) > 0:
            self.seen.append((int(found.group(1)), self.servers.cpu_s()))

    def cpu_us(self):
        """CPU time of each server for one purchase, between the first glance and the last one at full speed."""
        seen = self.seen[:]
        while len(seen) > 2 and seen[-1][0] - seen[-2][0] < (seen[-2][0] - seen[-3][0]) / 2:
            seen.pop()
        if len(seen) < 2 or seen[-1][0] == seen[0][0]:
            return {}
        answers = seen[-1][0] - seen[0][0]
        return {name: (seen[-1][1][name] - seen[0][1][name]) * 1e6 / answers for name in seen[0][1]}


def drive(servers, options, companion=None):
    """One run of `vaxel load`, whatever was answered: what it told, and the glances at it. A companion is started when the
    warm-up is over, and the run ends with it."""
    glances = Glances(servers)
    return json.loads(_drive(servers, options, glances, companion)), glances


def run(servers, options, companion=None):
    """One run of `vaxel load`, every purchase of which was approved."""
    result, glances = drive(servers, options, companion)
    told = result["decisions"]
    faultless = result["faults"] + result["unanswered_in_all"] + result["connections_lost"] == 0
    if not faultless or result["approved_in_all"] != result["sent_in_all"] or told["APPROVED"] != result["answered"]:
        raise Trouble(f"not every purchase was approved: {json.dumps(result)}")
    figures = {name: result[name] for name in ("rate", "p50_ms", "p99_ms", "p999_ms")}
    curve = [(0.5, result["p50_ms"]), (0.9, result["p90_ms"]), (0.99, result["p99_ms"]), (0.999, result["p999_ms"])]
    cpu_us = {**glances.cpu_us(), "load": result["cpu_us"]}
    return Run(result["approved_in_all"], figures, curve, cpu_us)


def _drive(servers, options, glances, companion):
    """Runs the program with a terminal for its progress, and returns what it printed."""
    arguments = [os.path.join(PROGRAMS, "vaxel"), "--config", servers.settings_path, *options.arguments(servers)]
    ours, theirs = pty.openpty()
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": theirs}
    child = subprocess.Popen(arguments, text=True, env=servers.environment(), **streams)
    os.close(theirs)
    try:
        if companion:
            _accompany(ours, glances, child, companion, options)
        said = _watch(ours, glances, time.monotonic() + options.warm_up_s + options.seconds + 60)
        output = child.stdout.read()
        status = child.wait(10)
    except subprocess.TimeoutExpired:
        raise Trouble("vaxel load does not end") from None
    finally:
        os.close(ours)
        if child.poll() is None:
            child.kill()
            child.wait()
    if status != 0:
        raise Trouble(f"vaxel load ended with {status}: {said} {output}")
    return output


def _accompany(terminal, glances, child, companion, options):
    """Reads the progress until the companion is over, and tells the program to end then."""
    starts_at, until = None, time.monotonic() + options.seconds
    while child.poll() is None and time.monotonic() < until:
        if select.select([terminal], [], [], 0.02)[0]:
            glances.look(os.read(terminal, 4096).decode(errors="replace"))
        if starts_at is None and glances.seen:
            starts_at = time.monotonic() + options.warm_up_s
        elif starts_at is not None and companion.child is None and time.monotonic() >= starts_at:
            companion.start()
        elif companion.child is not None and companion.is_over():
            child.send_signal(signal.SIGINT)
            return
    said = _watch(terminal, glances, time.monotonic() + 10)
    raise Trouble(f"the load ended before what went on beside it: {said}")


def _watch(terminal, glances, until):
    """Reads the progress until the program has ended; returns the last of it."""
    said = ""
    while select.select([terminal], [], [], max(0, until - time.monotonic()))[0]:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # how a terminal says that nobody has it open any more
            return said
        said = (said + part.decode(errors="replace"))[-2000:]
        glances.look(part.decode(errors="replace"))
    raise Trouble("vaxel load took much longer than it should have")
