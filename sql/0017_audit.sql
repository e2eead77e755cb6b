-- SPDX-License-Identifier: Apache-2.0
-- As in 0008, but from the rows alone many organisations are read in one pass over the month: one by one, by the index, each of
-- their rows is a page of its own.
CREATE OR REPLACE FUNCTION sums_of(of_month integer, organisations integer[], epochs integer[], from_rows boolean)
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
    IF has_part AND (known.month IS NULL OR from_rows) AND cardinality(organisations) > 64 THEN
        source := format('SELECT e.* FROM (SELECT %s FROM %I OFFSET 0) e JOIN asked a '
            'ON a.organisation = e.organisation AND e.epoch < a.epoch', columns, part);
    ELSIF NOT has_part OR known.month IS NULL OR from_rows OR rolled_rows * 32 < tail_rows THEN
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
