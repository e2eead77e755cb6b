-- SPDX-License-Identifier: Apache-2.0
-- A client's name is compared with a certificate's by its bytes, of which there is room for 63 (CLIENT_NAME_SIZE); so many
-- characters may be more. Rows that are there already are left as they are: nodes leave out those whose name is too long.
ALTER TABLE client DROP CONSTRAINT client_name_check;
ALTER TABLE client ADD CONSTRAINT client_name_check CHECK (octet_length(name) BETWEEN 1 AND 63) NOT VALID;
