-- SPDX-License-Identifier: Apache-2.0
-- A device whose clock is ahead tells of what was bought before the month of its id has begun: that is recorded in the month
-- before (ENTRY_LATE), and has to be found there when it is told of again.

-- Where the row of an id lies: in the month of the id; or, of an advice that came late, in a later one; or, of one that came
-- early, in the month before.
CREATE OR REPLACE FUNCTION month_of_row(own_month integer, row_organisation integer, row_id uuid) RETURNS integer
LANGUAGE plpgsql AS $$
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
    IF found_month IS NULL THEN
        SELECT month INTO found_month FROM entry
        WHERE month = CASE own_month % 100 WHEN 1 THEN own_month - 89 ELSE own_month - 1 END
            AND organisation = row_organisation AND id = row_id;
    END IF;
    RETURN found_month;
END $$;

CREATE OR REPLACE FUNCTION organisation_of_row(own_month integer, row_id uuid) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    found_organisation integer;
BEGIN
    SELECT organisation INTO found_organisation FROM hold WHERE id = row_id AND month = own_month;
    IF NOT FOUND THEN
        SELECT e.organisation INTO found_organisation FROM organisation o CROSS JOIN LATERAL
            (SELECT organisation FROM entry WHERE month = own_month AND organisation = o.id AND id = row_id OFFSET 0) e
        LIMIT 1;
    END IF;
    -- An early one is looked for as long as it may be told of again, and longer: clocks and time zones differ.
    IF NOT FOUND AND (own_month < last_month() OR own_month > to_char(now() - interval '6 days', 'YYYYMM')::integer) THEN
        SELECT o.id INTO found_organisation FROM organisation o WHERE month_of_row(own_month, o.id, row_id) IS NOT NULL LIMIT 1;
    END IF;
    RETURN coalesce(found_organisation, 0);
END $$;
