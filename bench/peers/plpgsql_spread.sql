-- SPDX-License-Identifier: Apache-2.0
\set who random(1, :travellers)
\set org 1 + :who % :organisations
SELECT peer.authorize(peer.new_id(), :org, :who, :who, 13000, 'single', 'line 45, bus 4711');
