-- SPDX-License-Identifier: Apache-2.0
\set who random(1, :travellers)
\set org 1 + (:who % :organisations)
SELECT peer.authorize(peer.new_id(), :org, :who, 13000);
