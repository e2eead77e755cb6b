# SPDX-License-Identifier: Apache-2.0
"""What a lone request is measured by: a Redis round trip, and one commit in PostgreSQL, each by one client alone."""

import glob
import os
import socket
import statistics
import time

from servers import HERE, run


def redis_rtt_ms(path, tries=3000):
    times = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as redis:
        redis.connect(path)
        for _ in range(tries):
            started = time.perf_counter_ns()
            redis.sendall(b"*1\r\n$4\r\nPING\r\n")
            redis.recv(64)
            times.append(time.perf_counter_ns() - started)
    return statistics.median(times) / 1e6


def commit_ms(servers, duration_s=1):
    """The median time of an INSERT of one row with its commit, as pgbench's log has it."""
    servers.sql("CREATE SCHEMA IF NOT EXISTS lone")
    servers.sql("CREATE TABLE IF NOT EXISTS lone.purchase (id bigint NOT NULL, amount_minor bigint NOT NULL)")
    prefix = os.path.join(servers.state, "lone")
    options = {**os.environ, "PGHOST": servers.postgres_host, "PGUSER": "postgres"}
    script = os.path.join(HERE, "lone.sql")
    arguments = ["pgbench", "-n", "-M", "prepared", "-c", "1", "-T", str(duration_s), "-l", "--log-prefix", prefix]
    run([*arguments, "-f", script, "vaxel"], duration_s + 30, env=options)
    times = []
    for log in glob.glob(prefix + ".*"):
        with open(log, encoding="ascii") as file:
            times += [int(line.split()[2]) for line in file]
        os.unlink(log)
    return statistics.median(times) / 1e3
