-- SPDX-License-Identifier: Apache-2.0
-- A reversal names an id of any time, and must not have tables made for it. The tombstone of an id that is older than the month
-- before lies in the first month from its own on that has tables, where an advice of that time that comes late is looked for: ids
-- that old are looked for in all later months, under a lock of the id (is_old() in src/record/batch.c).
CREATE FUNCTION month_of_tomb(own_month integer) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN own_month < to_char(now() AT TIME ZONE 'UTC' - interval '1 month 1 day', 'YYYYMM')::integer
        THEN coalesce((SELECT min(month) FROM recorded_month WHERE month BETWEEN own_month AND last_month()), own_month)
        ELSE own_month END
$$;

-- As in 0008, in that month.
CREATE OR REPLACE FUNCTION entomb(tomb_month integer, tomb_organisation integer, tomb_id uuid, tomb_client integer)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entry (id, amount_minor, recorded_at, month, organisation, epoch, traveller, credit, department, client, kind,
        product, place, era)
    VALUES (tomb_id, 0, clock_timestamp(), month_of_tomb(tomb_month), tomb_organisation,
        fence_epoch(tomb_organisation, tomb_month), 0, 0, 0, tomb_client, 6, '', '', (SELECT number FROM era))
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;
