# SPDX-License-Identifier: Apache-2.0
"""Overload: open loop at twice what was just measured to be possible. What is approved, how many are told BUSY, and
whether any answer came after the deadline that its purchase had given."""

import json
import time

import loads
from servers import Trouble

DEADLINE_MS = 400  # as a server's setting has it, where a client gives none
IN_FLIGHT = 64  # of one connection: enough for every purchase to leave when it is due
SETTLE_S = 0.5
PATIENCE_S = 60

STANDING = "SELECT count(*) FILTER (WHERE kind = 1) - count(*) FILTER (WHERE kind = 6 AND amount_minor < 0) FROM entry"


def _check(told):
    """Every request was answered, with one of the three words that are allowed."""
    reasons = told["reasons"]
    strange = set(reasons) - {"APPROVED", "BUSY", "DEADLINE"}
    lost = told["faults"] + told["unanswered_in_all"] + told["connections_lost"]
    is_whole = told["answered"] == told["sent_in_all"] and told["approved_in_all"] == reasons.get("APPROVED", 0)
    if strange or lost or not is_whole:
        raise Trouble(f"in overload not every purchase was approved, refused as BUSY or out of time: {json.dumps(told)}")


def _settled_rows(servers, least):
    """How many rows there are when no more come: what was told DEADLINE is taken back a moment later, and what a journal
    vouched for is recorded then."""
    before, until = -1, time.monotonic() + PATIENCE_S
    while (rows := int(servers.sql("SELECT count(*) FROM entry"))) != before or rows < least:
        if time.monotonic() > until:
            raise Trouble(f"overload: of {least} rows there are {rows}, and they do not settle")
        before = rows
        time.sleep(SETTLE_S)
    return rows


def _verify(servers, told, standing_before):
    """Each approval stands, and what else stands was told DEADLINE; returns how many those are."""
    approved, out_of_time = told["approved_in_all"], told["reasons"].get("DEADLINE", 0)
    beside = int(servers.sql(STANDING)) - standing_before - approved
    if not 0 <= beside <= out_of_time:
        raise Trouble(f"overload: {approved} purchases were approved, {out_of_time} out of time, and {approved + beside} stand")
    return beside


def run(servers, options):
    """How many were approved, how many rows there are now, and the figures. No warm-up: what is told is of all that was
    sent."""
    standing_before = int(servers.sql(STANDING))
    options = options.replace(warm_up_s=0, in_flight=IN_FLIGHT, timeout_ms=DEADLINE_MS)
    told, _ = loads.drive(servers, options)
    _check(told)
    rows = _settled_rows(servers, standing_before + told["approved_in_all"])
    figures = {
        "offered": options.rate,
        "goodput": told["approved_in_time"] / told["seconds"],
        "late": told["late"],
        "refused": told["reasons"].get("BUSY", 0) / told["seconds"],
        "out_of_time": told["reasons"].get("DEADLINE", 0) / told["seconds"],
        "unsent": told["unsent"] / told["seconds"],
        "p99_ms": told["p99_ms"],
        "stood": _verify(servers, told, standing_before),
    }
    return told["approved_in_all"], rows, figures
