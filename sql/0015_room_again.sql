-- SPDX-License-Identifier: Apache-2.0
-- A credit that is used up may have room again before its month ends: by a refund, a reversal, a deadline's undo. What is held
-- open, which most often lets some of it go, is not counted as spent in the first place.

-- Nothing is left of a credit until its month ends: noted once, if it is so. Or, when something `is_freed`, lifted again, if it was
-- noted and is so no more. One looks at a credit at a time, so that who frees finds what was noted, or is found by who notes.
CREATE FUNCTION note_used_up(of_credit integer, of_month integer, month_ends_at timestamptz, is_freed boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    used credit%ROWTYPE;
    last block;
    spent bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(30335, of_credit);
    SELECT * INTO used FROM credit WHERE id = of_credit;
    last := last_block(used.card, used.app);
    IF used.state IS DISTINCT FROM 'active' OR last.kind = 2 OR (is_freed AND last.ends_at IS DISTINCT FROM month_ends_at)
        OR (NOT is_freed AND last.ends_at >= month_ends_at) THEN
        RETURN;
    END IF;
    SELECT coalesce(sum(amount_minor), 0) INTO spent FROM entry e
    WHERE month = of_month AND organisation = used.organisation AND credit = of_credit AND NOT (kind = 2
        AND EXISTS (SELECT FROM hold h WHERE h.month = e.month AND h.organisation = e.organisation AND h.id = e.id));
    PERFORM lock_blocks();
    SELECT * INTO used FROM credit WHERE id = of_credit;
    last := last_block(used.card, used.app);
    IF is_freed THEN
        INSERT INTO block (kind, card, app) SELECT 1, used.card, used.app
        WHERE spent < used.limit_minor AND last.ends_at = month_ends_at;
    ELSIF spent >= used.limit_minor AND may_buy(used.card, used.app)
        AND (last.kind IS DISTINCT FROM 3 OR last.ends_at < month_ends_at) THEN
        INSERT INTO block (kind, card, app, ends_at) VALUES (3, used.card, used.app, month_ends_at);
    END IF;
END $$;

-- As nodes of before ask.
CREATE OR REPLACE FUNCTION note_used_up(of_credit integer, of_month integer, month_ends_at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_used_up(of_credit, of_month, month_ends_at, false);
END $$;
