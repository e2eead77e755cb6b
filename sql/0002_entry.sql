-- SPDX-License-Identifier: Apache-2.0
-- The records: append-only, one row an effect, partitioned by accounting month (DESIGN 6). The organisation is in every key,
-- so that the tables can be distributed by it.

-- The epoch that the counters of an organisation's month were last built under (DESIGN 5).
CREATE TABLE fence (
    organisation integer NOT NULL,
    month integer NOT NULL,
    epoch integer NOT NULL,
    PRIMARY KEY (organisation, month)
) WITH (fillfactor = 50);

CREATE TABLE entry (
    id uuid NOT NULL,
    amount_minor bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    month integer NOT NULL,
    organisation integer NOT NULL,
    epoch integer NOT NULL,
    traveller integer NOT NULL,
    credit integer NOT NULL,
    department integer NOT NULL, -- 0: the organisation itself
    client integer NOT NULL,
    kind smallint NOT NULL,
    product text NOT NULL CHECK (octet_length(product) <= 23),
    place text NOT NULL CHECK (octet_length(place) <= 63),
    PRIMARY KEY (month, organisation, id)
) PARTITION BY LIST (month);

-- What was declined, for statistics and so that a rebuild remembers it; off the path of the answer.
CREATE TABLE refusal (
    id uuid NOT NULL,
    amount_minor bigint NOT NULL,
    month integer NOT NULL,
    day integer NOT NULL,
    organisation integer NOT NULL,
    traveller integer NOT NULL,
    credit integer NOT NULL,
    client integer NOT NULL,
    reason smallint NOT NULL,
    refusing smallint NOT NULL,
    product text NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (month, organisation, id)
) PARTITION BY LIST (month);

-- Rows that PostgreSQL would not take, as they were sent, with what it said.
CREATE TABLE quarantine (
    id uuid NOT NULL,
    organisation integer NOT NULL,
    month integer NOT NULL,
    what text NOT NULL,
    why text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

-- Makes the partitions of a month (202611) where they are missing. Safe to call from many nodes at once. A table is made
-- beside and then attached, for that lets purchases and reports go on; CREATE TABLE ... PARTITION OF would wait for them,
-- and all that comes later for it.
CREATE FUNCTION make_partitions(wanted integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    whole text;
    part text;
BEGIN
    IF wanted % 100 NOT BETWEEN 1 AND 12 THEN
        RAISE EXCEPTION '% is not a month', wanted;
    END IF;
    FOREACH whole IN ARRAY ARRAY['entry', 'refusal'] LOOP
        part := whole || '_' || wanted;
        CONTINUE WHEN to_regclass(quote_ident(part)) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(30333, -2);
        CONTINUE WHEN to_regclass(quote_ident(part)) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, whole);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES IN (%s)', whole, part, wanted);
    END LOOP;
END $$;
