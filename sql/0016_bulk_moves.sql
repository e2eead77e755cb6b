-- SPDX-License-Identifier: Apache-2.0
-- As in 0013, where an organisation without a fence had every one of its moves ask for the stripes of the whole transaction: an import
-- that moved 10 000 departments went through them 10 000 times, with the locks held.
--
-- The stripes are taken by the first move, which leaves a mark that ends with the transaction, or with the savepoint, as the locks do.
-- Those after it take their own, which is held unless constraints were made immediate; also where there is no fence, for a first
-- rebuild may be about to make it.
CREATE OR REPLACE FUNCTION raise_fences() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    first_month constant integer := to_char(now() AT TIME ZONE 'UTC' - interval '1 day', 'YYYYMM')::integer;
    stripe integer;
BEGIN
    IF current_setting('vaxel.moving', true) IS DISTINCT FROM pg_current_xact_id()::text THEN
        FOR stripe IN SELECT DISTINCT organisation % 64 FROM department WHERE changed = pg_current_xact_id() ORDER BY 1 LOOP
            PERFORM pg_advisory_xact_lock(30333, stripe);
        END LOOP;
        PERFORM set_config('vaxel.moving', pg_current_xact_id()::text, true);
    END IF;
    PERFORM pg_advisory_xact_lock(30333, NEW.organisation % 64);
    UPDATE fence SET epoch = epoch + 1 WHERE organisation = NEW.organisation AND month >= first_month
        AND xmin <> pg_current_xact_id()::xid;
    RETURN NULL;
END $$;
