# SPDX-License-Identifier: Apache-2.0
"""A month that is under way: rows in `entry`, made by one statement, and counters that the switch builds from them."""

import concurrent.futures
import time

import loads
from servers import PATIENCE_S, Trouble, run

AMOUNT_MINOR = 13000  # of a purchase, as of those that `vaxel load` makes

# In order of time, each organisation in turn, as they would have come: an organisation's rows lie far apart. Ids are of
# version 7. Epoch 0 is older than any that counters are built under. They are of an era, so that they are rolled up, and stamped
# with it as sql/0008_roll_up.sql wants it: under the lock of a stripe, which a roll-up waits for.
FILL = """
BEGIN;
SELECT pg_advisory_xact_lock_shared(30333, 0);
INSERT INTO entry (id, amount_minor, recorded_at, month, organisation, epoch, traveller, credit, department, client, kind,
    product, place, era)
SELECT (lpad(to_hex(ms), 12, '0') || '7' || left(noise, 3) || '8' || substr(noise, 4, 15))::uuid, {amount},
    to_timestamp(ms / 1000.0), {month}, 1000 + i % {organisations}, 0, buyer, buyer, 0, 1, 1, 'single', 'line 45, bus 4711',
    (SELECT number FROM era)
FROM (SELECT i, md5(i::text) AS noise,
        1000 + i % {organisations} * {travellers} + i / {organisations} % {travellers} AS buyer,
        {begun} + ({ended} - {begun}) * (i - {first}) / {count} AS ms
    FROM generate_series({start}::bigint, {stop}::bigint - 1) AS i) AS made;
COMMIT
"""
AT_ONCE = 250_000
AT_A_TIME = 2
TOLD_EACH = 10_000_000
WARM_RUNS = 20
ROLL_UP_ROWS = 1_000_000  # postgres.roll_up

# The month where the operator is, and when it began, as settings that nobody changes here have it.
MONTH = """
SELECT to_char(here, 'YYYYMM'), floor(extract(epoch FROM date_trunc('month', here) AT TIME ZONE 'Europe/Stockholm') * 1000),
    floor(extract(epoch FROM now()) * 1000)
FROM (SELECT now() AT TIME ZONE 'Europe/Stockholm' AS here) AS clock
"""


def fill(servers, count, first=0, progress=None):
    """`count` rows of this month until now, from number `first` on. The counters that there are know nothing of them."""
    month, begun, ended = servers.sql(MONTH).split("|")
    names = {"month": month, "begun": begun, "ended": ended, "first": first, "count": count, "amount": AMOUNT_MINOR}
    names.update(organisations=servers.organisations, travellers=servers.travellers)
    servers.sql(f"SELECT make_partitions({month})")

    def make(start):
        if progress and (start - first) % TOLD_EACH == 0:
            progress(f"  making rows: {start - first} of {count}")
        servers.sql(FILL.format(start=start, stop=min(start + AT_ONCE, first + count), **names))

    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as makers:
        for _ in makers.map(make, range(first, first + count, AT_ONCE)):
            pass  # but an exception would be raised
    servers.sql(f"VACUUM (ANALYZE) entry_{month}")
    servers.sql("CHECKPOINT")


def empty_redis(servers):
    run(["redis-cli", "-s", servers.redis_socket, "FLUSHALL"], 60)


def usage_minor(servers):
    return int(servers.sql("SELECT coalesce(sum(amount_minor), 0) FROM entry"))


def verify_usage(servers, before_minor, result, name):
    """What `vaxel load` was told approved is on record, and nothing else, once what was told DEADLINE is taken back. A few of
    those may stand (docs/guarantees.md, DEADLINE twice)."""
    approved, expired = result["approved_in_all"], result["sent_in_all"] - result["approved_in_all"]
    counted = _settled_usage_minor(servers) if expired else usage_minor(servers)
    recorded = (counted - before_minor) / AMOUNT_MINOR
    if not approved <= recorded <= approved + expired:
        raise Trouble(f"{name}: {approved} purchases were approved, and {recorded:g} are on record")


def _settled_usage_minor(servers):
    before, counted = None, usage_minor(servers)
    while counted != before:
        time.sleep(1)
        before, counted = counted, usage_minor(servers)
    return counted


def _await_roll_up(servers):
    """What is on record is rolled up by the switch as soon as it is started, and in a month that has been under way it was long ago."""
    tails = f"pg_relation_size(to_regclass('entry_' || month)) - rolled_bytes >= {ROLL_UP_ROWS} * 128"
    give_up_at = time.monotonic() + PATIENCE_S
    while servers.sql(f"SELECT count(*) FROM recorded_month WHERE {tails}") != "0":
        if time.monotonic() > give_up_at:
            raise Trouble("the rows are not rolled up")
        time.sleep(1)


def warm(servers, options):
    """Waits until the rows are rolled up. Then buys until the counters of all who buy are there: of a run's first purchases some
    come too early for them."""
    _await_roll_up(servers)
    for _ in range(WARM_RUNS):
        before_minor = usage_minor(servers)
        result, _ = loads.drive(servers, options)
        verify_usage(servers, before_minor, result, "warming")
        if result["approved_in_all"] == result["sent_in_all"]:
            return
    raise Trouble("the counters do not get warm")
