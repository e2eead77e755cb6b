-- SPDX-License-Identifier: Apache-2.0
-- What follows an authorization are calls of their own, each a right that a client has or has not.
ALTER TABLE client DROP CONSTRAINT client_calls_check;
ALTER TABLE client ADD CONSTRAINT client_calls_check CHECK (calls <@ ARRAY['authorize', 'balance', 'lookup', 'echo',
    'capture', 'void', 'reverse', 'refund', 'advise', 'block_list']);

-- DOMAIN F4: two equal purchases of one credit nearer than this are a double tap. 0: each is what the traveller wants.
ALTER TABLE client ADD COLUMN double_tap_s integer NOT NULL DEFAULT 0 CHECK (double_tap_s BETWEEN 0 AND 3600);
