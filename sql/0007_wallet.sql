-- SPDX-License-Identifier: Apache-2.0
-- Which request of the switch a transaction of a wallet is: a requestor's reference gets its request id here, once and for
-- ever, before the switch is asked; so a repeat, on whatever process and however late, asks for the same purchase.
CREATE TABLE wallet_transaction (
    issuer text NOT NULL,      -- of the token: references are each requestor's own
    credential text NOT NULL,  -- "card/9932543656338003" or "app/5f0c2a3e-…"
    reference text NOT NULL,
    id uuid NOT NULL UNIQUE,   -- the request's: a UUIDv7 of the moment of purchase; and the transaction's
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    is_hold boolean NOT NULL,
    description text NOT NULL,
    state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'approved', 'cancelled')),
    expires_at timestamptz,    -- of a hold that was approved
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (issuer, credential, reference)
);
