-- SPDX-License-Identifier: Apache-2.0
-- As in 0003, but at the end of the transaction (the trigger is deferred): all batches of a stripe's organisations wait for its
-- lock, and must not wait for somebody who has moved a department and thinks about it. What is bought until then is bought under
-- the old tree, whose epoch is over with the commit.
--
-- The stripes of all that the transaction changed are taken in ascending order, as batches and rebuilds take them; an
-- organisation of which more departments have moved is done with by the first of them.
CREATE OR REPLACE FUNCTION raise_fences() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    first_month constant integer := to_char(now() AT TIME ZONE 'UTC' - interval '1 day', 'YYYYMM')::integer;
    stripe integer;
BEGIN
    IF EXISTS (SELECT FROM fence WHERE organisation = NEW.organisation AND month >= first_month
        AND xmin = pg_current_xact_id()::xid) THEN
        RETURN NULL;
    END IF;
    FOR stripe IN SELECT DISTINCT organisation % 64 FROM department WHERE changed = pg_current_xact_id() ORDER BY 1 LOOP
        PERFORM pg_advisory_xact_lock(30333, stripe);
    END LOOP;
    UPDATE fence SET epoch = epoch + 1 WHERE organisation = NEW.organisation AND month >= first_month;
    RETURN NULL;
END $$;

DROP TRIGGER raise_fences ON department;
CREATE CONSTRAINT TRIGGER raise_fences AFTER UPDATE ON department DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.parent IS DISTINCT FROM OLD.parent) EXECUTE FUNCTION raise_fences();
