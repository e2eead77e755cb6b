-- SPDX-License-Identifier: Apache-2.0
\set who random(1, :travellers)
SELECT peer.authorize(peer.new_id(), 1, :who, 13000);
