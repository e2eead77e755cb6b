-- SPDX-License-Identifier: Apache-2.0
-- What follows an authorization: holds that are captured, voided or expire, refunds, reversals, advices (DOMAIN F2, F3, F7, S16).
--
-- A settlement's row in entry says what the month's usage changes by; its row in effect, beside the original's month, says
-- what was asked and what it means in money. All that followed an original is one range of effect's key. Settlements of one
-- original are in line by a lock of its row in entry. The first of them confirms that row, so that no deadline's undo
-- can come after it.

ALTER TABLE entry ADD COLUMN flags smallint NOT NULL DEFAULT 0; -- enum entry_flag

CREATE TABLE effect (
    month integer NOT NULL, -- where the original's row lies
    organisation integer NOT NULL,
    original uuid NOT NULL,
    id uuid NOT NULL, -- the settlement's own; of a reversal or expiry derived from the original's
    kind smallint NOT NULL,
    entry_month integer NOT NULL, -- where its row in entry lies
    client integer NOT NULL,
    requested_minor bigint NOT NULL CHECK (requested_minor >= 0), -- 0: all that is left
    is_final boolean NOT NULL,
    usage_minor bigint NOT NULL,   -- what the usage of entry_month changes by, as in entry
    charged_minor bigint NOT NULL, -- what it means on an invoice: a capture is charged, a refund given back
    remaining_minor bigint NOT NULL, -- what could still be captured, or refunded, after it
    epoch integer NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (month, organisation, original, id)
) PARTITION BY LIST (month);

-- Holds that are open: a row leaves in the transaction that closes the hold.
CREATE TABLE hold (
    month integer NOT NULL,
    organisation integer NOT NULL,
    id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (month, organisation, id)
);
CREATE INDEX hold_expires_at ON hold (expires_at);
CREATE INDEX hold_id ON hold (id);

-- The months that have partitions: by them an id is looked for in several, each by its whole key. To name a range of months
-- would be to read a month's whole index.
CREATE TABLE recorded_month (
    month integer PRIMARY KEY
);

-- As in 0002, for one table more, and with a note of the month.
CREATE OR REPLACE FUNCTION make_partitions(wanted integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    whole text;
    part text;
BEGIN
    IF wanted % 100 NOT BETWEEN 1 AND 12 THEN
        RAISE EXCEPTION '% is not a month', wanted;
    END IF;
    FOREACH whole IN ARRAY ARRAY['entry', 'refusal', 'effect'] LOOP
        part := whole || '_' || wanted;
        CONTINUE WHEN to_regclass(quote_ident(part)) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(30333, -2);
        CONTINUE WHEN to_regclass(quote_ident(part)) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, whole);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES IN (%s)', whole, part, wanted);
    END LOOP;
    INSERT INTO recorded_month SELECT wanted WHERE NOT EXISTS (SELECT FROM recorded_month WHERE month = wanted)
    ON CONFLICT DO NOTHING;
END $$;

-- The id with another version: 8 is its reversal, or the confirmation in the reversal's place; 9 the reversal of what was
-- confirmed; 10 the expiry; 7 the id itself again. No client can have taken them, for clients' ids are of version 7.
CREATE FUNCTION derived_id(id uuid, version integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT overlay(id::text PLACING to_hex(version) FROM 15 FOR 1)::uuid
$$;

DO $$
DECLARE
    known integer;
BEGIN
    FOR known IN SELECT substr(c.relname, length('entry_') + 1)::integer FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'entry'::regclass LOOP
        PERFORM make_partitions(known);
    END LOOP;
END $$;

INSERT INTO effect SELECT month, organisation, derived_id(id, 7), id, 6, month, client, 0, true, amount_minor, amount_minor, 0, epoch,
    recorded_at
FROM entry WHERE kind = 6 AND id <> derived_id(id, 7);

-- ---- settling ----

-- The month that has begun somewhere on earth: none that is late lies beyond it.
CREATE FUNCTION last_month() RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT to_char(now() AT TIME ZONE 'UTC' + interval '1 day', 'YYYYMM')::integer
$$;

-- Where the row of an id lies: in the month of the id, or, of an advice that came late, in a later one (ENTRY_LATE).
CREATE FUNCTION month_of_row(own_month integer, row_organisation integer, row_id uuid) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    found_month integer;
BEGIN
    SELECT month INTO found_month FROM entry
    WHERE month = own_month AND organisation = row_organisation AND id = row_id;
    IF NOT FOUND AND own_month < last_month() THEN
        SELECT e.month INTO found_month FROM recorded_month m CROSS JOIN LATERAL
            (SELECT month FROM entry WHERE month = m.month AND organisation = row_organisation AND id = row_id OFFSET 0) e
        WHERE m.month > own_month AND m.month <= last_month() LIMIT 1;
    END IF;
    RETURN found_month;
END $$;

-- Whose a row is that is known by its id alone: among the holds that are open, then by asking for each organisation. 0: nobody's.
CREATE FUNCTION organisation_of_row(own_month integer, row_id uuid) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    found_organisation integer;
BEGIN
    SELECT organisation INTO found_organisation FROM hold WHERE id = row_id AND month = own_month;
    IF NOT FOUND THEN
        SELECT e.organisation INTO found_organisation FROM organisation o CROSS JOIN LATERAL
            (SELECT organisation FROM entry WHERE month = own_month AND organisation = o.id AND id = row_id OFFSET 0) e
        LIMIT 1;
    END IF;
    IF NOT FOUND AND own_month < last_month() THEN
        SELECT o.id INTO found_organisation FROM organisation o WHERE month_of_row(own_month, o.id, row_id) IS NOT NULL LIMIT 1;
    END IF;
    RETURN coalesce(found_organisation, 0);
END $$;

CREATE FUNCTION fence_epoch(of_organisation integer, of_month integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    found_epoch integer;
BEGIN
    SELECT epoch INTO found_epoch FROM fence WHERE organisation = of_organisation AND month = of_month;
    RETURN coalesce(found_epoch, 0);
END $$;

-- What a settlement came to. reason 1: it is done; else it is declined and nothing has changed.
CREATE TYPE settled AS (
    reason smallint,
    differs smallint, -- enum content_field, of reason 15
    is_repeat boolean,
    is_tombstone boolean,
    amount_minor bigint, -- captured, refunded, freed or reversed
    remaining_minor bigint,
    effect_id uuid,
    usage_minor bigint, -- as the next two, of entry_month
    epoch integer,
    entry_month integer,
    organisation integer, -- of the original's row, as the next three
    department integer,
    traveller integer,
    credit integer,
    recorded_at timestamptz -- of the original, or of the effect when that is charged in another month
);

-- The counters remember for some days that they have followed an effect (DESIGN 5). One told again later they must not follow:
-- too high is put right by the audit, too low would let a limit be passed.
CREATE FUNCTION settled_by(done effect, payer entry, is_repeat boolean) RETURNS settled LANGUAGE sql STABLE AS $$
    SELECT (1::smallint, 0::smallint, is_repeat, false,
        CASE done.kind WHEN 3 THEN done.charged_minor WHEN 8 THEN -done.charged_minor ELSE -done.usage_minor END,
        done.remaining_minor, done.id,
        CASE WHEN is_repeat AND done.recorded_at < now() - interval '1 day' THEN 0 ELSE done.usage_minor END, done.epoch,
        done.entry_month, payer.organisation,
        payer.department, payer.traveller, payer.credit,
        CASE WHEN done.entry_month = payer.month THEN payer.recorded_at ELSE done.recorded_at END)::settled
$$;

CREATE FUNCTION settling_declined(reason integer, differs integer, remaining bigint) RETURNS settled LANGUAGE sql IMMUTABLE AS $$
    SELECT (reason, differs, false, false, 0, remaining, NULL, 0, 0, 0, 0, 0, 0, 0, NULL)::settled
$$;

-- A reversal that comes before its purchase takes the purchase's key.
CREATE FUNCTION entomb(tomb_month integer, tomb_organisation integer, tomb_id uuid, tomb_client integer) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entry (id, amount_minor, recorded_at, month, organisation, epoch, traveller, credit, department, client, kind,
        product, place)
    VALUES (tomb_id, 0, clock_timestamp(), tomb_month, tomb_organisation, fence_epoch(tomb_organisation, tomb_month), 0, 0, 0,
        tomb_client, 6, '', '')
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

-- Writes the row of what follows `original`, with its own id, month, usage and kind. False: that id is taken.
CREATE FUNCTION add_entry(original entry, own_id uuid, own_month integer, own_kind smallint, own_client integer,
    usage_minor bigint, own_epoch integer, at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entry (id, amount_minor, recorded_at, month, organisation, epoch, traveller, credit, department, client, kind,
        product, place)
    VALUES (own_id, usage_minor, at, own_month, original.organisation, own_epoch, original.traveller, original.credit,
        original.department, own_client, own_kind, original.product, original.place)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

-- A deadline's undo: see struct undo in src/switch/ports.h. What became of it is looked up afterwards.
CREATE FUNCTION undo(undone_id uuid, own_month integer, row_organisation integer, asking_client integer, appended_at timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    row_month integer;
    original entry%ROWTYPE;
    mark constant uuid := derived_id(undone_id, 8);
    epoch integer;
BEGIN
    LOOP
        row_month := month_of_row(own_month, row_organisation, undone_id);
        EXIT WHEN row_month IS NOT NULL;
        IF entomb(own_month, row_organisation, undone_id, asking_client) THEN
            RETURN;
        END IF;
    END LOOP;
    SELECT * INTO STRICT original FROM entry
    WHERE month = row_month AND organisation = row_organisation AND id = undone_id FOR NO KEY UPDATE;
    epoch := fence_epoch(row_organisation, row_month);
    IF original.kind NOT IN (1, 2) OR original.client <> asking_client OR original.recorded_at <> appended_at
        OR NOT add_entry(original, mark, row_month, 6::smallint, asking_client, -original.amount_minor, epoch, clock_timestamp())
    THEN
        RETURN;
    END IF;
    INSERT INTO effect VALUES (row_month, row_organisation, undone_id, mark, 6, row_month, asking_client, 0, true,
        -original.amount_minor, CASE original.kind WHEN 1 THEN -original.amount_minor ELSE 0 END, 0, epoch);
    DELETE FROM hold WHERE month = row_month AND organisation = row_organisation AND id = undone_id;
END $$;

-- One settlement: see struct settlement in src/switch/ports.h. The caller holds the shared lock of the organisation's fence
-- unless wanted_organisation is 0; kind 5 is the expiry of a hold, kind 0 an undo, `at` then being when the row to be undone
-- was appended. 40001 asks for the whole transaction to be run again.
CREATE FUNCTION settle(wanted_kind smallint, wanted_id uuid, own_month integer, original_id uuid, original_month integer,
    wanted_organisation integer, asking_client integer, is_any_clients boolean, requested bigint, wanted_final boolean,
    charged_month integer, at timestamptz) RETURNS settled LANGUAGE plpgsql AS $$
DECLARE
    row_organisation integer := wanted_organisation;
    row_month integer;
    original entry%ROWTYPE;
    past effect%ROWTYPE;
    done effect%ROWTYPE;
    settlements bigint;
    captured bigint;
    refunded bigint;
    usage bigint;
    charged bigint;
    is_reversed boolean;
    is_expired boolean;
    hold_ends_at timestamptz;
    "left" bigint;
    taken bigint;
    taken_kind smallint;
BEGIN
    IF wanted_kind = 0 THEN
        PERFORM undo(original_id, original_month, wanted_organisation, asking_client, at);
        RETURN settling_declined(0, 0, 0);
    ELSIF row_organisation = 0 THEN
        row_organisation := organisation_of_row(original_month, original_id);
        IF row_organisation = 0 THEN
            RETURN settling_declined(23, 0, 0);
        ELSIF NOT pg_try_advisory_xact_lock_shared(30333, row_organisation % 64) THEN
            -- To wait here, with the locks of other organisations in hand, could be to wait for each other.
            RAISE serialization_failure USING MESSAGE = 'the fence is being raised';
        END IF;
    END IF;

    -- The original; or the tombstone, in which case somebody else's row may come first.
    LOOP
        row_month := month_of_row(original_month, row_organisation, original_id);
        EXIT WHEN row_month IS NOT NULL;
        IF wanted_kind <> 6 THEN
            RETURN settling_declined(23, 0, 0);
        ELSIF entomb(original_month, row_organisation, original_id, asking_client) THEN
            RETURN (1, 0, false, true, 0, 0, original_id, 0, fence_epoch(row_organisation, original_month), original_month,
                row_organisation, 0, 0, 0, at)::settled;
        END IF;
    END LOOP;
    SELECT * INTO STRICT original FROM entry
    WHERE month = row_month AND organisation = row_organisation AND id = original_id FOR NO KEY UPDATE;

    -- Done before, under its id?
    IF wanted_kind <> 6 THEN
        SELECT * INTO past FROM effect
        WHERE month = row_month AND organisation = row_organisation AND effect.original = original_id AND id = wanted_id;
        IF FOUND THEN
            RETURN CASE
                WHEN past.client <> asking_client THEN settling_declined(15, 2, 0)
                WHEN past.kind <> wanted_kind THEN settling_declined(15, 6, 0)
                WHEN past.requested_minor <> requested THEN settling_declined(15, 1, 0)
                WHEN past.is_final <> wanted_final THEN settling_declined(15, 8, 0)
                ELSE settled_by(past, original, true) END;
        END IF;
        -- Used for something else within a year, in this organisation?
        SELECT e.kind INTO taken_kind FROM recorded_month m CROSS JOIN LATERAL
            (SELECT kind FROM entry WHERE month = m.month AND organisation = row_organisation AND id = wanted_id OFFSET 0) e
        WHERE m.month >= own_month - 100 AND m.month <= last_month() LIMIT 1;
        IF FOUND THEN
            RETURN settling_declined(15, CASE WHEN taken_kind = wanted_kind THEN 7 ELSE 6 END, 0);
        END IF;
    END IF;
    IF original.client <> asking_client AND NOT is_any_clients THEN
        RETURN settling_declined(15, 2, 0);
    END IF;

    -- What is left of it?
    SELECT count(*), coalesce(sum(charged_minor) FILTER (WHERE kind = 3), 0),
        coalesce(-sum(charged_minor) FILTER (WHERE kind = 8), 0), coalesce(sum(usage_minor), 0), coalesce(sum(charged_minor), 0),
        coalesce(bool_or(kind = 6), false), coalesce(bool_or(kind = 5), false)
    INTO settlements, captured, refunded, usage, charged, is_reversed, is_expired
    FROM effect WHERE month = row_month AND organisation = row_organisation AND effect.original = original_id;
    IF original.kind = 6 THEN
        IF wanted_kind <> 6 THEN
            RETURN settling_declined(16, 0, 0);
        END IF;
        RETURN (1, 0, true, true, 0, 0, original_id, 0, original.epoch, row_month, row_organisation, 0, 0, 0,
            original.recorded_at)::settled;
    ELSIF is_reversed THEN
        IF wanted_kind <> 6 THEN
            RETURN settling_declined(16, 0, 0);
        END IF;
        SELECT * INTO STRICT past FROM effect
        WHERE month = row_month AND organisation = row_organisation AND effect.original = original_id AND kind = 6;
        RETURN settled_by(past, original, true);
    END IF;

    done := (row_month, row_organisation, original_id, wanted_id, wanted_kind, row_month, asking_client, requested, wanted_final,
        0, 0, 0, 0, clock_timestamp())::effect;
    IF wanted_kind IN (3, 4, 5) THEN
        IF original.kind <> 2 THEN
            RETURN settling_declined(24, 0, 0);
        END IF;
        SELECT expires_at INTO hold_ends_at FROM hold
        WHERE month = row_month AND organisation = row_organisation AND id = original_id;
        IF is_expired OR (wanted_kind <> 5 AND hold_ends_at <= clock_timestamp()) THEN
            RETURN settling_declined(26, 0, 0);
        ELSIF hold_ends_at IS NULL THEN
            RETURN settling_declined(25, 0, 0);
        END IF;
        "left" := original.amount_minor - captured;
        taken := CASE WHEN wanted_kind <> 3 THEN 0 WHEN requested = 0 THEN "left" ELSE requested END;
        IF taken > "left" THEN
            RETURN settling_declined(27, 0, "left");
        END IF;
        done.charged_minor := taken;
        IF wanted_final OR wanted_kind <> 3 OR taken = "left" THEN
            done.usage_minor := taken - "left";
        ELSE
            done.remaining_minor := "left" - taken;
        END IF;
    ELSIF wanted_kind = 8 THEN
        IF original.kind NOT IN (1, 2, 7) THEN
            RETURN settling_declined(24, 0, 0);
        END IF;
        "left" := CASE WHEN original.kind = 2 THEN captured ELSE original.amount_minor END - refunded;
        taken := CASE WHEN requested = 0 THEN "left" ELSE requested END;
        IF taken > "left" OR taken = 0 THEN
            RETURN settling_declined(27, 0, "left");
        END IF;
        done.charged_minor := -taken;
        done.remaining_minor := "left" - taken;
        IF charged_month IN (0, row_month) THEN
            done.usage_minor := -taken;
        ELSE
            done.entry_month := charged_month;
        END IF;
    ELSIF wanted_kind = 6 THEN
        IF original.kind NOT IN (1, 2, 7) THEN
            RETURN settling_declined(24, 0, 0);
        END IF;
        done.id := derived_id(original_id, 8);
        done.usage_minor := -(original.amount_minor + usage);
        done.charged_minor := -(CASE WHEN original.kind = 2 THEN 0 ELSE original.amount_minor END + charged);
    ELSE
        RAISE EXCEPTION 'kind % settles nothing', wanted_kind;
    END IF;

    -- Done now. Whoever got in between, with an undo or under the same id, will be seen next time.
    done.epoch := fence_epoch(row_organisation, done.entry_month);
    IF NOT add_entry(original, done.id, done.entry_month, wanted_kind, asking_client, done.usage_minor, done.epoch, at) THEN
        IF wanted_kind = 6 THEN
            done.id := derived_id(original_id, 9);
        END IF;
        SELECT kind INTO taken_kind FROM entry
        WHERE month = row_month AND organisation = row_organisation AND id = derived_id(original_id, 8);
        IF wanted_kind <> 6 OR taken_kind = 6
            OR NOT add_entry(original, done.id, done.entry_month, wanted_kind, asking_client, done.usage_minor, done.epoch, at) THEN
            RAISE serialization_failure USING MESSAGE = 'settled by another meanwhile';
        END IF;
    END IF;
    IF settlements = 0 AND wanted_kind <> 6
        AND NOT add_entry(original, derived_id(original_id, 8), row_month, 9::smallint, asking_client, 0, done.epoch, at) THEN
        SELECT kind INTO taken_kind FROM entry
        WHERE month = row_month AND organisation = row_organisation AND id = derived_id(original_id, 8);
        IF taken_kind = 6 THEN
            RAISE serialization_failure USING MESSAGE = 'reversed by another meanwhile';
        END IF;
    END IF;
    INSERT INTO effect SELECT done.*;
    IF original.kind = 2 AND (wanted_kind IN (4, 5, 6) OR (wanted_kind = 3 AND done.remaining_minor = 0)) THEN
        DELETE FROM hold WHERE month = row_month AND organisation = row_organisation AND id = original_id;
    END IF;
    RETURN settled_by(done, original, false);
END $$;

-- Frees holds whose time has passed, at most so many, on whatever node. What another works on is left to it.
CREATE FUNCTION expire_holds(most integer) RETURNS SETOF settled LANGUAGE plpgsql AS $$
DECLARE
    due hold[];
    one hold;
    stripe integer;
    outcome settled;
    owner_client integer;
BEGIN
    SELECT array_agg(h ORDER BY h.month, h.organisation, h.id) INTO due
    FROM (SELECT * FROM hold WHERE expires_at <= clock_timestamp() ORDER BY expires_at LIMIT most) h;
    IF due IS NULL THEN
        RETURN;
    END IF;
    -- In the order of a rebuild, which takes several alone.
    FOR stripe IN SELECT DISTINCT (h).organisation % 64 FROM unnest(due) h ORDER BY 1 LOOP
        PERFORM pg_advisory_xact_lock_shared(30333, stripe);
    END LOOP;
    FOREACH one IN ARRAY due LOOP
        SELECT client INTO owner_client FROM entry
        WHERE month = one.month AND organisation = one.organisation AND id = one.id FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        outcome := settle(5::smallint, derived_id(one.id, 10), one.month, one.id, one.month, one.organisation, owner_client, true,
            0, true, 0, clock_timestamp());
        IF outcome.reason = 1 AND NOT outcome.is_repeat THEN
            RETURN NEXT outcome;
        END IF;
    END LOOP;
END $$;
