# SPDX-License-Identifier: Apache-2.0
"""Purchases over gRPC: an app's backend, with some connections and many calls under way on each."""

import configparser
import json
import os

import loads
from servers import PATIENCE_S, PROGRAMS, Trouble, run

CONNECTIONS = 10
CALLS = 100  # under way on each


def _files(servers):
    settings = configparser.ConfigParser(interpolation=None, strict=False)
    settings.read(servers.settings_path)
    client = settings["client"]
    return [client["connect"], client["authority"], client["certificate"], client["key"]]


def drive(servers, seconds, warm_up_s, connections=CONNECTIONS, calls=CALLS):
    """Closed loop. Approved in all, and the figures; every purchase was approved."""
    words = [os.path.join(PROGRAMS, "grpc_bench"), *_files(servers), connections, calls, seconds]
    words += [int(warm_up_s * 1000), servers.organisations, servers.travellers]
    before = servers.cpu_s()
    told = json.loads(run([str(word) for word in words], PATIENCE_S + seconds))
    after = servers.cpu_s()
    if told["others"] or told["unanswered"]:
        raise Trouble(f"over gRPC not every purchase was approved: {json.dumps(told)}")
    figures = {name: told[name] for name in ("rate", "p50_ms", "p99_ms", "p999_ms")}
    figures["switch_us"] = (after["switch"] - before["switch"]) * 1e6 / told["approved_in_all"]
    return told["approved_in_all"], figures


def frames(servers, seconds, warm_up_s, connections=CONNECTIONS, calls=CALLS):
    """The same purchases in frames, to compare."""
    options = loads.Options(connections, seconds, warm_up_s, in_flight=calls)
    return loads.run(servers, options)
