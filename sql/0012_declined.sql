-- SPDX-License-Identifier: Apache-2.0
-- A wallet that told no keeps it: its reference is told the same for ever, and never asked for again.
ALTER TABLE wallet_transaction
    ADD COLUMN reason text,    -- why it was declined, as the switch names it: CREDIT_LIMIT
    ADD COLUMN detail text,    -- and in a sentence
    ADD COLUMN replaced uuid,  -- the id before this one: it is reversed before anything is bought under this one
    DROP CONSTRAINT wallet_transaction_state_check,
    ADD CONSTRAINT wallet_transaction_state_check CHECK (state IN ('asked', 'approved', 'cancelled', 'declined')),
    ADD CONSTRAINT wallet_transaction_declined_check
        CHECK ((state = 'declined') = (reason IS NOT NULL AND detail IS NOT NULL));
