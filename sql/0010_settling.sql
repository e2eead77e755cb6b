-- SPDX-License-Identifier: Apache-2.0
-- A refund goes by the month that its original is recorded in, not by the one of the original's id: what came late, or early,
-- lies in another. And an id that is taken is declined wherever it lies, never tried again.

-- One settlement: see struct settlement in src/switch/ports.h. The caller holds the shared lock of the organisation's fence
-- unless wanted_organisation is 0; kind 5 is the expiry of a hold, kind 0 an undo, `at` then being when the row to be undone
-- was appended. What is refunded in a month before `open_month` is charged in `charged_month`. 40001 asks for the whole
-- transaction to be run again.
CREATE OR REPLACE FUNCTION settle(wanted_kind smallint, wanted_id uuid, own_month integer, original_id uuid, original_month integer,
    wanted_organisation integer, asking_client integer, is_any_clients boolean, requested bigint, wanted_final boolean,
    open_month integer, charged_month integer, at timestamptz) RETURNS settled LANGUAGE plpgsql AS $$
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
        -- Used for something else within a year, in this organisation? An id's time may lie years ahead.
        SELECT e.kind INTO taken_kind FROM recorded_month m CROSS JOIN LATERAL
            (SELECT kind FROM entry WHERE month = m.month AND organisation = row_organisation AND id = wanted_id OFFSET 0) e
        WHERE m.month >= least(own_month, last_month()) - 100 AND m.month <= last_month() LIMIT 1;
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
        IF row_month >= open_month THEN
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

    -- Done now. Whose id was taken in between is told so; an undo that got in between will be seen next time.
    done.epoch := fence_epoch(row_organisation, done.entry_month);
    IF NOT add_entry(original, done.id, done.entry_month, wanted_kind, asking_client, done.usage_minor, done.epoch, at) THEN
        IF wanted_kind <> 6 THEN
            SELECT kind INTO taken_kind FROM entry
            WHERE month = done.entry_month AND organisation = row_organisation AND id = done.id;
            RETURN settling_declined(15, CASE WHEN taken_kind = wanted_kind THEN 7 ELSE 6 END, 0);
        END IF;
        done.id := derived_id(original_id, 9);
        SELECT kind INTO taken_kind FROM entry
        WHERE month = row_month AND organisation = row_organisation AND id = derived_id(original_id, 8);
        IF taken_kind = 6
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

-- As nodes of before ask: a refund's `charged_month` is 0 when the month of its original's id is open.
CREATE OR REPLACE FUNCTION settle(wanted_kind smallint, wanted_id uuid, own_month integer, original_id uuid, original_month integer,
    wanted_organisation integer, asking_client integer, is_any_clients boolean, requested bigint, wanted_final boolean,
    charged_month integer, at timestamptz) RETURNS settled LANGUAGE sql AS $$
    SELECT settle(wanted_kind, wanted_id, own_month, original_id, original_month, wanted_organisation, asking_client,
        is_any_clients, requested, wanted_final, charged_month, charged_month, at)
$$;
