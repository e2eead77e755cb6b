-- SPDX-License-Identifier: Apache-2.0
\set id random(1, 1000000000)
INSERT INTO lone.purchase (id, amount_minor) VALUES (:id, 13000);
