-- SPDX-License-Identifier: Apache-2.0
-- The example company, for `./dev run`, for trying things out and for tests. Run again it changes nothing, not even what was
-- blocked or spent since.
--
--   organisation 1   active, limit 20 000.00 SEK
--     department 1   own billing details, no budget
--       department 3   below 1 and billed with it, budget 5 000.00
--     department 2   billed with the organisation, no budget
--   organisation 2   suspended, limit 5 000.00
--
--   credit  traveller  paid by       on                                          a month   state
--   1       1          department 2  card 9932543656338003                       1 000.00  active
--   2       2          department 3  app  5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e01   1 500.00  active
--   3       3          department 2  app  5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e02   1 500.00  not activated
--   4       4          department 2  card 9932543656338012                       1 000.00  blocked
--   5       5          department 1  card 9932543656338020                       1 000.00  ended
--   6       6          organisation 2  card 9932543656338038                     1 000.00  active; its organisation is suspended
--   7       7          organisation 1  card 9932543656338004                     1 000.00  active
--
-- The card of credit 1 is the one that the domain's description prints. Its last digit does not fulfil Luhn's rule; credit 7
-- is on the card that has all other digits the same and does.
--
--   client         may call                                                                 for
--   validator-1    authorize, capture, void, reverse, advise, block_list, balance, echo     cards
--   validator-2    the same, twice a second at most                                         cards
--   app-backend-1  authorize, capture, void, reverse, balance, lookup, echo                 the app
--   wallet-1       authorize, capture, void, reverse, balance, lookup, echo                 card, app
--   office-1       all                                                                      card, app, portal
--   ops-1          all                                                                      card, app, portal

INSERT INTO organisation (id, state, limit_minor) VALUES
    (1, 'active', 2000000),
    (2, 'suspended', 500000)
ON CONFLICT DO NOTHING;

INSERT INTO department (id, organisation, parent, budget_minor) VALUES
    (1, 1, NULL, NULL),
    (2, 1, NULL, NULL),
    (3, 1, 1, 500000)
ON CONFLICT DO NOTHING;

INSERT INTO billing_details (id, organisation, department, address, postcode, city, reference) VALUES
    (1, 1, NULL, 'Exempelgatan 7', '831 30', 'Östersund', 'Ekonomi 100'),
    (2, 1, 1, 'Provvägen 12 B', '831 48', 'Östersund', 'Verkstad 210'),
    (3, 2, NULL, 'Påhittade torget 3', '831 31', 'Östersund', 'Kansli 1')
ON CONFLICT DO NOTHING;

INSERT INTO traveller (id, organisation) VALUES
    (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 2), (7, 1)
ON CONFLICT DO NOTHING;

INSERT INTO credit (id, organisation, traveller, department, card, app, limit_minor, state) VALUES
    (1, 1, 1, 2, 9932543656338003, NULL, 100000, 'active'),
    (2, 1, 2, 3, NULL, '5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e01', 150000, 'active'),
    (3, 1, 3, 2, NULL, '5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e02', 150000, 'not_activated'),
    (4, 1, 4, 2, 9932543656338012, NULL, 100000, 'blocked'),
    (5, 1, 5, 1, 9932543656338020, NULL, 100000, 'ended'),
    (6, 2, 6, NULL, 9932543656338038, NULL, 100000, 'active'),
    (7, 1, 7, NULL, 9932543656338004, NULL, 100000, 'active')
ON CONFLICT DO NOTHING;

INSERT INTO client (id, name, kind, calls, channels, rate_per_s) VALUES
    (1, 'validator-1', 'validator', '{authorize,balance,echo,capture,void,reverse,advise,block_list}', '{card}', 0),
    (2, 'app-backend-1', 'app_backend', '{authorize,balance,lookup,echo,capture,void,reverse}', '{app}', 0),
    (3, 'office-1', 'office', '{authorize,balance,lookup,echo,capture,void,reverse,refund,advise,block_list}',
        '{card,app,portal}', 0),
    (4, 'ops-1', 'ops', '{authorize,balance,lookup,echo,capture,void,reverse,refund,advise,block_list}',
        '{card,app,portal}', 0),
    (5, 'validator-2', 'validator', '{authorize,balance,echo,capture,void,reverse,advise,block_list}', '{card}', 2),
    (6, 'wallet-1', 'app_backend', '{authorize,balance,lookup,echo,capture,void,reverse}', '{card,app}', 0)
ON CONFLICT DO NOTHING;

-- The next row without an id of its own comes after these.
SELECT setval(pg_get_serial_sequence('organisation', 'id'), max(id)) FROM organisation;
SELECT setval(pg_get_serial_sequence('department', 'id'), max(id)) FROM department;
SELECT setval(pg_get_serial_sequence('billing_details', 'id'), max(id)) FROM billing_details;
SELECT setval(pg_get_serial_sequence('traveller', 'id'), max(id)) FROM traveller;
SELECT setval(pg_get_serial_sequence('credit', 'id'), max(id)) FROM credit;
SELECT setval(pg_get_serial_sequence('client', 'id'), max(id)) FROM client;
