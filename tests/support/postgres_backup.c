/* SPDX-License-Identifier: Apache-2.0 */
#include "support/postgres_backup.h"
#include "support/support.h"

#include <stdlib.h>

static void data_and_backup(const struct test_postgres *postgres, char data[TEST_TEXT], char backup[TEST_TEXT]) {
    support_format(data, "%s/data", postgres->directory);
    support_format(backup, "%s/backup", postgres->directory);
}

void test_postgres_back_up(const struct test_postgres *postgres) {
    const char *directory = getenv("VAXEL_POSTGRES_BIN");
    char program[TEST_TEXT], data[TEST_TEXT], backup[TEST_TEXT], source[TEST_TEXT];
    support_format(program, "%s/pg_basebackup", directory ? directory : "/usr/lib/postgresql/15/bin");
    support_format(source, "host=%s user=postgres", postgres->directory);
    data_and_backup(postgres, data, backup);
    const char *arguments[] = {program, "-D", backup, "-d", source, "-X", "stream", "-c", "fast", NULL};
    support_run(SUPPORT_DATABASE, arguments);
}

void test_postgres_restore(struct test_postgres *postgres) {
    char data[TEST_TEXT], backup[TEST_TEXT];
    data_and_backup(postgres, data, backup);
    test_postgres_kill(postgres);
    support_remove(data);
    const char *copy[] = {"/bin/cp", "-a", "--", backup, data, NULL};
    support_run(SUPPORT_DATABASE, copy);
    test_postgres_restart(postgres);
}
