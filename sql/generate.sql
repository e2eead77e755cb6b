-- SPDX-License-Identifier: Apache-2.0
-- Large companies for measuring: pg_temp.generate(organisations, travellers_each, limit_minor, credit_minor).
--
-- Organisations are numbered from 1000. Travellers are counted through all of them: the one with index i (from 0) has the
-- number 1000 + i, is of organisation 1000 + i / travellers_each, and has one active credit of the same number on card
-- 900000000000000 + i, completed by Luhn's digit (directory_generated_card() in C). The organisation itself pays.
--
-- Run again with more of either kind of organisations it adds them; other limits replace those before. Another number of
-- travellers each would move travellers to other organisations, and is refused.

-- What two digits add to Luhn's sum; the right one is doubled.
CREATE FUNCTION pg_temp.luhn(two_digits bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT two_digits / 10 + two_digits % 10 * 2 - CASE WHEN two_digits % 10 > 4 THEN 9 ELSE 0 END
$$;

CREATE FUNCTION pg_temp.complete_card(fifteen_digits bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT fifteen_digits * 10 + (1000 - pg_temp.luhn(fifteen_digits % 100)
        - pg_temp.luhn(fifteen_digits / 100 % 100) - pg_temp.luhn(fifteen_digits / 10000 % 100)
        - pg_temp.luhn(fifteen_digits / 1000000 % 100) - pg_temp.luhn(fifteen_digits / 100000000 % 100)
        - pg_temp.luhn(fifteen_digits / 10000000000 % 100) - pg_temp.luhn(fifteen_digits / 1000000000000 % 100)
        - pg_temp.luhn(fifteen_digits / 100000000000000)) % 10
$$;

CREATE FUNCTION pg_temp.generate(organisations integer, travellers_each integer, limit_minor bigint, credit_minor bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first constant integer := 1000;
    travellers constant integer := organisations * travellers_each;
BEGIN
    IF EXISTS (SELECT FROM traveller t WHERE t.id BETWEEN first AND first + travellers - 1
               AND t.organisation <> first + (t.id - first) / travellers_each) THEN
        RAISE EXCEPTION 'organisations of another size were generated here before: use an empty database';
    END IF;

    -- Where the role may, without the triggers and the checks of references, which would take nine tenths of the time: what
    -- is made here fits together by its arithmetic, is stamped below, and is told at the end.
    BEGIN
        PERFORM set_config('session_replication_role', 'replica', true);
    EXCEPTION WHEN insufficient_privilege THEN
        NULL;
    END;

    INSERT INTO organisation AS o (id, state, limit_minor)
    SELECT first + i, 'active', generate.limit_minor FROM generate_series(0, organisations - 1) AS i
    ON CONFLICT (id) DO UPDATE SET limit_minor = excluded.limit_minor, changed = pg_current_xact_id()
    WHERE o.limit_minor <> excluded.limit_minor;

    INSERT INTO traveller (id, organisation)
    SELECT first + i, first + i / travellers_each FROM generate_series(0, travellers - 1) AS i
    ON CONFLICT DO NOTHING;

    INSERT INTO credit AS c (id, organisation, traveller, card, limit_minor, state)
    SELECT first + i, first + i / travellers_each, first + i, pg_temp.complete_card(900000000000000 + i), credit_minor,
        'active'
    FROM generate_series(0, travellers - 1) AS i
    ON CONFLICT (id) DO UPDATE SET limit_minor = excluded.limit_minor, changed = pg_current_xact_id()
    WHERE c.limit_minor <> excluded.limit_minor;

    PERFORM setval(pg_get_serial_sequence('organisation', 'id'), max(id)) FROM organisation;
    PERFORM setval(pg_get_serial_sequence('traveller', 'id'), max(id)) FROM traveller;
    PERFORM setval(pg_get_serial_sequence('credit', 'id'), max(id)) FROM credit;
    NOTIFY vaxel_directory;
END $$;
