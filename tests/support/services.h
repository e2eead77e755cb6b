/* SPDX-License-Identifier: Apache-2.0 */
/* services: real PostgreSQL and Redis servers for tests, private to them, gone when the test ends.
 *
 * `./dev test` starts one PostgreSQL for the whole run and says where it is in VAXEL_TEST_POSTGRES (a conninfo without
 * dbname, of a superuser); each test takes a fresh, migrated database in it. A test that breaks PostgreSQL starts a
 * server of its own. A Redis takes 50 ms, so every test starts its own. Everything listens on unix sockets or loopback
 * only. */
#ifndef VAXEL_TESTS_SUPPORT_SERVICES_H
#define VAXEL_TESTS_SUPPORT_SERVICES_H

#include <stdbool.h>
#include <sys/types.h>

#define TEST_TEXT 256

struct test_redis {
    pid_t pid;
    char directory[TEST_TEXT]; /* its own, under build/ or /tmp */
    char address[TEST_TEXT];   /* "unix:/…/redis.sock" */
};

/* Each ends the test with a message when it can't do what it says. */
void test_redis_start(struct test_redis *redis);
void test_redis_kill(struct test_redis *redis);    /* SIGKILL, and waits */
void test_redis_restart(struct test_redis *redis); /* the same socket and directory; what it has saved is loaded */
void test_redis_stop(struct test_redis *redis);    /* ends it and removes its directory */
/* Runs one command given as words and returns the reply as text in a static buffer (nested replies by lines). */
const char *test_redis_command(const struct test_redis *redis, const char *format, ...);

/* A fresh database, migrated or empty; `conninfo` names it. Dropped by test_database_drop(). */
struct test_database {
    char name[64];
    char conninfo[TEST_TEXT];
};
void test_database_create(struct test_database *database, bool is_migrated);
void test_database_drop(struct test_database *database);
/* Runs SQL; the first column of the first row as text in a static buffer, "" when there is none. */
const char *test_sql(const char *conninfo, const char *format, ...);

/* A PostgreSQL server of the test's own with one migrated database "vaxel", with fsync and synchronous_commit on. */
struct test_postgres {
    pid_t pid;
    char directory[TEST_TEXT];
    char conninfo[TEST_TEXT];
};
void test_postgres_start(struct test_postgres *postgres);
void test_postgres_kill(struct test_postgres *postgres);     /* as a crash: SIGQUIT to the postmaster, and waits */
void test_postgres_kill_all(struct test_postgres *postgres); /* SIGKILL to all its processes at once, and waits */
void test_postgres_pause(struct test_postgres *postgres);    /* SIGSTOP to all its processes */
void test_postgres_resume(struct test_postgres *postgres);
void test_postgres_restart(struct test_postgres *postgres); /* after a kill */
void test_postgres_stop(struct test_postgres *postgres);

/* A throw-away authority with certificates made by the openssl command: DIR/authority.pem, and NAME.pem, NAME.key for
 * each name (the common name; all serve localhost and 127.0.0.1 as well). */
void test_certificates(const char *directory, const char *const *names, int count);
/* Copies of those that the whole run shares, made by who asks first; for tests that are not about who signed what. All
 * who ask must want the same names. */
void test_shared_certificates(const char *directory, const char *const *names, int count);

/* A new directory of the test's own; removed when the test's process ends well. */
void test_directory(char directory[TEST_TEXT]);

/* A loopback port that was free a moment ago, and is given to nobody else in the run. */
int test_free_port(void);

/* Starts a program with its output in `log`; ended by test_process_end(). */
pid_t test_process_start(const char *log, const char *const *arguments);
int test_process_end(pid_t pid, int signal); /* its exit status, or 128 + signal */

/* The processes whose parent is this one; how many. */
#define TEST_CHILDREN 512
size_t test_children(pid_t parent, pid_t children[TEST_CHILDREN]);

/* Where the build's programs are: "…/vaxeld". */
void test_program(const char *name, char path[TEST_TEXT]);

#endif
