/* SPDX-License-Identifier: Apache-2.0 */
/* support: what the files behind services.h share. */
#ifndef VAXEL_TESTS_SUPPORT_SUPPORT_H
#define VAXEL_TESTS_SUPPORT_SUPPORT_H

#include "support/services.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stddef.h>

/* How long anything may take before a test gives up: generous, for sanitizers on a busy machine. */
#define SUPPORT_PATIENCE_MS 60000

/* Whom a process runs as. PostgreSQL refuses root, so root's servers run as the user `postgres`. */
enum support_user { SUPPORT_SELF, SUPPORT_DATABASE };

/* Starts a program that dies with the test: by `death_signal` if the test's own process goes first. */
pid_t support_start(enum support_user user, int death_signal, const char *log, const char *const *arguments);

/* Runs a program to its end; fails the test, with what it said, unless it exits with 0. */
void support_run(enum support_user user, const char *const *arguments);

/* Waits for a process; false when it still runs after `patience_ms`. `status` as from waitpid(2). */
bool support_wait(pid_t pid, int patience_ms, int *status);

/* Ends the test if the process has ended, with the end of its log. */
void support_expect_alive(pid_t pid, const char *name, const char *log);

/* A new directory under this run's own, belonging to `user`. */
void support_directory(enum support_user user, char directory[TEST_TEXT]);
void support_remove(const char *directory);

/* printf into a text of TEST_TEXT; fails the test when it does not fit. */
__attribute__((format(printf, 2, 3))) void support_format(char text[TEST_TEXT], const char *format, ...);

void support_sleep_ms(int ms);

/* Whether a Redis answers, and has loaded what it had saved. */
bool support_redis_answers(const struct test_redis *redis);

/* Brings a database to this build's version with `vaxel migrate`. */
void support_migrate(const char *conninfo);

#endif
