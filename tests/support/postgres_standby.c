/* SPDX-License-Identifier: Apache-2.0 */
#include "support/postgres_standby.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void postgres_program(const char *name, char path[TEST_TEXT]) {
    const char *directory = getenv("VAXEL_POSTGRES_BIN");
    support_format(path, "%s/%s", directory ? directory : "/usr/lib/postgresql/15/bin", name);
}

static void copy_primary(const struct test_pair *pair) {
    char program[TEST_TEXT];
    char data[TEST_TEXT];
    char source[TEST_TEXT];
    postgres_program("pg_basebackup", program);
    support_format(data, "%s/data", pair->standby.directory);
    support_format(source, "host=%s user=postgres application_name=standby", pair->primary.directory);
    const char *arguments[] = {program, "-D", data, "-d", source, "-R", "-X", "stream", "-c", "fast", NULL};
    support_run(SUPPORT_DATABASE, arguments);
}

void test_pair_start(struct test_pair *pair) {
    memset(pair, 0, sizeof *pair);
    test_postgres_start(&pair->primary);
    support_directory(SUPPORT_DATABASE, pair->standby.directory);
    support_format(pair->standby.conninfo, "host=%s user=postgres dbname=vaxel", pair->standby.directory);
    copy_primary(pair);
    test_postgres_restart(&pair->standby);
    /* Set after the copy: the standby, once promoted, waits for nobody. */
    test_sql(pair->primary.conninfo, "ALTER SYSTEM SET synchronous_standby_names = 'standby'");
    test_sql(pair->primary.conninfo, "SELECT pg_reload_conf()");
    test_pair_wait_synchronous(pair);
    snprintf(pair->conninfo, sizeof pair->conninfo,
             "host=%s,%s user=postgres dbname=vaxel target_session_attrs=read-write connect_timeout=2",
             pair->primary.directory, pair->standby.directory);
}

static void wait_until(const char *conninfo, const char *is_so, const char *what) {
    for (int waited_ms = 0; strcmp(test_sql(conninfo, "SELECT %s", is_so), "t") != 0; waited_ms += 10) {
        if (waited_ms > SUPPORT_PATIENCE_MS) {
            cr_fatal("%s: not within a minute", what);
        }
        support_sleep_ms(10);
    }
}

void test_pair_wait_synchronous(struct test_pair *pair) {
    wait_until(pair->primary.conninfo, "EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')",
               "the standby follows");
}

void test_pair_promote(struct test_pair *pair) {
    char program[TEST_TEXT];
    char data[TEST_TEXT];
    postgres_program("pg_ctl", program);
    support_format(data, "%s/data", pair->standby.directory);
    const char *arguments[] = {program, "promote", "-s", "-w", "-D", data, NULL};
    support_run(SUPPORT_DATABASE, arguments);
    wait_until(pair->standby.conninfo, "NOT pg_is_in_recovery()", "the standby is promoted");
}

void test_pair_stop(struct test_pair *pair) {
    test_postgres_stop(&pair->standby);
    test_postgres_stop(&pair->primary);
}
