-- SPDX-License-Identifier: Apache-2.0
-- A department that moves takes what was bought there this month with it, so the sums of other departments change. The
-- fence of every month that may still be bought in is raised: counters built under the old tree are COLD and are built anew
-- from the records (DESIGN 5).
--
-- The months: the current one, those made ahead, and the one before for a day, whatever the operator's time zone.
-- The lock: LOCK_CLASS and LOCK_STRIPES of src/record/statements.h, taken alone, as a rebuild does.
CREATE FUNCTION raise_fences() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    first_month constant integer := to_char(now() AT TIME ZONE 'UTC' - interval '1 day', 'YYYYMM')::integer;
BEGIN
    PERFORM pg_advisory_xact_lock(30333, NEW.organisation % 64);
    UPDATE fence SET epoch = epoch + 1 WHERE organisation = NEW.organisation AND month >= first_month;
    RETURN NULL;
END $$;

CREATE TRIGGER raise_fences AFTER UPDATE ON department FOR EACH ROW
    WHEN (NEW.parent IS DISTINCT FROM OLD.parent) EXECUTE FUNCTION raise_fences();
