-- SPDX-License-Identifier: Apache-2.0
-- Sums rolled up to a mark, so that a rebuild reads those and the rows behind the mark alone (DESIGN 6).
--
-- Which rows are behind the mark is told by their *era*. Every statement that puts a row into entry stamps it with the era
-- that it finds, under the shared lock of the organisation's stripe, which its transaction holds until it is committed. The
-- roller (1) raises the era, and commits; (2) looks who holds a shared lock of a stripe, and waits until all of those are
-- over; (3) adds the rows of the eras below to the sums, and moves the month's mark up to the era, in one transaction.
--
-- After (2) no row of a lower era can come: who stamps one has read the era before (1) was committed, and had its lock before it
-- read; so it stands among those that are waited for, or is over. Whoever takes the lock later reads the raised era. So the rows
-- below a mark are complete, are in the sums once, and those from the mark on are in none, whatever rollers run at once: a
-- month's row in recorded_month lets one of them through. A rebuild reads mark, sums and rows in one snapshot.
--
-- Sums are kept by epoch, for a rebuild must leave out what is recorded under its own (DESIGN 5).

CREATE TABLE era (
    number integer NOT NULL
);
CREATE UNIQUE INDEX one_era ON era ((true));
INSERT INTO era VALUES (1);

-- Rows that are there already are of era 0. One that is written without naming an era, by hand or by a node that does not know of
-- eras yet, is never rolled up: it is behind every mark, and so a rebuild reads it.
ALTER TABLE entry ADD COLUMN era integer NOT NULL DEFAULT 0;
ALTER TABLE entry ALTER COLUMN era SET DEFAULT 2147483647;

-- Rows of one era lie near each other.
CREATE INDEX entry_era ON entry USING brin (era) WITH (pages_per_range = 32);

CREATE TABLE rollup (
    month integer NOT NULL,
    organisation integer NOT NULL,
    epoch integer NOT NULL,
    department integer NOT NULL,
    traveller integer NOT NULL,
    credit integer NOT NULL,
    amount_minor bigint NOT NULL,
    entries bigint NOT NULL,
    PRIMARY KEY (month, organisation, epoch, department, traveller, credit)
) PARTITION BY LIST (month);

-- Of the month's rows those of an era below `mark` are rolled up; entry was so large then.
ALTER TABLE recorded_month ADD COLUMN mark integer NOT NULL DEFAULT 0;
ALTER TABLE recorded_month ADD COLUMN rolled_bytes bigint NOT NULL DEFAULT 0;

-- As in 0005, for one table more, whose rows are updated.
CREATE OR REPLACE FUNCTION make_partitions(wanted integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    whole text;
    part text;
BEGIN
    IF wanted % 100 NOT BETWEEN 1 AND 12 THEN
        RAISE EXCEPTION '% is not a month', wanted;
    END IF;
    FOREACH whole IN ARRAY ARRAY['entry', 'refusal', 'effect', 'rollup'] LOOP
        part := whole || '_' || wanted;
        CONTINUE WHEN to_regclass(quote_ident(part)) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(30333, -2);
        CONTINUE WHEN to_regclass(quote_ident(part)) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, whole);
        IF whole = 'rollup' THEN
            EXECUTE format('ALTER TABLE %I SET (fillfactor = 60)', part);
        END IF;
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES IN (%s)', whole, part, wanted);
    END LOOP;
    INSERT INTO recorded_month SELECT wanted WHERE NOT EXISTS (SELECT FROM recorded_month WHERE month = wanted)
    ON CONFLICT DO NOTHING;
END $$;

DO $$
BEGIN
    PERFORM make_partitions(month) FROM recorded_month;
END $$;

-- ---- stamping ----

-- As in 0005, with the era.
CREATE OR REPLACE FUNCTION entomb(tomb_month integer, tomb_organisation integer, tomb_id uuid, tomb_client integer)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entry (id, amount_minor, recorded_at, month, organisation, epoch, traveller, credit, department, client, kind,
        product, place, era)
    VALUES (tomb_id, 0, clock_timestamp(), tomb_month, tomb_organisation, fence_epoch(tomb_organisation, tomb_month), 0, 0, 0,
        tomb_client, 6, '', '', (SELECT number FROM era))
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

CREATE OR REPLACE FUNCTION add_entry(original entry, own_id uuid, own_month integer, own_kind smallint, own_client integer,
    usage_minor bigint, own_epoch integer, at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entry (id, amount_minor, recorded_at, month, organisation, epoch, traveller, credit, department, client, kind,
        product, place, era)
    VALUES (own_id, usage_minor, at, own_month, original.organisation, own_epoch, original.traveller, original.credit,
        original.department, own_client, own_kind, original.product, original.place, (SELECT number FROM era))
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

-- ---- rolling up ----

-- The months that may still grow much, and have, by the size of their rows, so many that are not rolled up. A few new rows of an
-- older month stay behind its mark.
CREATE FUNCTION months_to_roll_up(new_rows bigint) RETURNS integer[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(month ORDER BY month), '{}') FROM (
        SELECT month FROM recorded_month
        WHERE month BETWEEN to_char(now() AT TIME ZONE 'UTC' - interval '1 month 1 day', 'YYYYMM')::integer AND last_month()
            AND pg_relation_size(to_regclass('entry_' || month)) - rolled_bytes >= new_rows * 128
        FOR UPDATE SKIP LOCKED) due
$$;

CREATE FUNCTION raise_era() RETURNS integer LANGUAGE sql AS $$
    UPDATE era SET number = number + 1 RETURNING number
$$;

-- The transactions that may have read the era that there was: those with a shared lock of a stripe (LOCK_CLASS and LOCK_STRIPES
-- of src/record/statements.h).
CREATE FUNCTION era_stampers() RETURNS text[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(DISTINCT virtualtransaction), '{}') FROM pg_locks
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid = 30333 AND objsubid = 2 AND objid::bigint < 64 AND granted AND mode = 'ShareLock'
$$;

-- Adds a month's rows of eras below `upto`, of which no more may come. False: another does, or there is nothing to add.
CREATE FUNCTION roll_up_month(of_month integer, upto integer) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    part constant text := 'entry_' || of_month;
    bytes constant bigint := pg_relation_size(to_regclass(part));
    begun integer;
BEGIN
    SELECT mark INTO begun FROM recorded_month WHERE month = of_month FOR UPDATE SKIP LOCKED;
    IF NOT FOUND OR begun >= upto OR bytes IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('INSERT INTO rollup AS r SELECT %s, organisation, epoch, department, traveller, credit, '
        'sum(amount_minor)::bigint, count(*) FROM %I WHERE era >= %s AND era < %s GROUP BY 2, 3, 4, 5, 6 '
        'ON CONFLICT (month, organisation, epoch, department, traveller, credit) DO UPDATE '
        'SET amount_minor = r.amount_minor + excluded.amount_minor, entries = r.entries + excluded.entries',
        of_month, part, begun, upto);
    UPDATE recorded_month SET mark = upto, rolled_bytes = bytes WHERE month = of_month;
    RETURN true;
END $$;

-- The index learns of the pages that are new: those it does not know are read by everyone who looks for the tail. Who is at
-- the table already, as a vacuum, does the same.
CREATE FUNCTION know_eras(of_month integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL lock_timeout = '50ms';
    PERFORM brin_summarize_new_values(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        JOIN pg_am a ON a.oid = c.relam AND a.amname = 'brin'
    WHERE i.indrelid = to_regclass('entry_' || of_month);
EXCEPTION WHEN lock_not_available THEN
    NULL;
END $$;

-- Rolls up the months in which at least so many rows are new. It waits for nobody for longer than some seconds, and nobody waits
-- for it.
CREATE PROCEDURE roll_up(new_rows bigint) LANGUAGE plpgsql AS $$
DECLARE
    months constant integer[] := months_to_roll_up(new_rows);
    give_up_at timestamptz;
    stampers text[];
    upto integer;
    due integer;
BEGIN
    IF months = '{}' THEN
        RETURN;
    END IF;
    upto := raise_era();
    COMMIT;
    stampers := era_stampers();
    give_up_at := clock_timestamp() + interval '5 s';
    WHILE stampers && era_stampers() LOOP
        IF clock_timestamp() > give_up_at THEN
            RETURN;
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    FOREACH due IN ARRAY months LOOP
        PERFORM roll_up_month(due, upto);
        COMMIT;
        PERFORM know_eras(due);
        COMMIT;
    END LOOP;
END $$;

-- An organisation's sums anew, from the rows themselves: for a rebuild that the audit asked for. Not while they are being added to.
CREATE FUNCTION mend_rollup(of_month integer, organisations integer[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    upto integer;
BEGIN
    SELECT mark INTO upto FROM recorded_month WHERE month = of_month FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    DELETE FROM rollup WHERE month = of_month AND organisation = ANY (organisations);
    INSERT INTO rollup SELECT month, organisation, epoch, department, traveller, credit, sum(amount_minor)::bigint, count(*)
    FROM entry WHERE month = of_month AND organisation = ANY (organisations) AND era < upto GROUP BY 1, 2, 3, 4, 5, 6;
END $$;

-- ---- adding up ----

-- What limits stand at by the rows of epochs below the given ones, organisation by organisation in their order: kinds are those of
-- enum limit_kind. A row counts for its paying department and all above it.
--
-- From the rows alone when that is asked for, or when few organisations have so few that they are read sooner than all new rows
-- of everybody: one that is looked up lies on a page of its own and costs many times as much as one of the tail. All that is read is
-- of the caller's one snapshot, for the function is stable.
CREATE FUNCTION sums_of(of_month integer, organisations integer[], epochs integer[], from_rows boolean)
RETURNS TABLE (organisation integer, kind smallint, id integer, spent_minor bigint) LANGUAGE plpgsql STABLE AS $$
DECLARE
    part constant text := 'entry_' || of_month;
    has_part constant boolean := to_regclass(part) IS NOT NULL;
    columns constant text := 'organisation, traveller, credit, department, amount_minor, epoch';
    known recorded_month%ROWTYPE;
    tail_rows bigint;
    rolled_rows bigint;
    source text;
BEGIN
    SELECT * INTO known FROM recorded_month m WHERE m.month = of_month;
    IF has_part AND NOT from_rows AND cardinality(organisations) <= 64 THEN
        tail_rows := (pg_relation_size(part) - known.rolled_bytes) / 128;
        SELECT coalesce(sum(entries), 0) INTO rolled_rows FROM rollup r
        WHERE r.month = of_month AND r.organisation = ANY (organisations);
    END IF;
    IF NOT has_part OR known.month IS NULL OR from_rows OR rolled_rows * 32 < tail_rows THEN
        source := format('SELECT e.* FROM asked a CROSS JOIN LATERAL (SELECT %s FROM entry WHERE month = %s '
            'AND organisation = a.organisation AND epoch < a.epoch OFFSET 0) e', columns, of_month);
    ELSE
        source := format('SELECT r.* FROM asked a CROSS JOIN LATERAL (SELECT %s FROM rollup WHERE month = %s '
            'AND organisation = a.organisation AND epoch < a.epoch OFFSET 0) r '
            'UNION ALL SELECT e.* FROM (SELECT %s FROM %I WHERE era >= %s OFFSET 0) e JOIN asked a '
            'ON a.organisation = e.organisation AND e.epoch < a.epoch', columns, of_month, columns, part, known.mark);
    END IF;
    RETURN QUERY EXECUTE 'WITH RECURSIVE asked AS MATERIALIZED '
        '(SELECT * FROM unnest($1, $2) AS a(organisation, epoch)), '
        'spent AS MATERIALIZED (SELECT organisation, credit, traveller, department, sum(amount_minor) AS amount FROM ('
        || source || ') s GROUP BY 1, 2, 3, 4), '
        'upward(organisation, department, amount, level) AS ('
        'SELECT organisation, department, sum(amount), 1 FROM spent WHERE department <> 0 GROUP BY 1, 2 '
        'UNION ALL SELECT organisation, parent, amount, level + 1 FROM (SELECT u.organisation, '
        '(SELECT d.parent FROM department d WHERE d.id = u.department) AS parent, u.amount, u.level FROM upward u '
        'WHERE u.level < 8 OFFSET 0) p WHERE parent IS NOT NULL) '
        'SELECT * FROM (SELECT a.organisation, 4::smallint, a.organisation, coalesce(sum(s.amount), 0)::bigint '
        'FROM asked a LEFT JOIN spent s ON s.organisation = a.organisation GROUP BY 1 '
        'UNION ALL SELECT organisation, 3::smallint, department, sum(amount)::bigint FROM upward GROUP BY 1, 3 '
        'UNION ALL SELECT organisation, 2::smallint, traveller, sum(amount)::bigint FROM spent WHERE traveller <> 0 GROUP BY 1, 3 '
        'UNION ALL SELECT organisation, 1::smallint, credit, sum(amount)::bigint FROM spent WHERE credit <> 0 GROUP BY 1, 3'
        ') u ORDER BY 1, 2 DESC' USING organisations, epochs;
END $$;

-- ---- the month ahead ----

-- Takes organisations that have a fence in one month and none in the next, and says which, each to one of those who ask. A fence
-- of epoch 0 is as good as none.
CREATE FUNCTION take_ahead(of_month integer, next_month integer, most integer) RETURNS SETOF integer LANGUAGE sql AS $$
    INSERT INTO fence (organisation, month, epoch)
    SELECT f.organisation, next_month, 0 FROM fence f
    WHERE f.month = of_month AND NOT EXISTS
        (SELECT FROM fence n WHERE n.organisation = f.organisation AND n.month = next_month)
    ORDER BY f.organisation LIMIT most
    ON CONFLICT DO NOTHING RETURNING organisation
$$;
