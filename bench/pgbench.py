# SPDX-License-Identifier: Apache-2.0
"""pgbench, which comes with PostgreSQL, against the benchmark's own server."""

import os
import re
import subprocess

from servers import Trouble, run

CLIENTS = 16


def initialise(servers, scale, search_path):
    """Its own tables in a schema, with their rows."""
    _pgbench(servers, search_path, 120, "-q", "-i", "-I", "dtGvp", "-s", str(scale))


def drive(servers, duration_s, *arguments, search_path="public"):
    """Transactions in all, and a second; none failed."""
    words = ["-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(duration_s), *arguments]
    output = _pgbench(servers, search_path, duration_s + 30, *words)
    failed = _number(output, r"number of failed transactions: (\d+)")
    if failed:
        raise Trouble(f"pgbench said: {output}")
    return int(_number(output, r"actually processed: (\d+)")), _number(output, r"tps = ([0-9.]+)")


def _pgbench(servers, search_path, patience_s, *arguments):
    options = f"-c search_path={search_path} -c client_min_messages=warning"
    environment = {**os.environ, "PGHOST": servers.postgres_host, "PGUSER": "postgres", "PGOPTIONS": options}
    # What it says on the way is told when it fails.
    return run(["pgbench", *arguments, "vaxel"], patience_s, env=environment, stderr=subprocess.STDOUT)


def _number(output, pattern):
    found = re.search(pattern, output)
    if found is None:
        raise Trouble(f"pgbench said: {output}")
    return float(found.group(1))
