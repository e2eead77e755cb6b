-- SPDX-License-Identifier: Apache-2.0
-- The peer: the same job done by PostgreSQL alone, as most would write it. One function locks and raises the month's
-- counters of credit, traveller and organisation, refuses past a limit, and records the purchase under its id.
DROP SCHEMA IF EXISTS peer CASCADE;
CREATE SCHEMA peer;
SET search_path = peer;

CREATE TABLE counter (
    kind smallint NOT NULL, -- 1 credit, 2 traveller, 4 organisation
    id integer NOT NULL,
    month integer NOT NULL,
    spent_minor bigint NOT NULL DEFAULT 0,
    ceiling_minor bigint NOT NULL,
    PRIMARY KEY (kind, id, month)
) WITH (fillfactor = 70);

CREATE TABLE purchase (
    id uuid PRIMARY KEY,
    month integer NOT NULL,
    organisation integer NOT NULL,
    traveller integer NOT NULL,
    credit integer NOT NULL,
    amount_minor bigint NOT NULL,
    product text NOT NULL,
    place text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO counter (kind, id, month, ceiling_minor)
SELECT 1, id, 202611, 1000000000000 FROM generate_series(1, :travellers) AS id
UNION ALL SELECT 2, id, 202611, 1000000000000 FROM generate_series(1, :travellers) AS id
UNION ALL SELECT 4, id, 202611, 9000000000000 FROM generate_series(1, :organisations) AS id;

-- A UUIDv7 of now, so that keys arrive in order as Växel's do.
CREATE FUNCTION new_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(set_byte(overlay(uuid_send(gen_random_uuid())
        PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
        6, (112 + floor(random() * 16))::int), 'hex')::uuid
$$;

CREATE FUNCTION authorize(request uuid, org integer, who integer, amount bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    row_month constant integer := 202611;
BEGIN
    -- Always in this order, so that no two wait for each other.
    UPDATE peer.counter SET spent_minor = spent_minor + amount
        WHERE kind = 1 AND id = who AND month = row_month AND spent_minor + amount <= ceiling_minor;
    IF NOT FOUND THEN RAISE EXCEPTION 'CREDIT_LIMIT'; END IF;
    UPDATE peer.counter SET spent_minor = spent_minor + amount
        WHERE kind = 2 AND id = who AND month = row_month AND spent_minor + amount <= ceiling_minor;
    IF NOT FOUND THEN RAISE EXCEPTION 'TRAVELLER_LIMIT'; END IF;
    INSERT INTO peer.purchase (id, month, organisation, traveller, credit, amount_minor, product, place)
        VALUES (request, row_month, org, who, who, amount, 'single', 'bus 4711, stop Torget');
    UPDATE peer.counter SET spent_minor = spent_minor + amount
        WHERE kind = 4 AND id = org AND month = row_month AND spent_minor + amount <= ceiling_minor;
    IF NOT FOUND THEN RAISE EXCEPTION 'ORGANISATION_LIMIT'; END IF;
    RETURN 'APPROVED';
END $$;
