-- SPDX-License-Identifier: Apache-2.0
\set who random(1, :travellers)
SELECT peer.authorize(peer.new_id(), 1, :who, :who, 13000, 'single', 'line 45, bus 4711');
