/* SPDX-License-Identifier: Apache-2.0 */
/* postgres_backup: a copy of a running server as pg_basebackup takes it, and the server set back to it. */
#ifndef VAXEL_TESTS_SUPPORT_POSTGRES_BACKUP_H
#define VAXEL_TESTS_SUPPORT_POSTGRES_BACKUP_H

#include "support/services.h"

/* One for each server; both end the test with a message when they can't do what they say. */
void test_postgres_back_up(const struct test_postgres *postgres);
/* Ends the server, and starts it anew as it was when it was backed up: all that came later is gone. */
void test_postgres_restore(struct test_postgres *postgres);

#endif
