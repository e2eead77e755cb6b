-- SPDX-License-Identifier: Apache-2.0
-- The peer: the same job done by PostgreSQL alone, written as well as we can. One function records the purchase under its
-- id, and raises the month's counters of credit, traveller and organisation unless one would pass its limit. Each call is
-- a transaction of its own; a decline rolls back all of it. psql variables: travellers, organisations.
DROP SCHEMA IF EXISTS peer CASCADE;
CREATE SCHEMA peer;
SET search_path = peer;

-- Room on each page for the next version of a row, so that no index is touched by an update.
CREATE TABLE counter (
    kind smallint NOT NULL, -- 1 credit, 2 traveller, 4 organisation
    id integer NOT NULL,
    month integer NOT NULL,
    spent_minor bigint NOT NULL DEFAULT 0,
    ceiling_minor bigint NOT NULL,
    PRIMARY KEY (kind, id, month)
) WITH (fillfactor = 50);

CREATE TABLE purchase (
    id uuid PRIMARY KEY,
    amount_minor bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    month integer NOT NULL,
    organisation integer NOT NULL,
    traveller integer NOT NULL,
    credit integer NOT NULL,
    product text NOT NULL,
    place text NOT NULL
);

INSERT INTO counter (kind, id, month, ceiling_minor)
SELECT 1, id, 202611, 1000000000000 FROM generate_series(1, :travellers) AS id
UNION ALL SELECT 2, id, 202611, 1000000000000 FROM generate_series(1, :travellers) AS id
UNION ALL SELECT 4, id, 202611, 9000000000000 FROM generate_series(1, :organisations) AS id;

-- What the client would send: a UUIDv7 of now, so that keys arrive in order. pgbench can't make one.
CREATE FUNCTION new_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT overlay(gen_random_uuid()::text
        PLACING lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7' FROM 1 FOR 15)::uuid
$$;

CREATE FUNCTION authorize(
    request uuid, org integer, who integer, paid_by integer, amount bigint, what text, at_place text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    this_month constant integer := 202611;
    known peer.purchase;
BEGIN
    INSERT INTO peer.purchase (id, amount_minor, month, organisation, traveller, credit, product, place)
        VALUES (request, amount, this_month, org, who, paid_by, what, at_place) ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN
        SELECT * INTO known FROM peer.purchase WHERE id = request;
        IF (known.credit, known.amount_minor, known.product) = (paid_by, amount, what) THEN
            RETURN 'APPROVED';
        END IF;
        RETURN 'ID_REUSED';
    END IF;
    -- Always in this order, so that no two wait for each other; what many share comes last, and is held the shortest.
    UPDATE peer.counter SET spent_minor = spent_minor + amount
        WHERE kind = 1 AND id = paid_by AND month = this_month AND spent_minor + amount <= ceiling_minor;
    IF NOT FOUND THEN RAISE EXCEPTION 'CREDIT_LIMIT'; END IF;
    UPDATE peer.counter SET spent_minor = spent_minor + amount
        WHERE kind = 2 AND id = who AND month = this_month AND spent_minor + amount <= ceiling_minor;
    IF NOT FOUND THEN RAISE EXCEPTION 'TRAVELLER_LIMIT'; END IF;
    UPDATE peer.counter SET spent_minor = spent_minor + amount
        WHERE kind = 4 AND id = org AND month = this_month AND spent_minor + amount <= ceiling_minor;
    IF NOT FOUND THEN RAISE EXCEPTION 'ORGANISATION_LIMIT'; END IF;
    RETURN 'APPROVED';
END $$;

VACUUM ANALYZE counter;
