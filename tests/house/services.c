/* SPDX-License-Identifier: Apache-2.0 */
/* The servers that all other tests stand on. */
#include "support/services.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

Test(house, a_redis_that_was_killed_starts_again_with_what_it_had_saved) {
    struct test_redis redis;
    test_redis_start(&redis);
    test_redis_command(&redis, "SET %s %s", "saved", "a b");
    test_redis_command(&redis, "SAVE");
    test_redis_command(&redis, "SET later 1");
    test_redis_kill(&redis);
    test_redis_restart(&redis);
    cr_expect_str_eq(test_redis_command(&redis, "MGET saved later"), "a b\n");
    cr_expect_str_eq(test_redis_command(&redis, "CONFIG GET maxmemory-policy"), "maxmemory-policy\nnoeviction");
    char directory[TEST_TEXT];
    strcpy(directory, redis.directory);
    test_redis_stop(&redis);
    cr_expect(access(directory, F_OK) != 0);
}

Test(house, two_databases_of_one_test_are_strangers) {
    struct test_database one;
    struct test_database other;
    test_database_create(&one, true);
    test_database_create(&other, false);
    test_sql(one.conninfo, "INSERT INTO organisation (limit_minor) VALUES (%d)", 2000000);
    cr_expect_str_eq(test_sql(one.conninfo, "SELECT limit_minor FROM organisation"), "2000000");
    cr_expect_str_eq(test_sql(other.conninfo, "SELECT to_regclass('organisation')"), "");
    test_database_drop(&one);
    test_database_drop(&other);
}

Test(house, a_postgres_that_crashed_has_what_was_committed) {
    struct test_postgres postgres;
    test_postgres_start(&postgres);
    cr_expect_str_eq(test_sql(postgres.conninfo, "SHOW fsync"), "on");
    cr_expect_str_eq(test_sql(postgres.conninfo, "SHOW synchronous_commit"), "on");
    test_sql(postgres.conninfo, "INSERT INTO organisation (limit_minor) VALUES (7)");
    test_postgres_kill(&postgres);
    test_postgres_restart(&postgres);
    test_postgres_pause(&postgres);
    test_postgres_resume(&postgres);
    cr_expect_str_eq(test_sql(postgres.conninfo, "SELECT limit_minor FROM organisation"), "7");
    test_postgres_pause(&postgres);
    test_postgres_stop(&postgres);
}

Test(house, a_program_tells_how_it_ended) {
    const char *sleeper[] = {"/bin/sleep", "100", NULL};
    cr_expect_eq(test_process_end(test_process_start(NULL, sleeper), SIGTERM), 128 + SIGTERM);
}

Test(house, what_a_test_started_dies_with_it) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t test = fork();
    if (test == 0) {
        const char *sleeper[] = {"/bin/sleep", "100", NULL};
        test_process_start(NULL, sleeper);
        _exit(0);
    }
    close(ends[1]);
    waitpid(test, NULL, 0);
    /* The pipe's other end is open for as long as the sleeper lives. */
    char nothing;
    cr_expect_eq(read(ends[0], &nothing, 1), 0);
}

Test(house, certificates_are_of_the_authority_beside_them) {
    char directory[TEST_TEXT];
    char command[2 * TEST_TEXT];
    test_directory(directory);
    const char *names[] = {"node", "validator-1"};
    test_certificates(directory, names, 2);
    snprintf(command, sizeof command,
             "cd %s && openssl verify -CAfile authority.pem node.pem validator-1.pem >/dev/null", directory);
    cr_expect_eq(system(command), 0);
}

#define PORTS 500

/* Of so many drawn by chance, two would be the same. None is one that the kernel may give to who connects. */
Test(house, a_port_is_given_once) {
    static bool is_given[65536];
    char directory[TEST_TEXT];
    test_directory(directory);
    setenv("VAXEL_TEST_DIRECTORY", directory, 1); /* not out of those of the run */
    for (int i = 0; i < PORTS; i++) {
        int port = test_free_port();
        cr_assert(port > 1024 && port < 32768);
        cr_assert_not(is_given[port], "%d, which is draw %d", port, i);
        is_given[port] = true;
    }
}
